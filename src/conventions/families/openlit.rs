//! OpenLIT: GenAI attributes with names of its own for tools and retrieval; sentinels stand for "not set".

use crate::conventions::parts::Parts;
use crate::conventions::source::Source;

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "openlit.*",
    "gen_ai.environment",
    "gen_ai.application_name",
    "gen_ai.framework.*",
    "gen_ai.sdk.*",
    "gen_ai.endpoint",
    "gen_ai.usage.cost",
    "gen_ai.content.*",
    "gen_ai.hub.*",
    "gen_ai.vectordb.*",
    "gen_ai.cost.*",
    "gen_ai.rag.*",
    "gen_ai.retrieval.*",
    "gen_ai.guardrail.*",
    "gen_ai.mcp.*",
];

/// Recognises the producer; `otel_genai` reads the rest.
pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let is_theirs = source.scope().starts_with("openlit.") || source.str("telemetry.sdk.name") == Some("openlit");
    is_theirs.then(Parts::default)
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn retrieval_carries_texts_without_scores_and_no_name_is_unknown() {
        let step = SpanBuilder::new("retrieve")
            .scope("openlit.instrumentation.chroma")
            .with("gen_ai.operation.name", "retrieval")
            .with("gen_ai.retrieval.query", "tents")
            .with("gen_ai.retrieval.documents", r#"[{"content":"Skarv 2"}]"#)
            .with("gen_ai.environment", "production")
            .step();
        assert_eq!((step.kind, step.convention.as_deref()), (StepKind::Retrieval, Some("openlit")));
        assert_eq!((step.documents[0].text.as_deref(), step.documents[0].score), (Some("Skarv 2"), None));
        assert!(step.unmapped.is_empty());
    }
}
