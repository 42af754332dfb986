//! Requests that are refused at the door: counted by reason, and each reason told once.

use std::sync::atomic::{AtomicU32, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use super::metrics::Transport;
use crate::model::named_enum;
use crate::telemetry::metric_list;

named_enum! {
    /// Why a request is not taken in.
    pub enum RefusalReason {
        /// Larger than a limit allows, as it came or once decompressed.
        Size = "size",
        /// Of a content type that is not OTLP's.
        Type = "type",
        /// Of a content encoding that is not known.
        Compression = "compression",
        /// Not what its headers say, or no OTLP.
        Unreadable = "unreadable",
        /// It stopped arriving.
        Incomplete = "incomplete",
        /// Too much is in hand.
        Overload = "overload",
        /// Sent to an address that takes no requests of its kind.
        Address = "address",
        /// Sent by a web page, or under a name that is not this machine's.
        Forbidden = "forbidden",
        /// Without a token that is known.
        Token = "token",
        /// What judged needs to take it is away, or judged stops.
        Unavailable = "unavailable",
    }
}

/// Counts them. An exporter whose every batch is refused says so in its own log only, which nobody who looks at judged reads.
#[derive(Debug)]
pub(super) struct Refusals {
    counter: Counter<u64>,
    /// One bit a transport and reason that was told.
    told: AtomicU32,
}

impl Refusals {
    pub(super) fn new() -> Self {
        let counter = metric_list::INTAKE_REFUSALS.instrument();
        metric_list::INTAKE_REFUSALS.start_at_zero(&counter, &[]);
        Self { counter, told: AtomicU32::new(0) }
    }

    /// `message` is what the sender is told.
    pub(super) fn count(&self, transport: Transport, reason: RefusalReason, message: &str) {
        let attributes = [KeyValue::new("transport", transport.as_str()), KeyValue::new("reason", reason.as_str())];
        self.counter.add(1, &attributes);
        if self.is_first(transport, reason) {
            tracing::warn!(
                transport = transport.as_str(),
                reason = reason.as_str(),
                error = message,
                "an export request is refused; further ones of this kind are counted in judged.intake.refusals only"
            );
        }
    }

    fn is_first(&self, transport: Transport, reason: RefusalReason) -> bool {
        /// More than there are reasons.
        const REASONS: u32 = 10;
        let bit = 1 << (transport as u32 * REASONS + reason as u32);
        self.told.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_once_for_each_transport() {
        let refusals = Refusals::new();
        assert!(refusals.is_first(Transport::Http, RefusalReason::Size));
        assert!(!refusals.is_first(Transport::Http, RefusalReason::Size));
        assert!(refusals.is_first(Transport::Http, RefusalReason::Unavailable));
        assert!(refusals.is_first(Transport::Grpc, RefusalReason::Size));
        assert!(refusals.is_first(Transport::Amqp, RefusalReason::Unavailable));
    }
}
