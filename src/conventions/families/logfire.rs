//! Logfire's own instrumentation of model clients: request and response bodies, and a log span for what was streamed.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{read_input, read_output};
use crate::conventions::json_tree::Node;
use crate::conventions::messages::messages;
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::span_view::Source;
use crate::conventions::usage::of_node;
use crate::model::{Role, StepKind};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "logfire.*",
    "request_data",
    "response_data",
    "events",
    "duration",
    "async",
    "response",
    "raw_input",
    "model_settings",
    "agent_trace_id",
    "code.*",
];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::RequestData, Space::ResponseData, Space::Logfire]) {
        return None;
    }
    let mut parts = Parts::default();
    if source.scope() == "logfire.openai_agents" {
        read_agent_step(source, &mut parts);
    }
    if !source.has_space(&[Space::RequestData, Space::ResponseData]) {
        return Some(parts);
    }
    let request_node = source.unfolded("request_data");
    let speaks = request_node.as_ref().is_some_and(|node| node.first_of(&["messages", "prompt", "contents"]).is_some());
    let embeds = request_node.as_ref().is_some_and(|node| node.get("input").is_some());
    if speaks || source.has_space(&[Space::ResponseData]) {
        parts.inferred_kind = Some(if embeds && !speaks { StepKind::Embedding } else { StepKind::Generation });
    }
    if speaks {
        read_input(source, "request_data", &mut parts);
    }
    read_response(source, &mut parts);
    // An agent SDK's generation lists its answer behind the question, in one list.
    if parts.output.is_none() && !source.has_space(&[Space::ResponseData]) && speaks {
        let all = request_node.and_then(|node| node.get("messages").map(|all| messages(all, &Role::User)));
        if let Some(last) = all.and_then(|mut all| all.pop()).filter(|last| last.role == Role::Assistant)
            && source.has_space(&[Space::Output])
        {
            parts.output = Said::structured(vec![last.clone()]);
            if let Some(said) = &mut parts.input {
                said.messages.retain(|message| *message != last);
            }
        }
    }
    Some(parts)
}

/// Steps of the OpenAI Agents SDK say what they are by their message template alone.
fn read_agent_step(source: &Source<'_>, parts: &mut Parts) {
    let template = source.str("logfire.msg_template").unwrap_or_default();
    let starts = |heads: &[&str]| heads.iter().any(|head| template.starts_with(head));
    if starts(&["Function"]) {
        parts.kind = Some(StepKind::Tool);
        parts.entity_name = source.text(&["name"]);
        read_input(source, "input", parts);
        read_output(source, "output", parts);
    } else if starts(&["Agent", "OpenAI Agents trace"]) {
        parts.kind = Some(StepKind::Agent);
        parts.entity_name = source.text(&["name"]);
    } else if !starts(&["Responses", "Chat completion"]) {
        parts.kind = Some(StepKind::Other);
    }
}

/// `{"message": {…}, "usage": {…}}`, or what a stream added up to: `{"combined_chunk_content": "…"}`.
fn read_response(source: &Source<'_>, parts: &mut Parts) {
    let Some(node) = source.unfolded("response_data") else { return };
    if let Some(usage) = node.get("usage") {
        parts.tokens = of_node(usage);
    }
    if node.get("message").is_some_and(Node::is_map)
        || node.get("combined_chunk_content").is_some()
        || node.get("text").is_some()
    {
        read_output(source, "response_data", parts);
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, StepKind};

    fn request() -> SpanBuilder {
        SpanBuilder::new("Chat Completion with 'm'")
            .with("gen_ai.request.model", "m")
            .with("request_data", r#"{"messages":[{"role":"user","content":"Why?"}],"model":"m"}"#)
    }

    #[test]
    fn bodies_are_read() {
        let answer = r#"{"message":{"role":"assistant","content":"Because."},"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
        let step = request().with("response_data", answer).step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!(step.usage.output_tokens, Some(2));
    }

    #[test]
    fn the_request_of_a_stream_has_no_answer_and_its_record_has() {
        assert_eq!(request().step().content, ContentState::NotCaptured);
        let record = request().with("response_data", r#"{"combined_chunk_content":"Because.","chunk_count":3}"#).step();
        assert_eq!(record.output_text.as_deref(), Some("Because."));
    }

    #[test]
    fn a_function_of_an_agent_is_a_tool_and_its_turn_is_nothing() {
        let step = |template: &str| {
            SpanBuilder::new(template)
                .scope("logfire.openai_agents")
                .with("logfire.msg_template", template)
                .with("gen_ai.system", "openai")
                .with("name", "get_weather")
                .with("input", r#"{"city":"Bergen"}"#)
                .with("output", "rain")
                .step()
        };
        let tool = step("Function: {name}");
        assert_eq!((tool.kind, tool.entity_name.as_deref()), (StepKind::Tool, Some("get_weather")));
        assert_eq!(tool.output.unwrap_or_default()[0].joined_text().as_deref(), Some("rain"));
        assert_eq!(step("Turn {turn}").kind, StepKind::Other);
        assert_eq!(step("Agent run: {name!r}").kind, StepKind::Agent);
    }

    #[test]
    fn the_level_tells_a_failure() {
        assert!(request().with("logfire.level_num", 17).step().error.is_some());
    }
}
