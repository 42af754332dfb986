//! Whether a call failed, however its producer says so.

use super::span_view::Source;
use crate::model::SpanStatus;

/// Logfire's level number of `error`.
const LOGFIRE_ERROR: i64 = 17;

/// What failed, in the producer's words; `None` when nothing did.
///
/// `answered` tells whether the span holds an answer: an exception on a span that is explicitly `Ok` and has an answer
/// was handled on the way (a retried attempt, a closed stream).
pub(crate) fn failure(source: &Source<'_>, answered: bool) -> Option<String> {
    told(source, answered).map(|text| brief(&text))
}

/// The first paragraph: tracebacks follow after it.
fn brief(text: &str) -> String {
    /// Enough for a provider's whole message.
    const MAX_CHARS: usize = 500;
    let first = text.trim().split("\n\n").next().unwrap_or_default();
    first.chars().take(MAX_CHARS).collect()
}

fn told(source: &Source<'_>, answered: bool) -> Option<String> {
    let attributes = &source.span.attributes;
    let exception = || source.span.events.iter().find(|event| is_exception(&event.name));
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
    let logged = source.logs.iter().find(|log| is_exception(&log.event_name))?;
    let message = logged.attributes.str("exception.message").or_else(|| logged.attributes.str("exception.type"));
    Some(message.unwrap_or("exception").to_owned())
}

/// `exception`, and the same of one kind of operation: `gen_ai.client.operation.exception`, `gen_ai.execute_tool.exception`.
fn is_exception(event: &str) -> bool {
    event == "exception" || (event.starts_with("gen_ai.") && event.ends_with(".exception"))
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;

    fn call() -> SpanBuilder {
        SpanBuilder::new("chat").with("gen_ai.operation.name", "chat")
    }

    #[test]
    fn every_way_to_say_that_a_call_failed_is_heard() {
        let exception = [("exception.type", "RateLimitError"), ("exception.message", "slow down\n\nTraceback: …")];
        let cases = [
            (call().failed("429"), "429"),
            (call().failed(""), "status ERROR"),
            (call().with("error.type", "timeout"), "timeout"),
            (call().event("exception", &exception), "RateLimitError: slow down"),
            (call().failed("429").event("exception", &exception), "RateLimitError: slow down"),
        ];
        for (span, expected) in cases {
            assert_eq!(span.step().error.as_deref(), Some(expected));
        }
    }

    #[test]
    fn an_exception_that_was_handled_on_the_way_to_an_answer_is_no_failure() {
        let answer = r#"[{"role":"assistant","parts":[{"type":"text","content":"Yes."}]}]"#;
        let step =
            call().ok().event("exception", &[("exception.type", "Retry")]).with("gen_ai.output.messages", answer);
        assert_eq!(step.step().error, None);
        let nothing = call().ok().event("exception", &[("exception.type", "Retry")]);
        assert_eq!(nothing.step().error.as_deref(), Some("Retry"));
    }
}
