//! The way of a broker's message into intake: tried until it is committed, found unreadable, or the shutdown comes.

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Sender};
use super::arrival::Arrival;
use super::backoff::Backoff;
use super::compression::Compression;
use super::metrics::Transport;
use super::{AcceptError, Description, Intake};

/// How often a message is tried that the database refuses while it is there: beyond it the message is at fault.
const REFUSALS: u32 = 10;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HandedOver {
    Committed,
    /// It can never be read, for this reason.
    Unreadable(String),
    /// Left where it is, by a shutdown or a broken connection.
    Left,
}

/// Where the messages of one broker are handed over.
#[derive(Clone, Copy)]
pub(super) struct Handover<'a> {
    pub(super) intake: &'a Intake,
    pub(super) admission: &'a Admission,
    pub(super) transport: Transport,
    /// The largest message, packed and unpacked.
    pub(super) limit: usize,
    /// What sets it, as its operator is told.
    pub(super) limit_key: &'static str,
}

impl Handover<'_> {
    /// Held back rather than given back while the database is away: a message given back comes again at once, and counts as a failed
    /// one. `is_left` says that nobody waits for it any more.
    pub(super) async fn hand_over(
        &self,
        description: Description,
        encoding: &str,
        data: Bytes,
        is_left: impl Fn() -> bool,
        shutdown: &CancellationToken,
    ) -> HandedOver {
        let mut backoff = Backoff::of_message();
        let mut refusals = 0;
        loop {
            match self.accept(description, encoding, data.clone()).await {
                Ok(()) => return HandedOver::Committed,
                Err(AcceptError::Unreadable(reason) | AcceptError::Unknown(reason) | AcceptError::TooLarge(reason)) => {
                    return HandedOver::Unreadable(reason);
                }
                Err(AcceptError::Overloaded) => {}
                Err(AcceptError::Unavailable { reason, transient: false }) if refusals == REFUSALS => {
                    return HandedOver::Unreadable(format!("the database refused it {REFUSALS} times: {reason}"));
                }
                Err(AcceptError::Unavailable { transient, .. }) => refusals += u32::from(!transient),
                // The broker gives it to the next consumer.
                Err(AcceptError::Stopping) => return HandedOver::Left,
            }
            if is_left() || !backoff.wait(shutdown).await {
                return HandedOver::Left;
            }
        }
    }

    async fn accept(&self, description: Description, encoding: &str, data: Bytes) -> Result<(), AcceptError> {
        let (limit, key) = (self.limit, self.limit_key);
        if data.len() > limit {
            let length = data.len();
            return Err(AcceptError::Unreadable(format!("the message has {length} bytes; {key} allows {limit}")));
        }
        // The Collector's exporter compresses nothing and says nothing; others may.
        let compression = Compression::parse(encoding)?;
        let (sender, admission) = (Sender::Broker, self.admission.clone());
        let arrival = Arrival { sender, compression, body: data, max_decompressed: limit, admission };
        let memory = arrival.enter().await?;
        self.intake.accept(self.transport, description, arrival, memory).await.map(drop)
    }
}
