//! Evaluations as OTLP: the log event `gen_ai.evaluation.result` and the EVALUATOR span. Pure.
//!
//! A span that was exported cannot be amended, and sending its id again loses or doubles it, depending on the backend.
//! So the event names the judged span, and the score also travels on a span of its own in the same trace: child of the
//! judged span for the tree views, linked to it because a link is what OpenInference lets identify the target.
//!
//! Both stand under the judged span's resource and at its end, so that a search by service, time and verdict finds them and
//! the trace stays as long as it was; or, where a sink asks for it, under judged's own resource at the time of judging.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::score_attributes::{self, Attributes};
use crate::conventions::{EVALUATION_EVENT, OWN_NAME};
use crate::model::{Evaluation, JudgedSpan, Outcome, Score, WriteBack};
use crate::otlp::resource_to_wire;
use crate::otlp::wire::any_value::Value;
use crate::otlp::wire::span::{Link, SpanKind};
use crate::otlp::wire::{
    AnyValue, ExportLogsServiceRequest, ExportTraceServiceRequest, InstrumentationScope, LogRecord, Resource,
    ResourceLogs, ResourceSpans, ScopeLogs, ScopeSpans, Span,
};

/// `INFO` of the log data model.
const SEVERITY_INFO: (i32, &str) = (9, "INFO");
/// `WARN` of the log data model.
const SEVERITY_WARN: (i32, &str) = (13, "WARN");
/// The W3C trace flag of a trace that is recorded: a span that was exported is.
const SAMPLED: u32 = 1;
/// How long the span of a score lasts at the end of the judged one, in nanoseconds: backends warn of none at all.
const SPAN_NANOS: u64 = 1_000;
/// Characters of the reasons in the line that log viewers list.
const LONGEST_REASONS: usize = 300;

/// Whether an evaluation is told to anybody: what was judged, or could not be.
pub fn is_told(evaluation: &Evaluation) -> bool {
    matches!(evaluation.outcome, Outcome::Scored | Outcome::Abstained | Outcome::Refused | Outcome::Failed)
}

/// The log events of `scores`; `more` are attributes of the resource besides those it has.
pub fn logs_request(scores: &[&WriteBack], more: &BTreeMap<String, String>) -> ExportLogsServiceRequest {
    let block = |(resource, scores): (Resource, Vec<&WriteBack>)| {
        let log_records = scores.into_iter().map(log_record).collect();
        let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, ..ScopeLogs::default() }];
        ResourceLogs { resource: Some(resource), scope_logs, ..ResourceLogs::default() }
    };
    ExportLogsServiceRequest { resource_logs: by_resource(scores, more).into_iter().map(block).collect() }
}

/// The EVALUATOR spans of `scores`; `more` are attributes of the resource besides those it has.
pub fn traces_request(scores: &[&WriteBack], more: &BTreeMap<String, String>) -> ExportTraceServiceRequest {
    let block = |(resource, scores): (Resource, Vec<&WriteBack>)| {
        let spans = scores.into_iter().map(evaluator_span).collect();
        let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
        ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }
    };
    ExportTraceServiceRequest { resource_spans: by_resource(scores, more).into_iter().map(block).collect() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: OWN_NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

/// The scores with the resource they stand under, those of one resource together, in the order of their first.
fn by_resource<'s>(scores: &[&'s WriteBack], more: &BTreeMap<String, String>) -> Vec<(Resource, Vec<&'s WriteBack>)> {
    let address = |score: &WriteBack| score.judged_span.as_ref().map(|span| Arc::as_ptr(&span.resource).addr());
    let mut blocks: Vec<(Option<usize>, Resource, Vec<&WriteBack>)> = Vec::new();
    for score in scores {
        let address = address(score);
        match blocks.iter_mut().find(|(of, _, _)| *of == address) {
            Some((_, _, together)) => together.push(score),
            None => blocks.push((address, resource_of(score.judged_span.as_ref(), more), vec![score])),
        }
    }
    blocks.into_iter().map(|(_, resource, scores)| (resource, scores)).collect()
}

/// The judged span's resource, else judged's own; what the sink adds wins.
fn resource_of(judged_span: Option<&JudgedSpan>, more: &BTreeMap<String, String>) -> Resource {
    let mut resource = judged_span.map_or_else(own_resource, |span| resource_to_wire(&span.resource));
    resource.attributes.retain(|pair| !more.contains_key(&pair.key));
    let mut added = Attributes::default();
    for (key, value) in more {
        added.text(key, value);
    }
    resource.attributes.extend(added.0);
    resource
}

fn own_resource() -> Resource {
    let mut attributes = Attributes::default();
    attributes.text("service.name", OWN_NAME);
    attributes.text("service.version", env!("CARGO_PKG_VERSION"));
    Resource { attributes: attributes.0, ..Resource::default() }
}

fn log_record(score: &WriteBack) -> LogRecord {
    let evaluation = &score.evaluation;
    let judged_at = judged_at(evaluation);
    let (severity_number, severity_text) =
        if evaluation.outcome.is_without_verdict() { SEVERITY_WARN } else { SEVERITY_INFO };
    let mut attributes = score_attributes::of_result(score);
    attributes.maybe("session.id", evaluation.session_id.as_deref());
    // Application Insights lists a record as a custom event by this name.
    attributes.text("microsoft.custom_event.name", EVALUATION_EVENT);
    LogRecord {
        time_unix_nano: score.judged_span.as_ref().map_or(judged_at, |span| span.end),
        observed_time_unix_nano: judged_at,
        severity_number,
        severity_text: severity_text.to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(line(evaluation))) }),
        event_name: EVALUATION_EVENT.to_owned(),
        trace_id: evaluation.trace_id.as_bytes().to_vec(),
        span_id: evaluation.span_id.as_bytes().to_vec(),
        flags: SAMPLED,
        attributes: attributes.0,
        ..LogRecord::default()
    }
}

fn evaluator_span(score: &WriteBack) -> Span {
    let evaluation = &score.evaluation;
    let trace_id = evaluation.trace_id.as_bytes().to_vec();
    let judged_span = evaluation.span_id.as_bytes().to_vec();
    let (name, start, end) = if let Some(span) = &score.judged_span {
        let name = format!("evaluate {}: {}", evaluation.rubric, verdict(evaluation));
        (name, span.end.saturating_sub(SPAN_NANOS), span.end)
    } else {
        let end = judged_at(evaluation);
        let lasted = nanos(evaluation.latency_ms.unwrap_or(0));
        (format!("evaluate {}", evaluation.rubric), end.saturating_sub(lasted), end)
    };
    let mut attributes = score_attributes::of_result(score);
    score_attributes::annotate(&mut attributes, evaluation);
    Span {
        trace_id: trace_id.clone(),
        span_id: span_id(evaluation).to_vec(),
        parent_span_id: judged_span.clone(),
        flags: SAMPLED,
        name,
        kind: SpanKind::Internal as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        attributes: attributes.0,
        links: vec![Link { trace_id, span_id: judged_span, flags: SAMPLED, ..Link::default() }],
        // No status: a judge that failed is no error of the application whose trace this is.
        ..Span::default()
    }
}

/// The verdict in a few characters: `2 (fail)`, `0.84`, `polite`, `abstained`, `failed`.
fn verdict(evaluation: &Evaluation) -> String {
    match &evaluation.score {
        Some(score @ Score::Number { number, .. }) => {
            // Two digits: a name for every value would be a name for every span.
            let number = (number * 100.0).round() / 100.0;
            score.label().map_or_else(|| number.to_string(), |label| format!("{number} ({label})"))
        }
        Some(score) => score.label().unwrap_or_default().to_owned(),
        None => evaluation.outcome.as_str().to_owned(),
    }
}

/// What a list of log lines shows of a score: `faithfulness: 2 (fail). The tour is not in the documents.`
fn line(evaluation: &Evaluation) -> String {
    let reasons = evaluation.rationale.as_deref().unwrap_or_default();
    let cut = reasons.char_indices().nth(LONGEST_REASONS).map_or(reasons.len(), |(at, _)| at);
    let more = if cut < reasons.len() { "…" } else { "" };
    let (rubric, verdict, reasons) = (&evaluation.rubric, verdict(evaluation), &reasons[..cut]);
    match (evaluation.outcome, reasons.is_empty()) {
        (Outcome::Refused | Outcome::Failed, true) => {
            format!("{rubric}: not judged ({})", score_attributes::error_type(evaluation))
        }
        (Outcome::Refused | Outcome::Failed, false) => {
            format!("{rubric}: not judged ({}): {reasons}{more}", score_attributes::error_type(evaluation))
        }
        (_, true) => format!("{rubric}: {verdict}"),
        (_, false) => format!("{rubric}: {verdict}. {reasons}{more}"),
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

fn judged_at(evaluation: &Evaluation) -> u64 {
    nanos(evaluation.finished_at_ms.unwrap_or(evaluation.created_at_ms))
}

fn nanos(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000)
}
