//! Command-line coding agents: Claude Code and Gemini CLI.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{called, returned};
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::span_view::Source;
use crate::conventions::usage::Tokens;
use crate::model::{Role, StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "claude_code.*",
    "span.type",
    "user_prompt",
    "user_prompt_length",
    "new_context",
    "response.model_output",
    "model",
    "tool_name",
    "tool_input",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
    "query_source",
    "interaction.*",
    "request_id",
    "response.*",
];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    // VoltAgent's word, with other meanings.
    if source.has_space(&[Space::Entity]) {
        return None;
    }
    let word = source.str("span.type")?;
    let word = word.strip_prefix("claude_code.").unwrap_or(word);
    let kind = match word {
        "llm_request" => StepKind::Generation,
        "interaction" => StepKind::Agent,
        "tool" => StepKind::Tool,
        "tool.execution" | "tool.blocked_on_user" | "hook" => StepKind::Other,
        _ => return None,
    };
    let attributes = &source.span.attributes;
    let mut parts = Parts {
        kind: Some(kind),
        request_model: source.text(&["model"]),
        response_model: source.text(&["response.model"]),
        response_id: source.text(&["response.id", "request_id"]),
        entity_name: source.text(&["tool_name", "tool.name"]),
        // Anthropic's own counts: cached tokens stand beside the input.
        tokens: Tokens {
            input: attributes.i64("input_tokens"),
            output: attributes.i64("output_tokens"),
            cache_read: attributes.i64("cache_read_tokens"),
            cache_write: attributes.i64("cache_creation_tokens"),
            cache_excluded: true,
            ..Tokens::default()
        },
        ..Parts::default()
    };
    match kind {
        StepKind::Tool => read_tool(source, &mut parts),
        StepKind::Generation | StepKind::Agent => {
            if kind == StepKind::Generation {
                parts.provider = Some("anthropic".to_owned());
            }
            let asked = source.text(&["new_context", "user_prompt"]);
            parts.input = asked.map(|text| Said::text(Role::User, text));
            let answered = source.text(&["response.model_output", "response.output"]);
            parts.output = answered.map(|text| Said::text(Role::Assistant, text));
        }
        _ => {}
    }
    Some(parts)
}

fn read_tool(source: &Source<'_>, parts: &mut Parts) {
    let name = parts.entity_name.clone();
    if let Some(given) = source.node("tool_input") {
        let call = ToolCall { id: None, name: name.clone().unwrap_or_default(), arguments: arguments(&given) };
        parts.input = Some(called(call));
    }
    let event = source.span.events.iter().find(|event| event.name == "tool.output");
    let output = event.and_then(|event| {
        let keys = ["output", "tool.output", "content", "bash_output"];
        keys.iter().find_map(|key| source.node_of(&event.attributes, key))
    });
    if let Some(output) = output {
        parts.output = Some(returned(None, name, plain_text(&output)));
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, StepKind};

    #[test]
    fn a_request_counts_its_cache_beside_the_input() {
        let step = SpanBuilder::new("claude_code.llm_request")
            .with("span.type", "llm_request")
            .with("model", "claude")
            .with("input_tokens", 3)
            .with("cache_read_tokens", 7)
            .with("response.model_output", "<REDACTED>")
            .step();
        assert_eq!((step.kind, step.content), (StepKind::Generation, ContentState::Redacted));
        assert_eq!(step.usage.input_tokens, Some(10));
    }

    #[test]
    fn an_interaction_is_an_agent_and_a_tool_a_tool() {
        let interaction = SpanBuilder::new("i").with("span.type", "interaction").with("user_prompt", "Fix it").step();
        assert_eq!(interaction.kind, StepKind::Agent);
        let tool = SpanBuilder::new("t")
            .with("span.type", "tool")
            .with("tool_name", "Bash")
            .with("tool_input", r#"{"command":"ls"}"#)
            .event("tool.output", &[("output", "a.rs")])
            .step();
        assert_eq!(tool.output.unwrap_or_default()[0].joined_text().as_deref(), Some("a.rs"));
    }
}
