//! Why a score or an alert was not accepted, and whether trying again can help.

use std::sync::Arc;
use std::time::Duration;

use crate::secrets::SecretError;

/// What to do with a score that was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It may be accepted later.
    Retry {
        /// Not before this has passed, where the sink said so or the cause is known to need time.
        after: Option<Duration>,
    },
    /// This score will never be accepted.
    GiveUp,
}

/// How long a score waits whose span may still be on its way to the backend, and how long after the configuration was
/// found wrong: nothing is given up for a key that has to be changed.
const UNTIL_SPAN_ARRIVES: Duration = Duration::from_secs(30);
const UNTIL_REPAIRED: Duration = Duration::from_mins(1);

/// Why a score was not accepted. Never carries a secret or span content.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeliveryError {
    /// No answer: refused connection, broken connection, name not found.
    #[error("{host} cannot be reached; check that it runs and that its address is right")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the client says.
        source: Arc<reqwest::Error>,
    },
    /// No answer in time.
    #[error("{host} did not answer within {}; raise its `timeout` in the configuration if it is only slow", crate::config::duration::format(*.timeout))]
    Timeout {
        /// Host and port.
        host: String,
        /// How long it was given.
        timeout: Duration,
    },
    /// The sink is overloaded or down for the moment.
    #[error("the receiver is not ready ({status}): {message}")]
    NotReady {
        /// The HTTP status or gRPC code.
        status: String,
        /// What it says.
        message: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The trace or span is not in the backend.
    #[error("the backend has no {what} yet; is the application's telemetry sent there too?")]
    NotThereYet {
        /// `trace …` or `span …`.
        what: String,
    },
    /// The address or the credentials are wrong.
    #[error("the receiver refuses judged ({status}): {message}; check its address and its key")]
    Misconfigured {
        /// The HTTP status or gRPC code.
        status: String,
        /// What it says.
        message: String,
    },
    /// The sink refuses the score itself.
    #[error("the receiver refused what was sent ({status}): {message}")]
    Refused {
        /// The HTTP status or gRPC code.
        status: String,
        /// What it says.
        message: String,
    },
    /// An OTLP receiver took a part of a batch and does not say which; sending it again would double that part.
    #[error("the receiver rejected {rejected} of {sent} records of a batch and does not say which: {message}")]
    PartlyRejected {
        /// How many it rejected.
        rejected: i64,
        /// How many there were.
        sent: usize,
        /// What it says.
        message: String,
    },
    /// An answer that this API does not give.
    #[error("the receiver answered what its API does not: {what}")]
    UnexpectedAnswer {
        /// What was wrong with it.
        what: String,
    },
}

impl DeliveryError {
    /// Whether the receiver takes nothing at the moment, rather than not this.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::NotReady { .. } | Self::Misconfigured { .. } => {
                true
            }
            Self::NotThereYet { .. }
            | Self::Refused { .. }
            | Self::PartlyRejected { .. }
            | Self::UnexpectedAnswer { .. } => false,
        }
    }

    /// Whether trying again can help, and when.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::UnexpectedAnswer { .. } => {
                Disposition::Retry { after: None }
            }
            Self::NotReady { retry_after, .. } => Disposition::Retry { after: *retry_after },
            Self::NotThereYet { .. } => Disposition::Retry { after: Some(UNTIL_SPAN_ARRIVES) },
            Self::Misconfigured { .. } => Disposition::Retry { after: Some(UNTIL_REPAIRED) },
            Self::Refused { .. } | Self::PartlyRejected { .. } => Disposition::GiveUp,
        }
    }
}

/// Why a sink cannot be built from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum SinkConfigError {
    /// A key is missing.
    #[error("sink `{sink}`: `{key}` is missing; {remedy}")]
    Missing {
        sink: String,
        key: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// A value that cannot be used.
    #[error("sink `{sink}`: `{key}`: {problem}")]
    Value {
        sink: String,
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A secret that is not where it should be.
    #[error("sink `{sink}`: {problem}")]
    Secret {
        sink: String,
        /// Which key names it, and what is wrong.
        problem: SecretError,
    },
    /// Two sinks of one name would share an outbox.
    #[error("two sinks are named `{0}`; every name has its own backlog, so rename one")]
    Repeated(String),
    /// The HTTP client cannot be made.
    #[error("sink `{sink}`: the HTTP client cannot be made")]
    Client { sink: String, source: reqwest::Error },
}

/// Says of every evaluation at `part` that `error` happened to it.
pub(super) fn fail(results: &mut [Result<(), DeliveryError>], part: &[usize], error: &DeliveryError) {
    for index in part {
        results[*index] = Err(error.clone());
    }
}
