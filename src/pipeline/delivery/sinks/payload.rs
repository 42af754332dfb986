//! Evaluations as OTLP: the log event `gen_ai.evaluation.result` and the EVALUATOR span. Pure.
//!
//! A span that was exported cannot be amended, and sending its id again loses or doubles it, depending on the backend.
//! So the event names the judged span, and the score also travels on a span of its own in the same trace: child of the
//! judged span for the tree views, linked to it because a link is what OpenInference lets identify the target.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::conventions::{EVALUATION_EVENT, EVALUATION_ID, OWN_NAME};
use crate::model::{Evaluation, Outcome, Score, SubjectKind};
use crate::otlp::wire::any_value::Value;
use crate::otlp::wire::span::{Link, SpanKind};
use crate::otlp::wire::status::StatusCode;
use crate::otlp::wire::{
    AnyValue, ExportLogsServiceRequest, ExportTraceServiceRequest, InstrumentationScope, KeyValue, LogRecord, Resource,
    ResourceLogs, ResourceSpans, ScopeLogs, ScopeSpans, Span, Status,
};

/// The judge that is no model.
use crate::judges::BASELINE;
use crate::judges::baseline::MODEL as BASELINE_MODEL;
/// `INFO` of the log data model.
const SEVERITY_INFO: i32 = 9;

/// Whether an evaluation is told to anybody: what was judged, or could not be.
pub fn is_told(evaluation: &Evaluation) -> bool {
    matches!(evaluation.outcome, Outcome::Scored | Outcome::Abstained | Outcome::Failed)
}

/// The log events of `evaluations`.
pub fn logs_request(evaluations: &[&Evaluation], resource: &BTreeMap<String, String>) -> ExportLogsServiceRequest {
    let log_records = evaluations.iter().map(|evaluation| log_record(evaluation)).collect();
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() }];
    let resource = Some(resource_of(resource));
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }] }
}

/// The EVALUATOR spans of `evaluations`.
pub fn traces_request(evaluations: &[&Evaluation], resource: &BTreeMap<String, String>) -> ExportTraceServiceRequest {
    let spans = evaluations.iter().map(|evaluation| evaluator_span(evaluation)).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
    let resource = Some(resource_of(resource));
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: OWN_NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn resource_of(more: &BTreeMap<String, String>) -> Resource {
    let mut attributes = Attributes::default();
    attributes.text("service.name", OWN_NAME);
    attributes.text("service.version", env!("CARGO_PKG_VERSION"));
    for (key, value) in more.iter().filter(|(key, _)| !matches!(key.as_str(), "service.name" | "service.version")) {
        attributes.text(key, value);
    }
    Resource { attributes: attributes.0, ..Resource::default() }
}

fn log_record(evaluation: &Evaluation) -> LogRecord {
    let time = nanos(evaluation.finished_at_ms.unwrap_or(evaluation.created_at_ms));
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        severity_number: SEVERITY_INFO,
        severity_text: "INFO".to_owned(),
        event_name: EVALUATION_EVENT.to_owned(),
        trace_id: evaluation.trace_id.as_bytes().to_vec(),
        span_id: evaluation.span_id.as_bytes().to_vec(),
        attributes: result_attributes(evaluation).0,
        ..LogRecord::default()
    }
}

fn evaluator_span(evaluation: &Evaluation) -> Span {
    let end_ms = evaluation.finished_at_ms.unwrap_or(evaluation.created_at_ms);
    let start_ms = end_ms.saturating_sub(evaluation.latency_ms.unwrap_or(0).max(0));
    let trace_id = evaluation.trace_id.as_bytes().to_vec();
    let judged_span = evaluation.span_id.as_bytes().to_vec();
    let status = (evaluation.outcome == Outcome::Failed)
        .then(|| Status { message: evaluation.rationale.clone().unwrap_or_default(), code: StatusCode::Error as i32 });
    let mut attributes = result_attributes(evaluation);
    annotate(&mut attributes, evaluation);
    Span {
        trace_id: trace_id.clone(),
        span_id: span_id(evaluation).to_vec(),
        parent_span_id: judged_span.clone(),
        name: format!("evaluate {}", evaluation.rubric),
        kind: SpanKind::Internal as i32,
        start_time_unix_nano: nanos(start_ms),
        end_time_unix_nano: nanos(end_ms),
        attributes: attributes.0,
        links: vec![Link { trace_id, span_id: judged_span, ..Link::default() }],
        status,
        ..Span::default()
    }
}

/// The span id of an evaluation's EVALUATOR span: the same however often it is sent.
pub fn span_id(evaluation: &Evaluation) -> [u8; 8] {
    let derived = Uuid::new_v5(&evaluation.id.as_uuid(), b"evaluator span");
    let mut id = [0; 8];
    id.copy_from_slice(&derived.as_bytes()[..8]);
    // All zeros are no span id; one in 2^64 would be.
    if id == [0; 8] { [1; 8] } else { id }
}

/// The conventions' attributes of an evaluation result, and judged's own, which say who judged how.
fn result_attributes(evaluation: &Evaluation) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.text("gen_ai.evaluation.name", &evaluation.rubric);
    if let Some(score) = &evaluation.score {
        attributes.number("gen_ai.evaluation.score.value", score.number());
        attributes.maybe("gen_ai.evaluation.score.label", score.label());
    }
    if evaluation.outcome == Outcome::Failed {
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
    attributes.number("judged.inclusion_probability", Some(evaluation.inclusion_probability.get()));
    attributes.number("judged.cost_usd", evaluation.cost_usd);
    attributes
}

/// The same as an OpenInference annotation of the linked span, its trace or its session.
fn annotate(attributes: &mut Attributes, evaluation: &Evaluation) {
    attributes.text("openinference.span.kind", "EVALUATOR");
    let scope = match evaluation.subject_kind {
        SubjectKind::Generation => "",
        SubjectKind::Trace => "trace.",
        SubjectKind::Session => "session.",
    };
    attributes.maybe("session.id", evaluation.session_id.as_deref());
    if evaluation.outcome == Outcome::Failed {
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
}

/// Whether a model judged, rather than the offline scorer.
pub(super) fn is_by_model(evaluation: &Evaluation) -> bool {
    evaluation.judge != BASELINE && evaluation.judge_model.as_deref() != Some(BASELINE_MODEL)
}

/// The code of a failure; `_OTHER` is OpenTelemetry's word for one that has none.
pub(super) fn error_type(evaluation: &Evaluation) -> &str {
    evaluation.reason.as_deref().unwrap_or("_OTHER")
}

fn nanos(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000)
}

/// Wire attributes under construction.
#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn push(&mut self, key: &str, value: Value) {
        let value = Some(AnyValue { value: Some(value) });
        self.0.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
    }

    fn text(&mut self, key: &str, text: &str) {
        self.push(key, Value::StringValue(text.to_owned()));
    }

    fn maybe(&mut self, key: &str, text: Option<&str>) {
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
