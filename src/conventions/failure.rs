//! Whether a call failed, however its producer says so.

use super::source::Source;
use crate::model::SpanStatus;

/// Logfire's level number of `error`.
const LOGFIRE_ERROR: i64 = 17;

/// What failed, in the producer's words; `None` when nothing did.
///
/// `answered` tells whether the span holds an answer: an exception on a span that is explicitly `Ok` and has an answer
/// was handled on the way (a retried attempt, a closed stream).
pub(crate) fn failure(source: &Source<'_>, answered: bool) -> Option<String> {
    let attributes = &source.span.attributes;
    let exception = || source.span.events.iter().find(|event| event.name == "exception");
    let exception_text = || {
        let attributes = &exception()?.attributes;
        let kind = attributes.str("exception.type").filter(|kind| !kind.is_empty());
        let message = attributes.str("exception.message").filter(|message| !message.is_empty());
        match (kind, message) {
            (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
            (kind, message) => kind.or(message).map(str::to_owned),
        }
    };
    let error_type = || source.text(&["error.type"]);
    match &source.span.status {
        SpanStatus::Error(message) => {
            let message = Some(message.trim()).filter(|message| !message.is_empty()).map(str::to_owned);
            return exception_text().or(message).or_else(error_type).or_else(|| Some("status ERROR".to_owned()));
        }
        SpanStatus::Ok if answered => return None,
        SpanStatus::Ok | SpanStatus::Unset => {}
    }
    if let Some(kind) = error_type() {
        return exception_text().or(Some(kind));
    }
    if exception().is_some() {
        return exception_text().or_else(|| Some("exception".to_owned()));
    }
    if attributes.str("langfuse.observation.level") == Some("ERROR") {
        return source.text(&["langfuse.observation.status_message"]).or_else(|| Some("level ERROR".to_owned()));
    }
    if attributes.i64("logfire.level_num").is_some_and(|level| level >= LOGFIRE_ERROR) {
        return source.text(&["error", "logfire.msg"]).or_else(|| Some("level error".to_owned()));
    }
    let logged = source.logs.iter().find(|log| log.event_name == "gen_ai.client.operation.exception")?;
    let message = logged.attributes.str("exception.message").or_else(|| logged.attributes.str("exception.type"));
    Some(message.unwrap_or("exception").to_owned())
}
