//! Genkit: actions with JSON input and output.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::documents::documents;
use crate::conventions::input_output::{called, returned};
use crate::conventions::json_tree::Node;
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::provider::provider;
use crate::conventions::provider_payloads::{request, response};
use crate::conventions::span_view::Source;
use crate::conventions::usage::of_node;
use crate::model::{Message, ProblemCode, Role, StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["genkit:*", "genkit.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Genkit]) {
        return None;
    }
    let name = source.text(&["genkit:name"]);
    let subtype = source.str("genkit:metadata:subtype").or_else(|| source.str("genkit:type")).unwrap_or_default();
    let mut parts = Parts { kind: kind_of(subtype), entity_name: name.clone(), ..Parts::default() };
    let input = source.unfolded("genkit:input");
    let output = source.node("genkit:output");
    match parts.kind {
        Some(StepKind::Generation) => {
            // The name is `provider/model`.
            let (vendor, model) = name.as_deref().and_then(|name| name.split_once('/')).unzip();
            parts.provider = vendor.map(provider);
            parts.request_model = model.map(str::to_owned).or(name);
            read_model(source, input.as_ref(), output.map(|node| source.unfold(node)).as_ref(), &mut parts);
        }
        Some(StepKind::Tool) => {
            let call = ToolCall {
                id: None,
                name: name.clone().unwrap_or_default(),
                arguments: input.as_ref().map(arguments).unwrap_or_default(),
            };
            parts.input = Some(called(call));
            // The newer tools wrap their result: {"output": …}.
            let unwrapped = |node: Node<'_>| match node {
                Node::Map([("output", inner)]) => plain_text(inner),
                _ => plain_text(&node),
            };
            parts.output = output.map(|node| returned(None, name, unwrapped(node)));
        }
        Some(StepKind::Retrieval) => {
            parts.input = input.as_ref().map(|node| {
                let query = node.get("query").unwrap_or(node);
                let text = query.get("content").map_or_else(|| plain_text(query), plain_text);
                Said::text(Role::User, text)
            });
            parts.documents = output.map(|node| documents(&source.unfold(node))).unwrap_or_default();
        }
        Some(StepKind::Agent) => {
            parts.input = input.as_ref().map(|node| {
                Said::body(request(node).map(|read| read.messages).unwrap_or_default())
                    .unwrap_or_else(|| Said::text(Role::User, node.to_text()))
            });
            parts.output = output.map(|node| {
                Said::body(response(&node).map(|read| read.messages).unwrap_or_default())
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

fn read_model(source: &Source<'_>, input: Option<&Node<'_>>, output: Option<&Node<'_>>, parts: &mut Parts) {
    if let Some(read) = input.and_then(request) {
        parts.input = Said::structured(read.messages);
        parts.tools = read.tools;
    }
    if let Some(node) = output {
        if let Some(read) = response(node) {
            parts.output = Said::structured(refused(read.messages, node));
            parts.finish_reasons = read.finish_reasons;
        }
        if !node.has("finishReason") {
            parts.is_cut = true;
            source.report(
                ProblemCode::CutAnswer,
                "genkit:output has no finishReason: the call was cancelled before its answer ended",
            );
        }
        parts.response_id = node.at(&["custom", "id"]).and_then(Node::as_str).map(str::to_owned);
        parts.response_model = node.at(&["custom", "model"]).and_then(Node::as_str).map(str::to_owned);
        parts.tokens = node.get("usage").map(of_node).unwrap_or_default();
        if let Some(thoughts) = node.at(&["usage", "thoughtsTokens"]).and_then(Node::as_i64) {
            parts.tokens.reasoning = Some(thoughts);
        }
    }
}

/// A refusal stands beside the message, which is empty.
fn refused(mut said: Vec<Message>, node: &Node<'_>) -> Vec<Message> {
    let Some(text) = node.str_of(&["finishMessage"]).filter(|text| !text.is_empty()) else { return said };
    if said.iter().all(|message| message.parts.is_empty()) {
        said = vec![Message::text(Role::Assistant, text)];
    }
    said
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    fn action(subtype: &str) -> SpanBuilder {
        SpanBuilder::new("a").with("genkit:type", "action").with("genkit:metadata:subtype", subtype)
    }

    #[test]
    fn a_model_action_is_a_call() {
        let step = action("model")
            .with("genkit:name", "openai/gpt-5-mini")
            .with("genkit:input", r#"{"messages":[{"role":"user","content":[{"text":"Why?"}]}]}"#)
            .with("genkit:output", r#"{"message":{"role":"model","content":[{"text":"Because."}]},"finishReason":"stop","usage":{"inputTokens":5,"outputTokens":2}}"#)
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!((step.provider.as_deref(), step.request_model.as_deref()), (Some("openai"), Some("gpt-5-mini")));
        assert_eq!(step.usage.input_tokens, Some(5));
    }

    #[test]
    fn retrievers_and_tools_are_theirs() {
        let found = action("retriever")
            .with("genkit:input", r#"{"query":{"content":[{"text":"tents"}]}}"#)
            .with("genkit:output", r#"{"documents":[{"content":[{"text":"Skarv 2"}],"metadata":{"id":"t2"}}]}"#)
            .step();
        assert_eq!((found.kind, found.documents[0].text.as_deref()), (StepKind::Retrieval, Some("Skarv 2")));
        assert_eq!(found.input.unwrap_or_default()[0].joined_text().as_deref(), Some("tents"));
        let tool = action("tool")
            .with("genkit:name", "f")
            .with("genkit:input", r#"{"a":1}"#)
            .with("genkit:output", "\"two\"")
            .step();
        assert_eq!(
            (tool.kind, tool.output.unwrap_or_default()[0].joined_text().as_deref()),
            (StepKind::Tool, Some("two"))
        );
    }
}
