//! Answers that nobody waited for to the end: the application stopped reading a stream, or the provider failed midway.
//!
//! Instrumentations tell it in different ways, and most keep the part of the text that came as the answer.

use super::span_view::Source;
use crate::model::{ProblemCode, StepKind, Value};

/// What says that an answer was streamed, in conventions that give every finished answer a finish reason.
const STREAMED: [&str; 2] = ["gen_ai.request.stream", "gen_ai.is_streaming"];

/// Whether an answer with text ended before the model's own end; reports it.
pub(super) fn report(source: &Source<'_>, kind: StepKind, answered: bool, finish_reasons: &[String]) -> bool {
    if kind != StepKind::Generation || !answered {
        return false;
    }
    let how = if finish_reasons.iter().any(|reason| reason == "error") {
        "the call ended in an error after a part of its answer"
    } else if finish_reasons.is_empty() && is_streamed(source) {
        "a streamed answer without a finish reason: reading it was stopped"
    } else {
        return false;
    };
    source.report(ProblemCode::CutAnswer, how);
    true
}

fn is_streamed(source: &Source<'_>) -> bool {
    STREAMED.iter().any(|key| source.get(key) == Some(&Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{CutPart, CutParts, ProblemCode, Step, Value};

    fn streamed(flag: &str, reason: Option<&str>) -> Step {
        let reason = reason.map(|reason| format!(r#","finish_reason":"{reason}""#)).unwrap_or_default();
        let text = r#"{"type":"text","content":"Two years from"}"#;
        SpanBuilder::new("chat")
            .with("gen_ai.operation.name", "chat")
            .with(flag, Value::Bool(true))
            .with("gen_ai.output.messages", format!(r#"[{{"role":"assistant","parts":[{text}]{reason}}}]"#))
            .step()
    }

    fn is_cut(step: &Step) -> bool {
        let named = step.problems.iter().any(|problem| problem.code == ProblemCode::CutAnswer);
        assert_eq!(named, step.cut == CutParts::from(CutPart::Output), "a cut answer is named, and nothing else is");
        named
    }

    #[test]
    fn a_stream_that_was_left_has_no_finish_reason() {
        for flag in super::STREAMED {
            assert!(is_cut(&streamed(flag, None)), "{flag}");
            assert!(!is_cut(&streamed(flag, Some("stop"))), "{flag}");
        }
        assert!(!is_cut(&streamed("app.streamed", None)), "what is not streamed often has no reason");
    }

    #[test]
    fn text_before_an_error_is_a_part_of_an_answer() {
        assert!(is_cut(&streamed("app.streamed", Some("error"))));
    }
}
