//! LangSmith's OpenTelemetry export: runs with JSON inputs and outputs under `gen_ai.prompt` and `gen_ai.completion`.

use crate::conventions::io::{read_input, read_output};
use crate::conventions::parts::Parts;
use crate::conventions::provider::provider;
use crate::conventions::source::Source;
use crate::conventions::usage::{of_attributes, of_node};
use crate::model::StepKind;

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &["langsmith.*", "gen_ai.prompt", "gen_ai.completion", "gen_ai.serialized.*"];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    if !source.has_space(&["langsmith"]) {
        return None;
    }
    let mut parts = Parts {
        kind: source.str("langsmith.span.kind").and_then(kind_of),
        request_model: source.text(&["gen_ai.request.model", "langsmith.metadata.ls_model_name"]),
        // gen_ai.system often says "langchain", which provides no model.
        provider: source.text(&["langsmith.metadata.ls_provider"]).map(|name| provider(&name)),
        tokens: of_attributes(&source.span.attributes),
        ..Parts::default()
    };
    match parts.kind {
        Some(StepKind::Generation) => parts.operation = Some("chat".to_owned()),
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
    if let Some(usage) = source.node("langsmith.metadata.usage_metadata") {
        parts.tokens = parts.tokens.or(of_node(&usage.unfolded()));
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
