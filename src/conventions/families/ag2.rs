//! AG2: GenAI attributes, and `ag2.span.type` for what stands around them. A conversation lists what was said by whoever
//! said it: the agent that starts it is the assistant there, and the one that answers may be the user.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::messages::messages;
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::span_view::Source;
use crate::model::{Message, Part, Role, StepKind};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["ag2.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Ag2]) {
        return None;
    }
    let kind_name = source.str("ag2.span.type");
    let mut parts = Parts { kind: kind_name.and_then(kind_of), ..Parts::default() };
    if kind_name == Some("conversation") {
        parts.output = final_answer(source);
    }
    Some(parts)
}

fn kind_of(name: &str) -> Option<StepKind> {
    Some(match name {
        "llm" => StepKind::Generation,
        "tool" | "code_execution" => StepKind::Tool,
        "agent" | "conversation" | "multi_conversation" => StepKind::Agent,
        "handoff" | "speaker_selection" | "human_input" => StepKind::Other,
        _ => return None,
    })
}

/// The last thing that was said, which is what whoever started the conversation got.
fn final_answer(source: &Source<'_>) -> Option<Said> {
    let said = messages(&source.unfolded("gen_ai.output.messages")?, &Role::Assistant);
    let has_text = |message: &Message| message.parts.iter().any(|part| matches!(part, Part::Text { .. }));
    let last = said.into_iter().rev().find(has_text)?;
    Said::chosen(vec![Message { role: Role::Assistant, ..last }])
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn a_conversation_ends_with_its_answer_whatever_its_role() {
        let step = SpanBuilder::new("conversation asker")
            .with("ag2.span.type", "conversation")
            .with("gen_ai.operation.name", "conversation")
            .with("gen_ai.input.messages", r#"[{"role":"user","parts":[{"type":"text","content":"Why?"}]}]"#)
            .with(
                "gen_ai.output.messages",
                r#"[{"role":"assistant","parts":[{"type":"text","content":"Why?"}]},{"role":"user","parts":[{"type":"text","content":"Because."}]}]"#,
            )
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Agent, Some("Because.")));
    }
}
