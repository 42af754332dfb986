//! LiteLLM's OpenTelemetry callback: GenAI attributes on `litellm_request`, raw bodies on a child.

use crate::conventions::parts::Parts;
use crate::conventions::source::Source;
use crate::model::StepKind;

/// Names this family explains.
pub(super) const KNOWN: &[&str] = &[
    "hidden_params",
    "metadata.*",
    "llm.openai.*",
    "llm.azure.*",
    "llm.anthropic.*",
    "llm.bedrock.*",
    "llm.vertex_ai.*",
    "llm.gemini.*",
    "llm.cohere.*",
    "llm.mistral.*",
    "llm.groq.*",
    "llm.ollama.*",
    "llm.litellm_proxy.*",
    "gen_ai.cost.*",
    "llm.usage.total_tokens",
    "gen_ai.framework",
];

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let is_raw = source.span.name == "raw_gen_ai_request" && !source.span.attributes.contains("gen_ai.request.model");
    if source.scope() != "litellm" && !is_raw && !source.span.attributes.contains("hidden_params") {
        return None;
    }
    // The child repeats the call in the provider's words; it is no call of its own.
    Some(Parts { kind: is_raw.then_some(StepKind::Other), ..Parts::default() })
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn the_raw_child_is_no_second_call() {
        let raw = SpanBuilder::new("raw_gen_ai_request").with("llm.openai.messages", "[]").step();
        assert_eq!((raw.kind, raw.unmapped.len()), (StepKind::Other, 0));
        let call =
            SpanBuilder::new("litellm_request").scope("litellm").with("gen_ai.operation.name", "acompletion").step();
        assert_eq!(call.kind, StepKind::Generation);
    }
}
