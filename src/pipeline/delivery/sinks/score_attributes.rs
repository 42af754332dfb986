//! The attributes that the record of a score carries. Pure.
//!
//! Conventions differ in where they say the range, the threshold and the author of a score, so each is said under every name
//! that a widely used evaluator writes; what only judged knows is under `judged.`.

use jiff::Timestamp;

use crate::conventions::EVALUATION_ID;
use crate::judges::BASELINE;
use crate::judges::baseline::MODEL as BASELINE_MODEL;
use crate::model::{Evaluation, Scale, Score, SubjectKind, WriteBack};
use crate::otlp::wire::any_value::Value;
use crate::otlp::wire::{AnyValue, KeyValue};

/// The conventions' attributes of an evaluation result, and judged's own, which say who judged how.
pub(super) fn of_result(score: &WriteBack) -> Attributes {
    let evaluation = &score.evaluation;
    let mut attributes = Attributes::default();
    attributes.text("gen_ai.evaluation.name", &evaluation.rubric);
    if let Some(score) = &evaluation.score {
        attributes.number("gen_ai.evaluation.score.value", score.number());
        attributes.maybe("gen_ai.evaluation.score.label", score.label());
    }
    if evaluation.outcome.is_without_verdict() {
        attributes.text("error.type", error_type(evaluation));
    } else {
        attributes.maybe("gen_ai.evaluation.explanation", evaluation.rationale.as_deref());
    }
    attributes.maybe("gen_ai.response.id", evaluation.response_id.as_deref());
    attributes.text(EVALUATION_ID, &evaluation.id.to_string());
    attributes.text("judged.outcome", evaluation.outcome.as_str());
    attributes.text("judged.subject", evaluation.subject_kind.as_str());
    attributes.text("judged.rubric.name", &evaluation.rubric);
    attributes.int("judged.rubric.version", Some(i64::from(evaluation.rubric_version)));
    attributes.text("judged.rubric.hash", &evaluation.rubric_hash.to_string());
    attributes.text("judged.judge", &evaluation.judge);
    attributes.maybe("judged.judge.model", evaluation.judge_model.as_deref());
    attributes.text("judged.scale", evaluation.scale.name());
    attributes.number("judged.value", evaluation.score.as_ref().and_then(Score::value));
    probabilities(&mut attributes, evaluation);
    attributes.number("judged.inclusion_probability", Some(evaluation.inclusion_probability.get()));
    attributes.number("judged.cost_usd", evaluation.cost_usd);
    attributes.maybe("judged.judged_at", evaluation.finished_at_ms.and_then(time).as_deref());
    attributes.int("judged.latency_ms", evaluation.latency_ms);
    attributes.int("judged.input_tokens", evaluation.input_tokens);
    attributes.int("judged.output_tokens", evaluation.output_tokens);
    attributes.maybe("judged.evaluation.replaces", score.replaces.map(|id| id.to_string()).as_deref());
    names_of_others(&mut attributes, evaluation);
    attributes
}

/// What a judge that gives probabilities said, so that a dashboard can draw it: the probability that the verdict passes, or of
/// the most probable point where the scale does not say what passes; and all of them as JSON.
fn probabilities(attributes: &mut Attributes, evaluation: &Evaluation) {
    let Some(distribution) = &evaluation.distribution else { return };
    attributes.number("judged.probability", distribution.probability(&evaluation.scale));
    attributes.maybe("judged.probabilities", serde_json::to_string(&distribution.by_point()).ok().as_deref());
    attributes.number("judged.abstention_probability", distribution.abstention);
    attributes.number("judged.confidence", Some(distribution.confidence));
    attributes.number("judged.expected_score", distribution.expected);
    if let Some(threshold) = distribution.threshold {
        attributes.number("judged.threshold", Some(threshold.value));
        attributes.int("judged.threshold.number", Some(i64::from(threshold.number)));
    }
    attributes.text("judged.judge.requested_model", &distribution.origin.requested_model);
}

/// The same under the names that other evaluators write: Azure's (range, threshold, direction, evaluator), pydantic-evals'
/// (target, evaluator) and agent frameworks' (conversation).
fn names_of_others(attributes: &mut Attributes, evaluation: &Evaluation) {
    let version = evaluation.rubric_version.to_string();
    attributes.text("gen_ai.evaluator.name", &evaluation.rubric);
    attributes.text("gen_ai.evaluator.version", &version);
    attributes.text("gen_ai.evaluation.evaluator.version", &version);
    attributes.text("gen_ai.evaluation.evaluator.source", &evaluation.judge);
    attributes.text("gen_ai.evaluation.target", evaluation.subject_kind.as_str());
    attributes.maybe("gen_ai.conversation.id", evaluation.session_id.as_deref());
    if let Some((min, max)) = range(&evaluation.scale) {
        attributes.number("gen_ai.evaluation.min_value", Some(min));
        attributes.number("gen_ai.evaluation.max_value", Some(max));
        attributes.number("gen_ai.evaluation.threshold", threshold(&evaluation.scale));
        attributes.text("gen_ai.evaluation.desirable_direction", "increase");
    }
    if let Some(passes) = evaluation.score.as_ref().and_then(Score::passes) {
        attributes.push("gen_ai.evaluation.passed", Value::BoolValue(passes));
    }
}

/// The lowest and the highest score; none on a scale without order.
fn range(scale: &Scale) -> Option<(f64, f64)> {
    match scale {
        Scale::Binary { .. } => Some((0.0, 1.0)),
        Scale::Ordinal { levels, .. } => Some((levels.first()?.0 as f64, levels.last()?.0 as f64)),
        Scale::Numeric { min, max, .. } => Some((*min, *max)),
        Scale::Categorical { .. } => None,
    }
}

/// The lowest score that passes, where passing is declared.
fn threshold(scale: &Scale) -> Option<f64> {
    match scale {
        Scale::Binary { .. } => Some(1.0),
        Scale::Ordinal { pass, .. } => pass.map(|level| level as f64),
        Scale::Numeric { pass, .. } => *pass,
        Scale::Categorical { .. } => None,
    }
}

/// RFC 3339.
fn time(ms: i64) -> Option<String> {
    Timestamp::from_millisecond(ms).ok().map(|time| time.to_string())
}

/// The same as an OpenInference annotation of the linked span, its trace or its session.
pub(super) fn annotate(attributes: &mut Attributes, evaluation: &Evaluation) {
    attributes.text("openinference.span.kind", "EVALUATOR");
    let scope = match evaluation.subject_kind {
        SubjectKind::Generation => "",
        SubjectKind::Trace => "trace.",
        SubjectKind::Session => "session.",
    };
    attributes.maybe("session.id", evaluation.session_id.as_deref());
    if evaluation.outcome.is_without_verdict() {
        // An annotation needs a score, a label or an explanation; a failure has none of them.
        return;
    }
    let key = |field: &str| format!("{scope}annotations.0.annotation.{field}");
    attributes.text(&key("name"), &evaluation.rubric);
    attributes.text(&key("annotator_kind"), if is_by_model(evaluation) { "LLM" } else { "CODE" });
    attributes.text(&key("identifier"), &evaluation.id.to_string());
    if let Some(score) = &evaluation.score {
        attributes.number(&key("score"), score.number().or(score.value()));
        attributes.maybe(&key("label"), score.label());
    }
    attributes.maybe(&key("explanation"), evaluation.rationale.as_deref());
    if let Some(distribution) = &evaluation.distribution {
        // The conventions have no attribute for a probability, and leave this one free.
        let metadata = serde_json::json!({
            "probability": distribution.probability(&evaluation.scale),
            "probabilities": distribution.by_point(),
            "confidence": distribution.confidence,
            "threshold": distribution.threshold.map(|threshold| threshold.value),
            "model": evaluation.judge_model,
        });
        attributes.text(&key("metadata"), &metadata.to_string());
    }
}

/// Whether a model judged, rather than the offline scorer.
pub(super) fn is_by_model(evaluation: &Evaluation) -> bool {
    evaluation.judge != BASELINE && evaluation.judge_model.as_deref() != Some(BASELINE_MODEL)
}

/// The code of a failure; `_OTHER` is OpenTelemetry's word for one that has none.
pub(super) fn error_type(evaluation: &Evaluation) -> &str {
    evaluation.reason.as_deref().unwrap_or("_OTHER")
}

/// Wire attributes under construction.
#[derive(Default)]
pub(super) struct Attributes(pub(super) Vec<KeyValue>);

impl Attributes {
    pub(super) fn push(&mut self, key: &str, value: Value) {
        let value = Some(AnyValue { value: Some(value) });
        self.0.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.push(key, Value::StringValue(text.to_owned()));
    }

    pub(super) fn maybe(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn number(&mut self, key: &str, number: Option<f64>) {
        if let Some(number) = number.filter(|number| number.is_finite()) {
            self.push(key, Value::DoubleValue(number));
        }
    }

    fn int(&mut self, key: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.push(key, Value::IntValue(number));
        }
    }
}
