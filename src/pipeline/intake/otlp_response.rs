//! Why a request was not taken in, in terms every transport can answer with.

use std::time::Duration;

use super::AcceptError;
use super::http_body::{ACCEPTED, BodyError};

/// What the sender should do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    /// Fix it: the request is wrong and will be wrong again.
    Fix,
    /// Send less at once.
    Shrink,
    /// Encode it in another way.
    Reencode,
    /// Send it to another address.
    Redirect,
    /// Send it again later, because judged has too much to do.
    SlowDown(Duration),
    /// Send it again later, because something judged needs is away.
    Retry(Duration),
}

/// A request that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) advice: Advice,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(advice: Advice, message: impl Into<String>) -> Self {
        Self { advice, message: message.into() }
    }

    pub(super) fn of_body(error: &BodyError, retry_after: Duration) -> Self {
        let advice = match error {
            BodyError::TooLarge { .. } | BodyError::TooLargeDecompressed { .. } => Advice::Shrink,
            BodyError::UnknownCompression(_) => Advice::Reencode,
            BodyError::Corrupt(_) | BodyError::Broken => Advice::Fix,
            BodyError::TooSlow => Advice::Retry(retry_after),
            BodyError::Exhausted(_) => Advice::SlowDown(retry_after),
        };
        Self::new(advice, error.to_string())
    }

    pub(super) fn of_accept(error: &AcceptError, retry_after: Duration) -> Self {
        let advice = match error {
            AcceptError::Unreadable(_) => Advice::Fix,
            AcceptError::Unavailable { .. } | AcceptError::Stopping => Advice::Retry(retry_after),
        };
        Self::new(advice, error.to_string())
    }

    pub(super) fn unsupported_media_type(found: &str) -> Self {
        let found: String = found.chars().take(60).collect();
        Self::new(
            Advice::Reencode,
            format!(
                "content type `{found}` is not OTLP; use application/x-protobuf or application/json, compressed with {ACCEPTED}"
            ),
        )
    }
}

/// The message of a partial success; empty when nothing was rejected.
pub(super) fn partial_success(rejected: u64, complaint: Option<&str>) -> String {
    match complaint {
        Some(complaint) if rejected > 0 => {
            format!("{rejected} rejected and not judged; the first because: {complaint}")
        }
        _ => String::new(),
    }
}
