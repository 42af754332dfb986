//! Small spans, batches and plans.

use crate::model::{
    CutParts, EvaluationId, Outcome, Probability, Release, SpanId, Subject, SubjectContent, SubjectId, SubjectKind,
    TraceId,
};
use crate::otlp::{Origin, Signal, wire};
use crate::store::{IntakeBatch, KeptSpan, OwnParts, PlannedEvaluation, PlannedSubject};

pub fn trace_id(number: u64) -> TraceId {
    TraceId::try_from((u128::from(number) + 1).to_be_bytes().as_slice()).unwrap()
}

pub fn span_id(number: u64) -> SpanId {
    SpanId::try_from((number + 1).to_be_bytes().as_slice()).unwrap()
}

pub fn kept_span(trace: u64, span: u64, is_root: bool) -> KeptSpan {
    let wire = wire::Span {
        trace_id: trace_id(trace).as_bytes().to_vec(),
        span_id: span_id(span).as_bytes().to_vec(),
        name: "chat".into(),
        ..wire::Span::default()
    };
    KeptSpan {
        trace_id: trace_id(trace),
        span_id: span_id(span),
        is_root,
        end: 0,
        u: 0.05,
        upstream_probability: Probability::ONE,
        resource: Origin::default().resource().clone(),
        body: Origin::default().span_to_bytes(&wire),
    }
}

pub fn attribute(key: &str, value: String) -> wire::KeyValue {
    let value = Some(wire::AnyValue { value: Some(wire::any_value::Value::StringValue(value)) });
    wire::KeyValue { key: key.to_owned(), value, ..wire::KeyValue::default() }
}

/// A request of `spans` kept and `sampled_out` dropped spans; `digest` tells requests apart.
pub fn batch(digest: u8, spans: Vec<KeptSpan>, sampled_out: u64) -> IntakeBatch {
    IntakeBatch {
        signal: Signal::Traces,
        digest: [digest; 32],
        sampling_version: None,
        received: spans.len() as u64 + sampled_out,
        sampled_out,
        own: 0,
        own_parts: OwnParts::default(),
        rejected: 0,
        spans,
        logs: Vec::new(),
    }
}

/// Of every answer another one.
fn digest_of(trace: u64, revision: u32) -> [u8; 32] {
    let mut digest = [revision as u8; 32];
    digest[..8].copy_from_slice(&trace.to_be_bytes());
    digest
}

/// A subject whose one evaluation has `outcome`.
pub fn planned(trace: u64, revision: u32, outcome: Outcome, answer: &str) -> PlannedSubject {
    let id = SubjectId::of_generation(trace_id(trace), span_id(trace));
    let content = SubjectContent { output: Some(answer.into()), ..SubjectContent::default() };
    PlannedSubject {
        subject: Subject {
            id,
            kind: SubjectKind::Generation,
            trace_id: trace_id(trace),
            span_id: span_id(trace),
            session_id: None,
            start: 0,
            end: 1_767_225_600_000_000_000,
            response_id: None,
            model: None,
            operation: None,
            unjudgeable: None,
            segments: [("environment".to_owned(), "production".to_owned())].into(),
            release: Release::default(),
            content,
            cut: CutParts::NONE,
            judged_span: None,
            problems: Vec::new(),
        },
        revision,
        digest: digest_of(trace, revision),
        evaluations: vec![PlannedEvaluation {
            id: EvaluationId::derive(id, revision, "faithfulness", 1, "default"),
            rubric: "faithfulness".into(),
            version: 1,
            judge: "default".into(),
            outcome,
            reason: (outcome == Outcome::Filtered).then(|| "not_captured".to_owned()),
            inclusion_probability: Probability::try_from(0.15).unwrap(),
            deadline_ms: i64::MAX,
        }],
    }
}
