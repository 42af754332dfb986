//! Haystack's own tracing: components with JSON inputs and outputs.

use crate::conventions::bodies::{query_text, request, response};
use crate::conventions::documents::documents;
use crate::conventions::node::Node;
use crate::conventions::parts::{Parts, Said};
use crate::conventions::source::Source;
use crate::conventions::space::Space;
use crate::conventions::usage::of_node;
use crate::model::{Role, StepKind};

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["haystack.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Haystack]) {
        return None;
    }
    let class = source.str("haystack.component.type").unwrap_or_default();
    let mut parts = Parts {
        kind: kind_of(source, class),
        entity_name: source.text(&["haystack.component.name", "haystack.pipeline.name"]),
        ..Parts::default()
    };
    let input_keys = ["haystack.component.input", "haystack.agent.input", "haystack.pipeline.input_data"];
    let output_keys = ["haystack.component.output", "haystack.agent.output", "haystack.pipeline.output_data"];
    let input = input_keys.iter().find_map(|key| source.node(key)).map(Node::unfolded);
    let output = output_keys.iter().find_map(|key| source.node(key)).map(Node::unfolded);
    match parts.kind {
        Some(StepKind::Retrieval) => {
            parts.input = input.as_ref().and_then(query_text).map(|text| Said::text(Role::User, text));
            parts.documents = output.as_ref().map(documents).unwrap_or_default();
        }
        Some(StepKind::Generation | StepKind::Agent) => {
            parts.input = input.as_ref().and_then(request).and_then(|read| Said::structured(read.messages));
            if let Some(node) = &output {
                read_replies(node, &mut parts);
            }
        }
        _ => {}
    }
    Some(parts)
}

fn kind_of(source: &Source<'_>, class: &str) -> Option<StepKind> {
    if class.is_empty() {
        let spans_others = ["haystack.agent.input", "haystack.agent.output", "haystack.pipeline.input_data"];
        return spans_others.iter().any(|key| source.span.attributes.contains(key)).then_some(StepKind::Agent);
    }
    Some(match class {
        _ if class.ends_with("Retriever") || class.ends_with("Ranker") || class.ends_with("WebSearch") => {
            StepKind::Retrieval
        }
        _ if class.ends_with("Generator") => StepKind::Generation,
        _ if class.ends_with("Embedder") => StepKind::Embedding,
        "ToolInvoker" => StepKind::Tool,
        "Agent" => StepKind::Agent,
        _ => StepKind::Other,
    })
}

fn read_replies(node: &Node<'_>, parts: &mut Parts) {
    if let Some(read) = response(node) {
        parts.output = Said::structured(read.messages);
        parts.finish_reasons = read.finish_reasons;
    }
    // Model and usage stand in the metadata of the first reply.
    let reply = node.get("replies").and_then(Node::as_list).and_then(<[Node<'_>]>::first);
    let meta = reply
        .and_then(|reply| reply.first_of(&["meta", "_meta"]))
        .or_else(|| node.get("meta").and_then(|meta| meta.as_list().and_then(<[Node<'_>]>::first).or(Some(meta))));
    if let Some(meta) = meta {
        parts.response_model = meta.str_of(&["model"]).map(str::to_owned);
        parts.finish_reasons.extend(meta.str_of(&["finish_reason"]).map(str::to_owned));
        parts.tokens = meta.get("usage").map(of_node).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    fn component(class: &str) -> SpanBuilder {
        SpanBuilder::new("haystack.component.run").with("haystack.component.type", class)
    }

    #[test]
    fn generators_and_retrievers_are_told_by_their_class() {
        let step = component("OpenAIChatGenerator")
            .with("haystack.component.input", r#"{"messages":[{"role":"user","content":[{"text":"Why?"}]}]}"#)
            .with("haystack.component.output", r#"{"replies":[{"role":"assistant","content":[{"text":"Because."}],"meta":{"model":"m-2024","usage":{"prompt_tokens":5}}}]}"#)
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!((step.response_model.as_deref(), step.usage.input_tokens), (Some("m-2024"), Some(5)));
        let found = component("InMemoryBM25Retriever")
            .with("haystack.component.input", r#"{"query":"tents"}"#)
            .with(
                "haystack.component.output",
                r#"{"documents":[{"id":"t2","content":"Skarv 2","score":0.5,"meta":{}}]}"#,
            )
            .step();
        assert_eq!((found.kind, found.documents[0].score), (StepKind::Retrieval, Some(0.5)));
    }
}
