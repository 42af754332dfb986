//! The loop guard: records that are never judged, because judged itself or another evaluator emitted them.
//!
//! Here is the one table of marks. Why experiments and the feedback of people are not in it, and what a sender can hide
//! behind it, is written in `docs/decisions/0003-loop-guard.md`.

use crate::model::EvaluationId;
use crate::otlp::wire::{AnyValue, KeyValue, LogRecord, Resource, Span, any_value};

/// `service.name` and instrumentation scope of everything judged emits.
pub const OWN_NAME: &str = "judged";

/// The attribute by which everything judged emits about an evaluation, judge calls included, names it.
pub const EVALUATION_ID: &str = "judged.evaluation.id";

/// The event that carries the result of an evaluation in the GenAI conventions.
pub const EVALUATION_EVENT: &str = "gen_ai.evaluation.result";

/// Langfuse's own judge runs in this environment. Its other environments (`langfuse-experiment` and the like) hold answers
/// of the application.
const LANGFUSE_JUDGE: &str = "langfuse-llm-as-a-judge";

/// Attributes whose value says that an evaluator is at work, by convention. Values are compared without regard to case and
/// to the quotes in which MLflow writes them.
const EVALUATOR_MARKS: &[(&str, &[&str])] = &[
    ("openinference.span.kind", &["evaluator"]),
    ("langfuse.observation.type", &["evaluator"]),
    ("mlflow.spanType", &["evaluator"]),
    ("langsmith.span.kind", &["evaluator"]),
    ("traceloop.span.kind", &["evaluator"]),
    ("mastra.span.type", &["scorer_run", "scorer_step"]),
    ("gen_ai.operation.name", &["evaluation", "evaluate"]),
    ("genkit:type", &["evaluator"]),
    ("genkit:metadata:subtype", &["evaluator"]),
    ("langfuse.environment", &[LANGFUSE_JUDGE]),
    ("deployment.environment.name", &[LANGFUSE_JUDGE]),
    ("deployment.environment", &[LANGFUSE_JUDGE]),
];

/// Attributes of an evaluation's result whose value says that a person gave it.
const PERSON_MARKS: &[(&str, &[&str])] =
    &[("gen_ai.evaluation.name", &["user_feedback"]), ("gen_ai.evaluation.evaluator.type", &["human"])];

/// Why a record is never judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeverJudged {
    /// judged emitted it, and it names the evaluation.
    Own,
    /// It stands under judged's name or mark without naming an evaluation: somebody may be hiding spans from judging.
    OwnUnmarked,
    /// Another evaluator emitted it.
    OtherEvaluator,
}

/// What stands under judged's name is its own; `evaluation_id` is the value of [`EVALUATION_ID`], where there is one.
pub fn under_own_name(evaluation_id: Option<&str>) -> NeverJudged {
    match evaluation_id {
        Some(id) if is_evaluation_id(id) => NeverJudged::Own,
        Some(_) | None => NeverJudged::OwnUnmarked,
    }
}

/// What a span says of itself, whatever its resource and scope are called.
pub fn of_span(span: &Span) -> Option<NeverJudged> {
    let marked = has_mark(&span.attributes, EVALUATOR_MARKS).then_some(NeverJudged::OtherEvaluator);
    own_mark(&span.attributes).or(marked)
}

/// What a log record says of itself. The feedback of a person has the form of an evaluation's result and is none.
pub fn of_log_record(record: &LogRecord) -> Option<NeverJudged> {
    let is_result = record.event_name == EVALUATION_EVENT
        || text_of(&record.attributes, "event.name").is_some_and(|name| name == EVALUATION_EVENT);
    let marked = is_result && !has_mark(&record.attributes, PERSON_MARKS);
    own_mark(&record.attributes).or(marked.then_some(NeverJudged::OtherEvaluator))
}

/// What a resource says of everything it emits.
pub fn of_resource(resource: &Resource) -> Option<NeverJudged> {
    has_mark(&resource.attributes, EVALUATOR_MARKS).then_some(NeverJudged::OtherEvaluator)
}

fn own_mark(attributes: &[KeyValue]) -> Option<NeverJudged> {
    let marked = attributes.iter().find(|attribute| attribute.key == EVALUATION_ID)?;
    Some(under_own_name(text(marked)))
}

/// Ids of evaluations are derived by hashing, which their version tells.
fn is_evaluation_id(id: &str) -> bool {
    id.parse::<EvaluationId>().is_ok_and(|id| id.as_uuid().get_version() == Some(uuid::Version::Sha1))
}

fn has_mark(attributes: &[KeyValue], marks: &[(&str, &[&str])]) -> bool {
    attributes.iter().any(|attribute| {
        let values = marks.iter().find(|(key, _)| *key == attribute.key).map(|(_, values)| *values);
        let named = values.zip(text(attribute));
        named
            .is_some_and(|(values, text)| values.iter().any(|value| text.trim_matches('"').eq_ignore_ascii_case(value)))
    })
}

fn text_of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    attributes.iter().find(|attribute| attribute.key == key).and_then(text)
}

fn text(attribute: &KeyValue) -> Option<&str> {
    match attribute.value.as_ref() {
        Some(AnyValue { value: Some(any_value::Value::StringValue(text)) }) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::normalise;
    use crate::conventions::testing::{SpanBuilder, log};
    use crate::model::{SubjectId, Value};

    fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
        let value = |text: &str| AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) };
        pairs
            .iter()
            .map(|(key, text)| KeyValue { key: (*key).to_owned(), value: Some(value(text)), ..KeyValue::default() })
            .collect()
    }

    fn span(pairs: &[(&str, &str)]) -> Option<NeverJudged> {
        of_span(&Span { attributes: attributes(pairs), ..Span::default() })
    }

    fn result(pairs: &[(&str, &str)]) -> Option<NeverJudged> {
        let event_name = EVALUATION_EVENT.to_owned();
        of_log_record(&LogRecord { event_name, attributes: attributes(pairs), ..LogRecord::default() })
    }

    fn evaluation_id() -> String {
        EvaluationId::derive(SubjectId::of_session("s"), 0, "faithfulness", 1, "default").to_string()
    }

    #[test]
    fn the_evaluator_of_every_convention_is_recognised_as_its_instrumentation_writes_it() {
        let captured: &[&[(&str, &str)]] = &[
            &[("openinference.span.kind", "EVALUATOR"), ("evaluations.0.evaluation.name", "hallucination")],
            &[("langfuse.observation.type", "evaluator"), ("langfuse.environment", "production")],
            &[("mlflow.spanType", "\"EVALUATOR\""), ("mlflow.traceRequestId", "\"tr-1\"")],
            &[("langsmith.span.kind", "evaluator"), ("langsmith.trace.name", "correctness")],
            &[("traceloop.span.kind", "evaluator"), ("traceloop.entity.name", "correctness")],
            &[("gen_ai.operation.name", "evaluation"), ("gen_ai.evaluation.name", "relevance")],
            &[("gen_ai.operation.name", "evaluate"), ("gen_ai.provider.name", "openai")],
            &[("genkit:type", "action"), ("genkit:metadata:subtype", "evaluator"), ("genkit:name", "ragas/faithful")],
            &[("genkit:type", "evaluator"), ("genkit:name", "Test Case 1")],
            &[("langfuse.observation.type", "generation"), ("langfuse.environment", LANGFUSE_JUDGE)],
            &[("gen_ai.operation.name", "chat"), ("deployment.environment.name", LANGFUSE_JUDGE)],
        ];
        for span_attributes in captured {
            assert_eq!(span(span_attributes), Some(NeverJudged::OtherEvaluator), "{span_attributes:?}");
        }
        let resource =
            Resource { attributes: attributes(&[("deployment.environment", LANGFUSE_JUDGE)]), ..Resource::default() };
        assert_eq!(of_resource(&resource), Some(NeverJudged::OtherEvaluator));
    }

    #[test]
    fn application_traffic_is_let_through_experiments_of_langfuse_included() {
        let let_through: &[&[(&str, &str)]] = &[
            &[("openinference.span.kind", "LLM")],
            &[("gen_ai.operation.name", "chat")],
            &[("topic", "evaluator")],
            &[("langfuse.environment", "langfuse-experiment"), ("langfuse.observation.type", "generation")],
            &[("langfuse.environment", "sdk-experiment"), ("langfuse.experiment.item.expected_output", "Canberra")],
        ];
        for span_attributes in let_through {
            assert_eq!(span(span_attributes), None, "{span_attributes:?}");
        }
    }

    #[test]
    fn the_mark_makes_a_span_judged_s_own_and_only_an_evaluation_s_id_makes_it_marked() {
        let id = evaluation_id();
        assert_eq!(span(&[("gen_ai.operation.name", "chat"), (EVALUATION_ID, &id)]), Some(NeverJudged::Own));
        assert_eq!(span(&[("openinference.span.kind", "EVALUATOR"), (EVALUATION_ID, &id)]), Some(NeverJudged::Own));
        assert_eq!(span(&[(EVALUATION_ID, "mine")]), Some(NeverJudged::OwnUnmarked));
        let random = "b9b2a0c4-3c1b-4f0e-9c1d-2f8f0a6f4a11";
        assert_eq!(span(&[(EVALUATION_ID, random)]), Some(NeverJudged::OwnUnmarked), "a random id is no derived one");
        assert_eq!(under_own_name(Some(&id)), NeverJudged::Own);
        assert_eq!(under_own_name(None), NeverJudged::OwnUnmarked);
    }

    #[test]
    fn a_result_is_another_evaluator_s_unless_a_person_or_judged_gave_it() {
        assert_eq!(result(&[("gen_ai.evaluation.name", "relevance")]), Some(NeverJudged::OtherEvaluator));
        assert_eq!(result(&[(EVALUATION_ID, &evaluation_id())]), Some(NeverJudged::Own));
        assert_eq!(result(&[("gen_ai.evaluation.name", "user_feedback")]), None);
        assert_eq!(result(&[("gen_ai.evaluation.evaluator.type", "human"), ("gen_ai.evaluation.name", "tone")]), None);
        let named = LogRecord { attributes: attributes(&[("event.name", EVALUATION_EVENT)]), ..LogRecord::default() };
        assert_eq!(of_log_record(&named), Some(NeverJudged::OtherEvaluator));
        assert_eq!(of_log_record(&LogRecord::default()), None);
    }

    #[test]
    fn the_feedback_of_a_person_leaves_what_was_asked_and_answered_as_it_is() {
        let call = SpanBuilder::new("chat")
            .with("gen_ai.operation.name", "chat")
            .with("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"type":"text","content":"Yes."}]}]"#)
            .build();
        let thumbs_down = [("gen_ai.evaluation.name", "user_feedback"), ("gen_ai.evaluation.score.label", "down")];
        let feedback = log(EVALUATION_EVENT, Value::Empty, &thumbs_down);
        assert_eq!(normalise(&call, &[feedback]), normalise(&call, &[]));
    }
}
