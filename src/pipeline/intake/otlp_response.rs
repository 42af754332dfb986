//! Why a request was not taken in, in terms every transport can answer with.

use std::time::Duration;

use super::AcceptError;
use super::admission::Overrun;
use super::compression::ACCEPTED;
use super::http_body::BodyError;
use super::refusals::RefusalReason;

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
    /// Do not send: it is not taken from there.
    Forbid,
    /// Send it with a token that is known.
    Authenticate,
    /// Send it again later, because judged has too much to do.
    SlowDown(Duration),
    /// Send it again later, because something judged needs is away.
    Retry(Duration),
}

/// A request that was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: RefusalReason,
    pub(super) advice: Advice,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(reason: RefusalReason, advice: Advice, message: impl Into<String>) -> Self {
        Self { reason, advice, message: message.into() }
    }

    /// Sent to the wrong address.
    pub(super) fn redirect(message: impl Into<String>) -> Self {
        Self::new(RefusalReason::Address, Advice::Redirect, message)
    }

    /// From somewhere that nothing is taken from.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(RefusalReason::Forbidden, Advice::Forbid, message)
    }

    /// Without a token that is known.
    pub(super) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(RefusalReason::Token, Advice::Authenticate, message)
    }

    pub(super) fn of_body(error: &BodyError, retry_after: Duration) -> Self {
        let (reason, advice) = match error {
            BodyError::TooLarge { .. } | BodyError::Overrun(Overrun::TooLarge { .. }) => {
                (RefusalReason::Size, Advice::Shrink)
            }
            BodyError::Broken => (RefusalReason::Incomplete, Advice::Fix),
            BodyError::TooSlow { .. } => (RefusalReason::Incomplete, Advice::Retry(retry_after)),
            BodyError::Overrun(Overrun::Busy) => (RefusalReason::Overload, Advice::SlowDown(retry_after)),
        };
        Self::new(reason, advice, error.to_string())
    }

    pub(super) fn of_accept(error: &AcceptError, retry_after: Duration) -> Self {
        let (reason, advice) = match error {
            AcceptError::Unreadable(_) => (RefusalReason::Unreadable, Advice::Fix),
            AcceptError::Unknown(_) => (RefusalReason::Compression, Advice::Reencode),
            AcceptError::TooLarge(_) => (RefusalReason::Size, Advice::Shrink),
            AcceptError::Overloaded => (RefusalReason::Overload, Advice::SlowDown(retry_after)),
            AcceptError::Unavailable { .. } | AcceptError::Stopping => {
                (RefusalReason::Unavailable, Advice::Retry(retry_after))
            }
        };
        Self::new(reason, advice, error.to_string())
    }

    pub(super) fn unsupported_media_type(found: &str) -> Self {
        let found: String = found.chars().take(60).collect();
        Self::new(
            RefusalReason::Type,
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
