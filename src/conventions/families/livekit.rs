//! `LiveKit` Agents: voice turns under `lk.*`; from 1.7 on what may be personal stands under `lk.pii.*`.

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
    if has("lk.function_tool.name") || has("lk.function_tool.output") || has("lk.pii.function_tool.output") {
        read_tool(source, &mut parts);
        return Some(parts);
    }
    if has("lk.chat_ctx") || has("lk.pii.chat_ctx") {
        parts.inferred_kind = Some(StepKind::Generation);
    } else if ["lk.user_input", "lk.pii.user_input", "lk.agent_label", "lk.agent_name"].into_iter().any(has) {
        parts.inferred_kind = Some(StepKind::Agent);
    }
    // A chat context lists its messages under `items`.
    let context = unfolded(source, ["lk.pii.chat_ctx", "lk.chat_ctx"]);
    let read = context.as_ref().and_then(|node| request(node.get("items").unwrap_or(node)));
    let asked = source.text(&[
        "lk.pii.user_input",
        "lk.user_input",
        "lk.pii.user_transcript",
        "lk.user_transcript",
        "lk.pii.input_text",
        "lk.input_text",
    ]);
    // Changes of the agent's settings stand among them, and say nothing.
    let is_said = |message: &Message| !message.parts.iter().all(|part| matches!(part, Part::Other { .. }));
    let messages = read.map(|read| read.messages.into_iter().filter(is_said).collect());
    parts.input = messages.and_then(Said::structured).or_else(|| asked.map(|text| Said::text(Role::User, text)));
    let mut said: Vec<Part> = Vec::new();
    said.extend(source.text(&["lk.pii.response.text", "lk.response.text"]).map(|text| Part::Text { text }));
    if let Some(Node::List(calls)) = unfolded(source, ["lk.pii.response.function_calls", "lk.response.function_calls"])
    {
        said.extend(calls.iter().filter_map(|call| tool_call(&source.unfold(*call))).map(Part::ToolCall));
    }
    if !said.is_empty() || has("lk.response.text") || has("lk.pii.response.text") {
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
    if let Some(given) = unfolded(source, ["lk.pii.function_tool.arguments", "lk.function_tool.arguments"]) {
        let call = ToolCall { id: id.clone(), name: name.clone().unwrap_or_default(), arguments: arguments(&given) };
        parts.input = Some(called(call));
    }
    if let Some(output) = source.node("lk.pii.function_tool.output").or_else(|| source.node("lk.function_tool.output"))
    {
        parts.output = Some(returned(id, name, plain_text(&output)));
    }
}

fn unfolded<'a>(source: &Source<'a>, keys: [&str; 2]) -> Option<Node<'a>> {
    keys.iter().find_map(|key| source.unfolded(key))
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn a_voice_turn_is_a_call() {
        let step = SpanBuilder::new("llm_node")
            .with(
                "lk.chat_ctx",
                r#"{"items":[{"id":"i1","type":"agent_config_update","tools_added":["f"]},
                {"type":"message","role":"user","content":["Why?"]}]}"#,
            )
            .with("lk.response.text", "Because.")
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Why?"));
    }

    #[test]
    fn a_turn_and_a_tool_are_read_from_the_names_for_personal_data() {
        let turn = SpanBuilder::new("agent_turn")
            .with("lk.agent_label", "helper")
            .with("lk.pii.user_input", "Why?")
            .with("lk.pii.response.text", "Because.")
            .step();
        assert_eq!((turn.kind, turn.output_text.as_deref()), (StepKind::Agent, Some("Because.")));
        assert_eq!(turn.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Why?"));
        let tool = SpanBuilder::new("function_tool")
            .with("lk.function_tool.name", "f")
            .with("lk.pii.function_tool.arguments", r#"{"a":1}"#)
            .with("lk.pii.function_tool.output", "2")
            .step();
        assert_eq!(tool.kind, StepKind::Tool);
        assert_eq!(tool.output.unwrap_or_default()[0].joined_text().as_deref(), Some("2"));
    }
}
