//! `LiveKit` Agents: voice turns under `lk.*`.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{called, returned};
use crate::conventions::json_tree::Node;
use crate::conventions::message_parts::{arguments, plain_text, tool_call};
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::provider_payloads::request;
use crate::conventions::span_view::Source;
use crate::model::{Message, Part, Role, StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["lk.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::LiveKit]) {
        return None;
    }
    let mut parts = Parts::default();
    let has = |key: &str| source.has(key);
    if has("lk.function_tool.name") || has("lk.function_tool.output") {
        read_tool(source, &mut parts);
        return Some(parts);
    }
    if has("lk.chat_ctx") {
        parts.inferred_kind = Some(StepKind::Generation);
    } else if has("lk.user_input") || has("lk.agent_label") || has("lk.agent_name") {
        parts.inferred_kind = Some(StepKind::Agent);
    }
    // A chat context lists its messages under `items`.
    let context = source.unfolded("lk.chat_ctx");
    let read = context.as_ref().and_then(|node| request(node.get("items").unwrap_or(node)));
    let asked = source.text(&["lk.user_input", "lk.user_transcript", "lk.input_text"]);
    parts.input = read
        .and_then(|read| Said::structured(read.messages))
        .or_else(|| asked.map(|text| Said::text(Role::User, text)));
    let mut said: Vec<Part> = Vec::new();
    said.extend(source.text(&["lk.response.text"]).map(|text| Part::Text { text }));
    if let Some(Node::List(calls)) = source.unfolded("lk.response.function_calls") {
        said.extend(calls.iter().filter_map(|call| tool_call(&source.unfold(*call))).map(Part::ToolCall));
    }
    if !said.is_empty() || has("lk.response.text") {
        let message = Message { role: Role::Assistant, name: None, parts: said, finish_reason: None };
        parts.output = Said::structured(vec![message]);
    }
    Some(parts)
}

fn read_tool(source: &Source<'_>, parts: &mut Parts) {
    parts.kind = Some(StepKind::Tool);
    let name = source.text(&["lk.function_tool.name"]);
    parts.entity_name.clone_from(&name);
    let id = source.text(&["lk.function_tool.id"]);
    if let Some(given) = source.node("lk.function_tool.arguments") {
        let call = ToolCall { id: id.clone(), name: name.clone().unwrap_or_default(), arguments: arguments(&given) };
        parts.input = Some(called(call));
    }
    if let Some(output) = source.node("lk.function_tool.output") {
        parts.output = Some(returned(id, name, plain_text(&output)));
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn a_voice_turn_is_a_call() {
        let step = SpanBuilder::new("llm_node")
            .with("lk.chat_ctx", r#"{"items":[{"type":"message","role":"user","content":["Why?"]}]}"#)
            .with("lk.response.text", "Because.")
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Why?"));
    }
}
