//! Why a session with the broker ends.

use std::time::Duration;

use crate::pipeline::intake::AcceptError;

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a session with the broker ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("the broker cannot be reached within {} seconds", CONNECT_TIMEOUT.as_secs())]
    Timeout,
    #[error("the broker cannot be reached, or refused the credentials")]
    Connect(#[source] lapin::Error),
    #[error("{what}")]
    Refused {
        what: String,
        #[source]
        source: lapin::Error,
    },
    #[error("the connection to the broker broke")]
    Broken(#[from] lapin::Error),
    #[error("the broker cancelled the consumer of `{0}`: the queue was deleted, or moved to another node")]
    Cancelled(String),
    #[error("`{0}` is a stream: set intake.amqp.stream_from, or what comes while judged is away is never read")]
    IsStream(String),
    #[error(
        "`{0}` is no stream, but intake.amqp.stream_from is set: remove the setting, or declare the queue as a stream"
    )]
    IsNoStream(String),
    #[error("another worker has taken over the stream `{0}`")]
    Taken(String),
    #[error("the position in the stream cannot be read or written")]
    Position(#[from] AcceptError),
}
