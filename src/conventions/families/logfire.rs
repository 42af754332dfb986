//! Logfire's own instrumentation of model clients: request and response bodies, and a log span for what was streamed.

use crate::conventions::io::{read_input, read_output};
use crate::conventions::messages::messages;
use crate::conventions::node::Node;
use crate::conventions::parts::{Parts, Said};
use crate::conventions::source::Source;
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
    if !source.has_space(&["request_data", "response_data", "logfire"]) {
        return None;
    }
    let mut parts = Parts::default();
    if !source.has_space(&["request_data", "response_data"]) {
        return Some(parts);
    }
    let request_node = source.node("request_data").map(Node::unfolded);
    let speaks = request_node.as_ref().is_some_and(|node| node.first_of(&["messages", "prompt", "contents"]).is_some());
    let embeds = request_node.as_ref().is_some_and(|node| node.get("input").is_some());
    if speaks || source.has_space(&["response_data"]) {
        parts.inferred_kind = Some(if embeds && !speaks { StepKind::Embedding } else { StepKind::Generation });
    }
    if speaks {
        read_input(source, "request_data", &mut parts);
    }
    read_response(source, &mut parts);
    // An agent SDK's generation lists its answer behind the question, in one list.
    if parts.output.is_none() && !source.has_space(&["response_data"]) && speaks {
        let all = request_node.and_then(|node| node.get("messages").map(|all| messages(all, &Role::User)));
        if let Some(last) = all.and_then(|mut all| all.pop()).filter(|last| last.role == Role::Assistant)
            && source.has_space(&["output"])
        {
            parts.output = Said::structured(vec![last.clone()]);
            if let Some(said) = &mut parts.input {
                said.messages.retain(|message| *message != last);
            }
        }
    }
    Some(parts)
}

/// `{"message": {…}, "usage": {…}}`, or what a stream added up to: `{"combined_chunk_content": "…"}`.
fn read_response(source: &Source<'_>, parts: &mut Parts) {
    let Some(node) = source.node("response_data").map(Node::unfolded) else { return };
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
