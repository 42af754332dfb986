//! `LangWatch`'s SDKs: a type, an input and an output of every span, each value with a type of its own.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::documents::documents;
use crate::conventions::input_output::{called, returned};
use crate::conventions::json_tree::Node;
use crate::conventions::message_parts::{arguments, plain_text};
use crate::conventions::messages::messages;
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::span_view::Source;
use crate::conventions::usage::of_node;
use crate::model::{Role, StepKind, ToolCall};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["langwatch.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Langwatch]) {
        return None;
    }
    let value = |key: &str| source.unfolded(key).map(untyped);
    let mut parts = Parts { kind: source.str("langwatch.span.type").and_then(kind_of), ..Parts::default() };
    let (input, output) = (value("langwatch.input"), value("langwatch.output"));
    match parts.kind {
        Some(StepKind::Generation) => {
            parts.input = input.and_then(|node| said(&node, &Role::User));
            parts.output = output.and_then(|node| said(&node, &Role::Assistant));
            parts.tokens = value("langwatch.metrics").map(|node| of_node(&node)).unwrap_or_default();
        }
        Some(StepKind::Tool) => {
            parts.entity_name = Some(source.span.name.clone());
            parts.input = input.map(|given| {
                called(ToolCall { id: None, name: source.span.name.clone(), arguments: arguments(&given) })
            });
            parts.output = output.map(|result| returned(None, parts.entity_name.clone(), plain_text(&result)));
        }
        kind => {
            parts.input = input.map(|node| Said::text(Role::User, plain_text(&node)));
            if kind == Some(StepKind::Retrieval) {
                let found = value("langwatch.contexts").or(output);
                parts.documents = found.map(|node| documents(&node)).unwrap_or_default();
            } else {
                parts.output = output.map(|node| Said::text(Role::Assistant, plain_text(&node)));
            }
        }
    }
    Some(parts)
}

/// Messages are messages; any other value of a call is a text, JSON as it stands.
fn said(node: &Node<'_>, speaker: &Role) -> Option<Said> {
    let is_message = |node: &Node<'_>| node.has("role");
    match node {
        Node::List(items) if items.iter().any(is_message) => Said::structured(messages(node, speaker)),
        _ if is_message(node) => Said::structured(messages(node, speaker)),
        other => Some(Said::text(speaker.clone(), other.to_text())),
    }
}

fn kind_of(name: &str) -> Option<StepKind> {
    Some(match name {
        "llm" => StepKind::Generation,
        "rag" => StepKind::Retrieval,
        "tool" => StepKind::Tool,
        "agent" | "chain" | "workflow" => StepKind::Agent,
        "evaluation" | "guardrail" | "component" | "module" | "server" | "client" | "producer" | "consumer"
        | "task" => StepKind::Other,
        // `span` is the default and says nothing.
        _ => return None,
    })
}

/// `{"type": …, "value": …}` without its type; of a list of such values, one for each answer, the first.
fn untyped(node: Node<'_>) -> Node<'_> {
    fn value(node: Node<'_>) -> Option<Node<'_>> {
        node.get("value").filter(|_| node.has("type")).copied()
    }
    match value(node) {
        Some(Node::List([first, ..])) if node.str_of(&["type"]) == Some("list") => value(*first).unwrap_or(*first),
        found => found.unwrap_or(node),
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn typed_values_are_unpacked() {
        let span = |kind: &str| SpanBuilder::new("search").with("langwatch.span.type", kind);
        let call = span("llm")
            .with("langwatch.input", r#"{"type":"chat_messages","value":[{"role":"user","content":"Why?"}]}"#)
            .with("langwatch.output", r#"{"type":"list","value":[{"type":"chat_messages","value":[{"role":"assistant","content":"Because."}]}]}"#)
            .with("langwatch.metrics", r#"{"type":"json","value":{"promptTokens":5,"completionTokens":2}}"#)
            .step();
        assert_eq!((call.kind, call.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!(call.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Why?"));
        assert_eq!(call.usage.input_tokens, Some(5));
        let json = span("llm").with("langwatch.output", r#"{"type":"json","value":{"content":"x","score":1}}"#).step();
        assert_eq!(json.output_text.as_deref(), Some(r#"{"content":"x","score":1}"#));
        let found = span("rag")
            .with("langwatch.input", r#"{"type":"text","value":"tents"}"#)
            .with("langwatch.contexts", r#"{"type":"json","value":[{"document_id":"t2","content":"Skarv 2"}]}"#)
            .step();
        assert_eq!((found.kind, found.documents[0].id.as_deref()), (StepKind::Retrieval, Some("t2")));
        let tool = span("tool").with("langwatch.output", r#"{"type":"text","value":"rain"}"#).step();
        assert_eq!((tool.kind, tool.entity_name.as_deref()), (StepKind::Tool, Some("search")));
    }
}
