//! LangSmith's OpenTelemetry export: runs with JSON inputs and outputs under `gen_ai.prompt` and `gen_ai.completion`.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::input_output::{read_input, read_output};
use crate::conventions::partial_step::Parts;
use crate::conventions::provider::provider;
use crate::conventions::span_view::Source;
use crate::conventions::usage::of_node;
use crate::model::StepKind;

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["langsmith.*", "gen_ai.prompt", "gen_ai.completion", "gen_ai.serialized.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::Langsmith]) {
        return None;
    }
    let mut parts = Parts {
        kind: source.str("langsmith.span.kind").and_then(kind_of),
        request_model: source.text(&["gen_ai.request.model", "langsmith.metadata.ls_model_name"]),
        // gen_ai.system often says "langchain", which provides no model.
        provider: source.text(&["langsmith.metadata.ls_provider"]).map(|name| provider(&name)),
        tokens: source.tokens(),
        ..Parts::default()
    };
    match parts.kind {
        Some(StepKind::Retrieval) => parts.operation = Some("retrieval".to_owned()),
        Some(StepKind::Tool) => {
            parts.entity_name = source.text(&["gen_ai.tool.name"]).or_else(|| Some(source.span.name.clone()));
        }
        _ => {}
    }
    if parts.kind == Some(StepKind::Agent) {
        parts.entity_name = source.text(&["langsmith.trace.name"]).or_else(|| Some(source.span.name.clone()));
    }
    read_input(source, "gen_ai.prompt", &mut parts);
    read_output(source, "gen_ai.completion", &mut parts);
    if let Some(usage) = source.unfolded("langsmith.metadata.usage_metadata") {
        parts.tokens = parts.tokens.or(of_node(&usage));
    }
    Some(parts)
}

fn kind_of(name: &str) -> Option<StepKind> {
    Some(match name {
        "llm" => StepKind::Generation,
        "retriever" => StepKind::Retrieval,
        "embedding" => StepKind::Embedding,
        "tool" => StepKind::Tool,
        "chain" => StepKind::Agent,
        "prompt" | "parser" => StepKind::Other,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn a_langchain_dump_is_a_conversation() {
        let step = SpanBuilder::new("ChatOpenAI")
            .with("langsmith.span.kind", "llm")
            .with("gen_ai.prompt", r#"{"messages":[[{"lc":1,"type":"constructor","id":["langchain","schema","messages","HumanMessage"],"kwargs":{"content":"Why?","type":"human"}}]]}"#)
            .with("gen_ai.completion", r#"{"generations":[[{"text":"Because.","message":{"lc":1,"type":"constructor","id":["x","AIMessage"],"kwargs":{"content":"Because.","type":"ai","id":"run-1","tool_calls":[],"response_metadata":{"model_name":"m-2024","finish_reason":"stop","id":"chatcmpl-1"}}}}]]}"#)
            .with("langsmith.metadata.thread_id", "th-1")
            .with("langsmith.span.tags", "prod, rag")
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("Because.")));
        assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("Why?"));
        assert_eq!((step.response_id.as_deref(), step.response_model.as_deref()), (Some("chatcmpl-1"), Some("m-2024")));
        assert_eq!((step.session_id.as_deref(), step.tags.len()), (Some("th-1"), 2));
    }

    #[test]
    fn a_retriever_is_one_although_its_operation_says_embeddings() {
        let step = SpanBuilder::new("VectorStoreRetriever")
            .with("langsmith.span.kind", "retriever")
            .with("gen_ai.operation.name", "embeddings")
            .with("gen_ai.prompt", r#"{"query":"tents"}"#)
            .with(
                "gen_ai.completion",
                r#"{"documents":[{"page_content":"Skarv 2","metadata":{"id":"t2"},"type":"Document"}]}"#,
            )
            .step();
        assert_eq!((step.kind, step.operation.as_deref()), (StepKind::Retrieval, Some("retrieval")));
        assert_eq!(step.documents[0].text.as_deref(), Some("Skarv 2"));
    }
}
