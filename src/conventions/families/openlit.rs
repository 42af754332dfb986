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
