//! Strands Agents: GenAI attributes and events with two habits of its own.

use crate::conventions::input_output::{called, returned};
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::messages::messages;
use crate::conventions::partial_step::Parts;
use crate::conventions::partial_step::Said;
use crate::conventions::span_view::Source;
use crate::conventions::usage::Tokens;
use crate::model::{Role, StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "event_loop.*",
    "gen_ai.event.*",
    "gen_ai.agent.tools",
    "gen_ai.tool.status",
    "gen_ai.tool.json_schema",
    "system_prompt",
    "tool.*",
    "agent.*",
    "tool_result",
    "memory.*",
];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let provider = || source.str("gen_ai.provider.name").or_else(|| source.str("gen_ai.system"));
    let is_early = source.scope() == "strands-agents";
    if source.scope() != "strands.telemetry.tracer" && !is_early && provider() != Some("strands-agents") {
        return None;
    }
    // Bedrock's counts: cached tokens stand beside the input, not in it.
    let tokens = Tokens { cache_excluded: true, ..Tokens::default() };
    let mut parts = Parts { tokens, ..Parts::default() };
    if is_early && source.str("gen_ai.operation.name").is_none() {
        read_early(source, &mut parts);
    }
    if ["event_loop.cycle_id", "agent_loop.cycle_id"].iter().any(|key| source.has(key))
        && !source.has("gen_ai.operation.name")
        && parts.kind.is_none()
    {
        parts.kind = Some(StepKind::Agent);
    }
    if source.span.name == "memory.search" || source.span.events.iter().any(|event| event.name == "memory.results") {
        parts.kind = Some(StepKind::Retrieval);
        read_memory(source, &mut parts);
    }
    Some(parts)
}

/// Before 1.0 no span says its operation: agents, cycles, model calls and tools differ by what else they carry.
fn read_early(source: &Source<'_>, parts: &mut Parts) {
    let has = |key: &str| source.has(key);
    if has("tool.name") {
        parts.kind = Some(StepKind::Tool);
        parts.entity_name = source.text(&["tool.name"]);
        let name = parts.entity_name.clone().unwrap_or_default();
        let id = source.text(&["tool.id"]);
        parts.input = source
            .unfolded("tool.parameters")
            .map(|given| called(ToolCall { id: id.clone(), name, arguments: arguments(&given) }));
        parts.output =
            source.unfolded("tool.result").map(|result| returned(id, parts.entity_name.clone(), plain_text(&result)));
    } else if has("event_loop.cycle_id") || has("system_prompt") || has("agent.tools") {
        parts.kind = Some(StepKind::Agent);
    } else if has("gen_ai.request.model") {
        parts.kind = Some(StepKind::Generation);
    }
}

fn read_memory(source: &Source<'_>, parts: &mut Parts) {
    for event in &source.span.events {
        let nodes =
            event.attributes.iter().filter_map(|(key, value)| source.tree(key, value)).map(|node| source.unfold(node));
        match event.name.as_str() {
            "memory.query" => {
                let texts: Vec<_> = nodes.flat_map(|node| messages(&node, &Role::User)).collect();
                parts.input = Said::structured(texts);
            }
            "memory.results" => {
                parts.documents = nodes.flat_map(|node| crate::conventions::documents::documents(&node)).collect();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{Message, StepKind};

    #[test]
    fn spans_from_before_operations_are_told_by_what_they_carry() {
        let span = |name: &str| {
            SpanBuilder::new(name)
                .scope("strands-agents")
                .with("gen_ai.prompt", r#"[{"role":"user","content":[{"text":"Why?"}]}]"#)
                .with("gen_ai.completion", r#"[{"text":"Because."}]"#)
        };
        let agent_name = |span: SpanBuilder| span.with("gen_ai.agent.name", "A").with("gen_ai.request.model", "m");
        let call = agent_name(span("Model invoke")).step();
        assert_eq!((call.kind, call.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        let agent = agent_name(span("A")).with("agent.tools", "[]").step();
        let cycle = span("Cycle 1").with("event_loop.cycle_id", "1").step();
        assert_eq!((agent.kind, cycle.kind), (StepKind::Agent, StepKind::Agent));
        let tool = span("Tool: f").with("tool.name", "f").with("tool.id", "c1").with("tool.parameters", r#"{"a":1}"#);
        let tool = tool.with("tool.result", r#"[{"text":"2"}]"#).step();
        let call = tool.input.iter().flatten().flat_map(Message::tool_calls).next().unwrap();
        assert_eq!((tool.kind, &call.arguments), (StepKind::Tool, &serde_json::json!({"a": 1})));
    }

    #[test]
    fn input_leaves_the_cache_out_and_is_made_whole() {
        let step = SpanBuilder::new("chat")
            .with("gen_ai.system", "strands-agents")
            .with("gen_ai.request.model", "m")
            .with("gen_ai.usage.input_tokens", 4)
            .with("gen_ai.usage.output_tokens", 1)
            .with("gen_ai.usage.cache_read_input_tokens", 3)
            .with("gen_ai.usage.cache_write_input_tokens", 2)
            .step();
        assert_eq!((step.usage.input_tokens, step.usage.cached_input_tokens), (Some(9), Some(3)));
    }
}
