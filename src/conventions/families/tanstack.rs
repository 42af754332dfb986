//! `TanStack` AI's `otelMiddleware`: a root without an operation around one span a model call, and tool spans whose
//! arguments and result are written as messages.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{called, returned};
use crate::conventions::json_tree::Node;
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::partial_step::Parts;
use crate::conventions::span_view::Source;
use crate::model::{StepKind, ToolCall};

pub(super) const KNOWN: &[&str] = &["tanstack.ai.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Tanstack]) {
        return None;
    }
    let mut parts = Parts::default();
    if source.has("tanstack.ai.iterations") {
        // The loop as a whole: it repeats its calls' model, tokens and last answer.
        parts.kind = Some(StepKind::Agent);
    } else if source.has("gen_ai.tool.name") {
        parts.kind = Some(StepKind::Tool);
        read_tool(source, &mut parts);
    }
    Some(parts)
}

fn read_tool(source: &Source<'_>, parts: &mut Parts) {
    let name = source.text(&["gen_ai.tool.name"]);
    let id = source.text(&["gen_ai.tool.call.id"]);
    parts.entity_name.clone_from(&name);
    if let Some(given) = content(source, "gen_ai.input.messages") {
        let call = ToolCall { id: id.clone(), name: name.clone().unwrap_or_default(), arguments: arguments(&given) };
        parts.input = Some(called(call));
    }
    if let Some(result) = content(source, "gen_ai.output.messages") {
        parts.output = Some(returned(id, name, plain_text(&result)));
    }
}

/// The content of the only message under `key`.
fn content<'a>(source: &Source<'a>, key: &str) -> Option<Node<'a>> {
    let [message] = source.unfolded(key)?.as_list()? else { return None };
    message.get("content").copied()
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn the_loop_is_an_agent_and_its_turns_are_the_calls() {
        let turn =
            SpanBuilder::new("chat m #0").with("gen_ai.operation.name", "chat").with("gen_ai.request.model", "m");
        assert_eq!(turn.with("tanstack.ai.iteration", 0).step().kind, StepKind::Generation);
        let root = SpanBuilder::new("chat m").with("gen_ai.request.model", "m").with("tanstack.ai.iterations", 2);
        assert_eq!(root.step().kind, StepKind::Agent);
    }

    #[test]
    fn a_tool_told_in_messages_is_a_call_with_arguments_and_a_result() {
        let step = SpanBuilder::new("execute_tool f")
            .with("tanstack.ai.tool.outcome", "success")
            .with("gen_ai.tool.name", "f")
            .with("gen_ai.input.messages", r#"[{"role":"tool","content":"{\"a\":1}"}]"#)
            .with("gen_ai.output.messages", r#"[{"role":"tool","content":"two"}]"#)
            .step();
        let call = step.input.iter().flatten().flat_map(crate::model::Message::tool_calls).next().cloned();
        assert_eq!(call.map(|call| (call.name, call.arguments)), Some(("f".into(), serde_json::json!({"a": 1}))));
        assert_eq!(step.output.unwrap_or_default()[0].joined_text().as_deref(), Some("two"));
    }
}
