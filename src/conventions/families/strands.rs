//! Strands Agents: GenAI attributes and events with two habits of its own.

use crate::conventions::messages::messages;
use crate::conventions::node::Node;
use crate::conventions::parts::Parts;
use crate::conventions::parts::Said;
use crate::conventions::source::Source;
use crate::conventions::usage::Tokens;
use crate::model::{Role, StepKind};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "event_loop.*",
    "gen_ai.event.*",
    "gen_ai.agent.tools",
    "gen_ai.tool.status",
    "gen_ai.tool.json_schema",
    "system_prompt",
    "tool.status",
    "tool_result",
    "memory.*",
];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let provider = || source.str("gen_ai.provider.name").or_else(|| source.str("gen_ai.system"));
    if source.scope() != "strands.telemetry.tracer" && provider() != Some("strands-agents") {
        return None;
    }
    // Bedrock's counts: cached tokens stand beside the input, not in it.
    let tokens = Tokens { cache_excluded: true, ..Tokens::default() };
    let mut parts = Parts { tokens, ..Parts::default() };
    if source.span.name == "memory.search" || source.span.events.iter().any(|event| event.name == "memory.results") {
        parts.kind = Some(StepKind::Retrieval);
        read_memory(source, &mut parts);
    }
    Some(parts)
}

fn read_memory(source: &Source<'_>, parts: &mut Parts) {
    for event in &source.span.events {
        let nodes = event.attributes.iter().filter_map(|(key, value)| source.tree(key, value)).map(Node::unfolded);
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
