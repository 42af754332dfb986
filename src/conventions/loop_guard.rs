//! Spans that must never be judged: judged's own, and the evaluations of others.

use crate::model::{Attributes, Span};
use crate::otlp::wire;

/// Service and scope under which judged speaks of itself.
pub const OWN_NAME: &str = "judged";

/// Whether a decoded span is judged's own or somebody's evaluation.
pub fn is_own_or_evaluator(span: &Span) -> bool {
    is_own(span.resource.attributes.str("service.name"), &span.scope.name)
        || span.attributes.iter().any(|(key, value)| value.as_str().is_some_and(|text| is_evaluator(key, text)))
}

/// Whether a resource or scope is judged's own; asked once per block, before any span is looked at.
pub fn is_own(service_name: Option<&str>, scope_name: &str) -> bool {
    service_name == Some(OWN_NAME) || scope_name == OWN_NAME
}

/// Whether a span on the wire is somebody's evaluation.
pub fn is_evaluator_wire(span: &wire::Span) -> bool {
    span.attributes.iter().any(|pair| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(wire::any_value::Value::StringValue(text)) => is_evaluator(&pair.key, text),
        _ => false,
    })
}

/// Whether judged's own attributes or an evaluator's stand among these.
pub fn is_evaluator_attributes(attributes: &Attributes) -> bool {
    attributes.iter().any(|(key, value)| value.as_str().is_some_and(|text| is_evaluator(key, text)))
}

fn is_evaluator(key: &str, text: &str) -> bool {
    match key {
        "openinference.span.kind" => text.eq_ignore_ascii_case("evaluator"),
        "langfuse.observation.type" => text == "evaluator",
        // MLflow's values are JSON text and stand in quotes.
        "mlflow.spanType" => text.trim_matches('"') == "EVALUATOR",
        "gen_ai.operation.name" => matches!(text, "evaluation" | "evaluate"),
        // Langfuse reserves environments of this prefix for what it runs itself.
        "langfuse.environment" => text.starts_with("langfuse-"),
        "genkit:metadata:subtype" => text == "evaluator",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::SpanBuilder;
    use super::*;

    #[test]
    fn evaluations_of_every_convention_are_recognised() {
        let marks = [
            ("openinference.span.kind", "EVALUATOR"),
            ("langfuse.observation.type", "evaluator"),
            ("mlflow.spanType", "\"EVALUATOR\""),
            ("gen_ai.operation.name", "evaluation"),
            ("langfuse.environment", "langfuse-llm-as-a-judge"),
        ];
        for (key, value) in marks {
            assert!(is_own_or_evaluator(&SpanBuilder::new("x").with(key, value).build()), "{key}");
        }
        assert!(!is_own_or_evaluator(&SpanBuilder::new("x").with("openinference.span.kind", "LLM").build()));
    }

    #[test]
    fn what_judged_itself_emits_is_recognised() {
        assert!(is_own_or_evaluator(&SpanBuilder::new("x").scope(OWN_NAME).build()));
        assert!(is_own(Some(OWN_NAME), "any"));
        assert!(!is_own(Some("judged-frontend"), "any"));
    }
}
