//! Google ADK: Gemini requests and responses as JSON; `{}` and `N/A` stand for content that was not captured.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{called, returned};
use crate::conventions::json_tree::Node;
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::provider_payloads::{request, response};
use crate::conventions::span_view::Source;
use crate::conventions::usage::of_node;
use crate::model::{StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["gcp.vertex.agent.*", "gcp.mcp.*", "adk.*"];

/// The span of a model call.
const CALL: &str = "call_llm";
/// The name of the tool that stands for several.
const MERGED: &str = "(merged tools)";

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Gcp]) && source.scope() != "gcp.vertex.agent" {
        return None;
    }
    let mut parts = Parts::default();
    if source.str("gen_ai.tool.name") == Some(MERGED) {
        // Sums up parallel calls that have spans of their own.
        parts.kind = Some(StepKind::Other);
        return Some(parts);
    }
    let given = source.node("gcp.vertex.agent.tool_call_args");
    let result = source.node("gcp.vertex.agent.tool_response");
    if given.is_some() || result.is_some() {
        parts.inferred_kind = Some(StepKind::Tool);
        read_tool(source, given, result, &mut parts);
        return Some(parts);
    }
    // With content switched off, and when it fails, a call has nothing but its name.
    if source.span.name == CALL {
        parts.kind = Some(StepKind::Generation);
    }
    let asked = source.unfolded("gcp.vertex.agent.llm_request");
    let answered = source.unfolded("gcp.vertex.agent.llm_response");
    if asked.is_some() || answered.is_some() {
        parts.inferred_kind = Some(StepKind::Generation);
    }
    if let Some(read) = asked.as_ref().and_then(request) {
        parts.input = Said::structured(read.messages);
        parts.tools = read.tools;
        parts.request_model = read.model;
    }
    if let Some(node) = answered {
        if let Some(read) = response(&node) {
            parts.output = Said::structured(read.messages);
            parts.finish_reasons = read.finish_reasons;
            parts.response_model = read.model;
        }
        // The attributes count thinking as output, the body does not.
        let told = node.first_of(&["usage_metadata", "usageMetadata"]).map(of_node).unwrap_or_default();
        parts.tokens = source.tokens().or(told);
    }
    Some(parts)
}

fn read_tool(source: &Source<'_>, given: Option<Node<'_>>, result: Option<Node<'_>>, parts: &mut Parts) {
    let id = source.text(&["gen_ai.tool.call.id"]);
    let name = source.text(&["gen_ai.tool.name"]);
    parts.entity_name.clone_from(&name);
    if let Some(given) = given {
        let call = ToolCall { id: id.clone(), name: name.clone().unwrap_or_default(), arguments: arguments(&given) };
        parts.input = Some(called(call));
    }
    if let Some(result) = result {
        let result = source.unfold(result);
        parts.output = Some(returned(id, name, plain_text(result.get("result").unwrap_or(&result))));
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::{ContentState, StepKind};

    fn call() -> SpanBuilder {
        SpanBuilder::new("call_llm").scope("gcp.vertex.agent").with("gen_ai.system", "gcp.vertex.agent")
    }

    #[test]
    fn gemini_bodies_are_a_conversation() {
        let step = call()
            .with("gcp.vertex.agent.llm_request", r#"{"model":"gemini-2.5","config":{"system_instruction":"Be brief."},"contents":[{"role":"user","parts":[{"text":"Why?"}]}]}"#)
            .with("gcp.vertex.agent.llm_response", r#"{"content":{"role":"model","parts":[{"text":"Because."}]},"usage_metadata":{"prompt_token_count":5,"candidates_token_count":2}}"#)
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!((step.input.map(|input| input.len()), step.usage.input_tokens), (Some(2), Some(5)));
    }

    #[test]
    fn placeholders_are_no_content() {
        let step = call()
            .with("gen_ai.request.model", "gemini-2.5")
            .with("gen_ai.usage.output_tokens", 2)
            .with("gcp.vertex.agent.llm_request", "{}")
            .with("gcp.vertex.agent.llm_response", "{}")
            .step();
        assert_eq!((step.kind, step.content), (StepKind::Generation, ContentState::NotCaptured));
    }

    #[test]
    fn a_tool_span_is_a_tool() {
        let step = call().with("gcp.vertex.agent.tool_call_args", r#"{"a":1}"#).with("gen_ai.tool.name", "f").step();
        assert_eq!((step.kind, step.entity_name.as_deref()), (StepKind::Tool, Some("f")));
    }
}
