//! Google ADK: Gemini requests and responses as JSON; `{}` and `N/A` stand for content that was not captured.

use crate::conventions::bodies::{request, response};
use crate::conventions::io::{called, returned};
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::node::Node;
use crate::conventions::parts::{Parts, Said};
use crate::conventions::source::Source;
use crate::conventions::usage::of_node;
use crate::model::{StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["gcp.vertex.agent.*", "gcp.mcp.*", "adk.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&["gcp"]) && source.scope() != "gcp.vertex.agent" {
        return None;
    }
    let mut parts = Parts::default();
    let given = source.node("gcp.vertex.agent.tool_call_args");
    let result = source.node("gcp.vertex.agent.tool_response");
    if given.is_some() || result.is_some() {
        parts.inferred_kind = Some(StepKind::Tool);
        read_tool(source, given, result, &mut parts);
        return Some(parts);
    }
    let asked = source.node("gcp.vertex.agent.llm_request").map(Node::unfolded);
    let answered = source.node("gcp.vertex.agent.llm_response").map(Node::unfolded);
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
        parts.tokens = node.first_of(&["usage_metadata", "usageMetadata"]).map(of_node).unwrap_or_default();
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
        let result = result.unfolded();
        parts.output = Some(returned(id, name, plain_text(result.get("result").unwrap_or(&result))));
    }
}
