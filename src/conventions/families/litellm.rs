//! LiteLLM's OpenTelemetry callback: GenAI attributes on `litellm_request` or on the application's own span, and the raw
//! bodies of the call on a child.

use crate::conventions::json_text::Parsed;
use crate::conventions::json_tree::Node;
use crate::conventions::partial_step::{Parts, Said};
use crate::conventions::provider_payloads::{request, response};
use crate::conventions::python_repr;
use crate::conventions::span_view::Source;
use crate::conventions::usage::of_node;
use crate::model::{Step, StepKind};

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

/// The span that holds the bodies of the call to the provider.
const RAW: &str = "raw_gen_ai_request";

/// Whether a step tells what the provider sent rather than what the client received: a gateway takes thinking out,
/// translates and repairs between the two.
pub(crate) fn is_provider_body(step: &Step) -> bool {
    step.name == RAW
}

pub(super) fn read(source: &Source<'_>) -> Option<Parts> {
    let is_raw = source.span.name == RAW && !source.has("gen_ai.request.model");
    if source.scope() != "litellm" && !is_raw && !source.has("hidden_params") {
        return None;
    }
    Some(if is_raw { read_raw(source) } else { Parts::default() })
}

/// The call in the provider's words. Inside a `litellm_request` it is the same call again; in an application's own span,
/// which holds the attributes of its last call only, it is the one telling of the call.
fn read_raw(source: &Source<'_>) -> Parts {
    let (asked, answered): (Vec<_>, Vec<_>) = fields(source).into_iter().partition(|(name, _)| is_asked(name));
    let (asked, answered) = (Node::Map(&asked), Node::Map(&answered));
    let question = request(&asked).unwrap_or_default();
    let answer = response(&answered);
    if question.messages.is_empty() && answer.is_none() {
        return Parts { kind: Some(StepKind::Other), ..Parts::default() };
    }
    let answer = answer.unwrap_or_default();
    Parts {
        kind: Some(StepKind::Generation),
        input: Said::body(question.messages),
        output: Said::body(answer.messages),
        tools: question.tools,
        finish_reasons: answer.finish_reasons,
        response_model: answer.model,
        response_id: answer.id,
        tokens: answered.get("usage").map(of_node).unwrap_or_default(),
        ..Parts::default()
    }
}

/// Whether a field stands in the request, not in the response.
fn is_asked(name: &str) -> bool {
    matches!(name, "messages" | "system" | "tools" | "functions" | "contents" | "prompt" | "input")
}

/// The members of both bodies, which are printed by Python or serialised, each under `llm.<provider>.`.
fn fields<'a>(source: &Source<'a>) -> Vec<(&'a str, Node<'a>)> {
    let field = |key: &'a str| key.strip_prefix("llm.")?.split_once('.').map(|(_, name)| name);
    let attributes = source.span.attributes.iter().filter_map(|(key, value)| Some((field(key)?, value)));
    let fields = attributes.map(|(name, value)| {
        let node = match value.as_str() {
            Some(text) => match source.parse(text) {
                Parsed::Tree(tree) => tree,
                _ => python_repr::parse(text, source.arena()).unwrap_or(Node::Str(text)),
            },
            None => source.of_value(value),
        };
        (name, node)
    });
    fields.filter(|(_, node)| !node.is_blank()).collect()
}

#[cfg(test)]
mod tests {
    use crate::conventions::testing::SpanBuilder;
    use crate::model::StepKind;

    #[test]
    fn a_request_is_a_call_and_an_empty_raw_child_is_none() {
        let raw = SpanBuilder::new("raw_gen_ai_request").with("llm.openai.messages", "[]").step();
        assert_eq!((raw.kind, raw.unmapped.len()), (StepKind::Other, 0));
        let call =
            SpanBuilder::new("litellm_request").scope("litellm").with("gen_ai.operation.name", "acompletion").step();
        assert_eq!(call.kind, StepKind::Generation);
    }

    #[test]
    fn bodies_that_python_printed_are_read() {
        let step = SpanBuilder::new("raw_gen_ai_request")
            .scope("litellm")
            .with("llm.openai.messages", "[{'role': 'user', 'content': \"What's up?\"}]")
            .with("llm.openai.choices", "[{'finish_reason': 'stop', 'message': {'content': 'All well.', 'role': 'assistant', 'tool_calls': None}}]")
            .with("llm.openai.id", "chatcmpl-1958")
            .with("llm.openai.model", "m-2024")
            .with("llm.openai.usage", "{'completion_tokens': 3, 'prompt_tokens': 5}")
            .step();
        assert_eq!((step.kind, step.output_text.as_deref()), (StepKind::Generation, Some("All well.")));
        assert_eq!(step.input.unwrap_or_default()[0].joined_text().as_deref(), Some("What's up?"));
        assert_eq!((step.response_id.as_deref(), step.usage.input_tokens), (Some("chatcmpl-1958"), Some(5)));
        assert_eq!(step.response_model.as_deref(), Some("m-2024"));
    }
}
