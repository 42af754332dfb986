//! Genkit: actions with JSON input and output.

use crate::conventions::bodies::{request, response};
use crate::conventions::documents::documents;
use crate::conventions::io::{called, returned};
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::node::Node;
use crate::conventions::parts::{Parts, Said};
use crate::conventions::provider::provider;
use crate::conventions::source::Source;
use crate::conventions::usage::of_node;
use crate::model::{Role, StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["genkit:*", "genkit.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&["genkit"]) {
        return None;
    }
    let name = source.text(&["genkit:name"]);
    let subtype = source.str("genkit:metadata:subtype").or_else(|| source.str("genkit:type")).unwrap_or_default();
    let mut parts = Parts { kind: kind_of(subtype), entity_name: name.clone(), ..Parts::default() };
    let input = source.node("genkit:input").map(Node::unfolded);
    let output = source.node("genkit:output");
    match parts.kind {
        Some(StepKind::Generation) => {
            parts.operation = Some("chat".to_owned());
            // The name is `provider/model`.
            let (vendor, model) = name.as_deref().and_then(|name| name.split_once('/')).unzip();
            parts.provider = vendor.map(provider);
            parts.request_model = model.map(str::to_owned).or(name);
            read_model(input.as_ref(), output.map(Node::unfolded).as_ref(), &mut parts);
        }
        Some(StepKind::Tool) => {
            let call = ToolCall {
                id: None,
                name: name.clone().unwrap_or_default(),
                arguments: input.as_ref().map(arguments).unwrap_or_default(),
            };
            parts.input = Some(called(call));
            parts.output = output.map(|node| returned(None, name, plain_text(&node)));
        }
        Some(StepKind::Retrieval) => {
            parts.input = input.as_ref().map(|node| {
                let query = node.get("query").unwrap_or(node);
                let text = query.get("content").map_or_else(|| plain_text(query), plain_text);
                Said::text(Role::User, text)
            });
            parts.documents = output.map(|node| documents(&node.unfolded())).unwrap_or_default();
        }
        Some(StepKind::Agent) => {
            parts.input = input.as_ref().map(|node| {
                Said::generic(request(node).map(|read| read.messages).unwrap_or_default())
                    .unwrap_or_else(|| Said::text(Role::User, node.to_text()))
            });
            parts.output = output.map(|node| {
                Said::generic(response(&node).map(|read| read.messages).unwrap_or_default())
                    .unwrap_or_else(|| Said::text(Role::Assistant, node.to_text()))
            });
        }
        _ => {}
    }
    Some(parts)
}

fn kind_of(subtype: &str) -> Option<StepKind> {
    Some(match subtype {
        "model" | "background-model" => StepKind::Generation,
        "retriever" | "reranker" => StepKind::Retrieval,
        "embedder" => StepKind::Embedding,
        "tool" | "tool.v2" => StepKind::Tool,
        "flow" | "agent" | "flowStep" | "util" | "generate" => StepKind::Agent,
        "evaluator" | "indexer" | "prompt" | "executable-prompt" | "action" | "custom" => StepKind::Other,
        _ => return None,
    })
}

fn read_model(input: Option<&Node<'_>>, output: Option<&Node<'_>>, parts: &mut Parts) {
    if let Some(read) = input.and_then(request) {
        parts.input = Said::structured(read.messages);
        parts.tools = read.tools;
    }
    if let Some(node) = output {
        if let Some(read) = response(node) {
            parts.output = Said::structured(read.messages);
            parts.finish_reasons = read.finish_reasons;
        }
        parts.tokens = node.get("usage").map(of_node).unwrap_or_default();
        if let Some(thoughts) = node.at(&["usage", "thoughtsTokens"]).and_then(Node::as_i64) {
            parts.tokens.reasoning = Some(thoughts);
        }
    }
}
