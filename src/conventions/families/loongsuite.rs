//! `LoongSuite`: GenAI attributes with a kind of span of its own, entries into an application, and steps of a loop.

use crate::conventions::attribute_namespace::Space;
use crate::conventions::documents::documents;
use crate::conventions::partial_step::Parts;
use crate::conventions::span_view::Source;
use crate::model::StepKind;

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "gen_ai.span.kind",
    "gen_ai.session.id",
    "gen_ai.react.*",
    "gen_ai.rerank.*",
    "gen_ai.input.multimodal_metadata",
    "gen_ai.output.multimodal_metadata",
];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&[Space::GenAi]) {
        return None;
    }
    let kind = kind_of(source.str("gen_ai.span.kind")?);
    let mut parts = Parts { kind, ..Parts::default() };
    if let Some(ranked) = source.unfolded("gen_ai.rerank.output_documents") {
        parts.documents = documents(&ranked);
    }
    Some(parts)
}

fn kind_of(name: &str) -> Option<StepKind> {
    Some(match name {
        "LLM" => StepKind::Generation,
        "EMBEDDING" => StepKind::Embedding,
        "TOOL" => StepKind::Tool,
        "RETRIEVER" | "RERANKER" => StepKind::Retrieval,
        "AGENT" | "CHAIN" | "ENTRY" | "STEP" | "TASK" => StepKind::Agent,
        "MEMORY" => StepKind::Other,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn entries_and_steps_of_a_loop_are_agents_and_the_session_is_read() {
        for (kind, operation) in [("ENTRY", "enter"), ("STEP", "react")] {
            let step = SpanBuilder::new("x")
                .with("gen_ai.span.kind", kind)
                .with("gen_ai.operation.name", operation)
                .with("gen_ai.session.id", "s-1")
                .with("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"type":"text","content":"Yes."}]}]"#)
                .step();
            assert_eq!((step.kind, step.session_id.as_deref()), (StepKind::Agent, Some("s-1")), "{kind}");
            assert!(step.unmapped.is_empty(), "{:?}", step.unmapped);
        }
    }

    #[test]
    fn reranked_documents_are_documents() {
        let step = SpanBuilder::new("rerank_documents m")
            .with("gen_ai.span.kind", "RERANKER")
            .with("gen_ai.operation.name", "rerank_documents")
            .with("gen_ai.rerank.output_documents", r#"[{"id":"d1","content":"Skarv 2","score":0.9}]"#)
            .step();
        assert_eq!((step.kind, step.documents[0].text.as_deref()), (StepKind::Retrieval, Some("Skarv 2")));
    }
}
