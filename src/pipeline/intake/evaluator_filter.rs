//! The loop guard: what an evaluator says about spans is never judged itself.
//!
//! The gate already sets aside everything of judged's own service and scope; here are the marks by which evaluators of
//! other makes are known.

use crate::otlp::wire::{AnyValue, KeyValue, LogRecord, Resource, Span, any_value};

/// Attributes by which instrumentations name the kind of a span.
const KIND_ATTRIBUTES: [&str; 5] = [
    "openinference.span.kind",
    "langfuse.observation.type",
    "mlflow.spanType",
    "langsmith.span.kind",
    "traceloop.span.kind",
];

/// Where Langfuse's own judge marks what it emits.
const ENVIRONMENT_ATTRIBUTES: [&str; 3] =
    ["langfuse.environment", "deployment.environment.name", "deployment.environment"];
const LANGFUSE_JUDGE: &str = "langfuse-llm-as-a-judge";

/// The event that carries an evaluation's result.
const EVALUATION_EVENT: &str = "gen_ai.evaluation.result";

/// Whether a span was emitted by an evaluator.
pub(super) fn is_evaluator_span(span: &Span) -> bool {
    span.attributes.iter().any(|attribute| names_evaluator(attribute) || is_of_langfuse_judge(attribute))
}

/// Whether a resource is an evaluator's.
pub(super) fn is_evaluator_resource(resource: &Resource) -> bool {
    resource.attributes.iter().any(is_of_langfuse_judge)
}

fn is_of_langfuse_judge(attribute: &KeyValue) -> bool {
    ENVIRONMENT_ATTRIBUTES.contains(&attribute.key.as_str()) && text(attribute.value.as_ref()) == Some(LANGFUSE_JUDGE)
}

/// Whether a log record is the result of an evaluation.
pub(super) fn is_evaluation_event(record: &LogRecord) -> bool {
    record.event_name == EVALUATION_EVENT
        || record
            .attributes
            .iter()
            .any(|attribute| attribute.key == "event.name" && text(attribute.value.as_ref()) == Some(EVALUATION_EVENT))
}

fn names_evaluator(attribute: &KeyValue) -> bool {
    KIND_ATTRIBUTES.contains(&attribute.key.as_str())
        // MLflow writes the kind as JSON text, quotes and all.
        && text(attribute.value.as_ref()).is_some_and(|kind| kind.trim_matches('"').eq_ignore_ascii_case("evaluator"))
}

fn text(value: Option<&AnyValue>) -> Option<&str> {
    match value?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(key: &str, value: &str) -> KeyValue {
        let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
        KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
    }

    fn span(key: &str, value: &str) -> Span {
        Span { attributes: vec![attribute("x", "y"), attribute(key, value)], ..Span::default() }
    }

    #[test]
    fn evaluators_are_known_by_the_kind_their_instrumentation_writes() {
        assert!(is_evaluator_span(&span("openinference.span.kind", "EVALUATOR")));
        assert!(is_evaluator_span(&span("mlflow.spanType", "\"EVALUATOR\"")));
        assert!(is_evaluator_span(&span("langfuse.observation.type", "evaluator")));
        assert!(!is_evaluator_span(&span("openinference.span.kind", "LLM")));
        assert!(!is_evaluator_span(&span("topic", "evaluator")));
    }

    #[test]
    fn the_environment_of_another_judge_is_left_alone() {
        let resource =
            Resource { attributes: vec![attribute("deployment.environment", LANGFUSE_JUDGE)], ..Default::default() };
        assert!(is_evaluator_resource(&resource));
    }

    #[test]
    fn an_evaluation_result_is_known_under_both_spellings_of_the_event_name() {
        let named = LogRecord { event_name: EVALUATION_EVENT.to_owned(), ..LogRecord::default() };
        let attributed =
            LogRecord { attributes: vec![attribute("event.name", EVALUATION_EVENT)], ..LogRecord::default() };
        assert!(is_evaluation_event(&named) && is_evaluation_event(&attributed));
        assert!(!is_evaluation_event(&LogRecord::default()));
    }
}
