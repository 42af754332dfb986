//! A question that is older than an answer of the assistant that went in with it.

use super::span_view::Source;
use crate::model::{CutPart, CutParts, Message, ProblemCode, Role, StepKind};

/// Numbers of attributes at which SDKs and Collectors stop: a power of two from OpenTelemetry's default on. What stopped
/// may have lost its own count of what it dropped on the way here.
fn is_usual_count(attributes: usize) -> bool {
    attributes >= 128 && attributes.is_power_of_two()
}

/// An answer of the assistant went in after the newest question. Applications do so where the model is to go on with it; but
/// where each message is an attribute of its own and a limit on their number was met, the question that was answered may have
/// been dropped.
pub(super) fn report(source: &Source<'_>, kind: StepKind, input: &[Message]) -> CutParts {
    let answers = |message: &Message| {
        message.role == Role::Assistant
            && message.tool_calls().next().is_none()
            && message.joined_text().is_some_and(|text| !text.trim().is_empty())
    };
    let newest = input.iter().rev().find(|message| message.role != Role::System);
    let is_older = kind == StepKind::Generation && newest.is_some_and(answers);
    if !is_older {
        return CutParts::NONE;
    }
    source.report(ProblemCode::NewerQuestionMissing, "the newest message that went in is an answer of the assistant");
    let met_limit = source.span.dropped.attributes > 0 || is_usual_count(source.span.attributes.len());
    CutParts::of(CutPart::Input, met_limit && source.has_flattened_messages())
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{Dropped, Step};

    fn is_cut(step: &Step) -> bool {
        !step.cut.is_empty()
    }

    fn codes(step: &Step) -> Vec<&str> {
        step.problems.iter().map(|problem| problem.code.as_str()).collect()
    }

    #[test]
    fn an_answer_after_the_newest_question_is_named_and_where_a_limit_was_met_the_loss_of_a_question() {
        let input = r#"[{"role":"user","parts":[{"type":"text","content":"First?"}]},
                        {"role":"assistant","parts":[{"type":"text","content":"One."}]}]"#;
        let output = r#"[{"role":"assistant","parts":[{"type":"text","content":"Two."}]}]"#;
        let step = SpanBuilder::new("chat")
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.input.messages", input)
            .with("gen_ai.output.messages", output)
            .step();
        assert_eq!((is_cut(&step), codes(&step)), (false, vec!["newer_question_missing"]));
        let flattened = || {
            SpanBuilder::new("chat")
                .with("openinference.span.kind", "LLM")
                .with("llm.input_messages.0.message.role", "user")
                .with("llm.input_messages.0.message.content", "First?")
                .with("llm.input_messages.1.message.role", "assistant")
                .with("llm.input_messages.1.message.content", "One.")
                .with("llm.output_messages.0.message.role", "assistant")
                .with("llm.output_messages.0.message.content", "Two.")
        };
        let step = flattened().step();
        assert_eq!(
            (is_cut(&step), codes(&step)),
            (false, vec!["newer_question_missing"]),
            "the model may go on with it"
        );
        let step = flattened().dropped(Dropped { attributes: 2, ..Dropped::default() }).step();
        assert_eq!((is_cut(&step), codes(&step)), (true, vec!["attributes_dropped", "newer_question_missing"]));
        let of_length =
            |count: usize| (7..count).fold(flattened(), |span, at| span.with(&format!("app.{at}"), "x")).step();
        assert!(is_cut(&of_length(128)), "OpenTelemetry's default limit, and the count of what it dropped is gone");
        assert!(!is_cut(&of_length(129)));
    }
}
