//! Delivery to sinks: exact requests, every fault a sink can show, and, where they run, the real servers.

mod annotations;
mod native;
mod otlp;
mod real;
mod write_back;

use std::collections::BTreeMap;

use crate::config::sinks::SinkConfig;
use crate::model::{
    ContentHash, Evaluation, EvaluationId, Outcome, Probability, Scale, Score, SpanId, SubjectId, SubjectKind, TraceId,
    WriteBack,
};
use crate::pipeline::delivery::sinks::{DeliveryError, Disposition, Sink, SinkConfigError};

pub fn trace_id(number: u8) -> TraceId {
    TraceId::try_from([number; 16].as_slice()).unwrap()
}

pub fn span_id(number: u8) -> SpanId {
    SpanId::try_from([number; 8].as_slice()).unwrap()
}

/// An evaluation of the generation in span `number` of trace 1, scored 4 of 5.
pub fn evaluation(number: u8) -> Evaluation {
    let subject = SubjectId::of_generation(trace_id(1), span_id(number));
    let scale = Scale::ordinal((1..=5).map(|level| (level, format!("level {level}"))).collect(), Some(4)).unwrap();
    Evaluation {
        id: EvaluationId::derive(subject, 0, "faithfulness", 3, "default"),
        subject,
        subject_kind: SubjectKind::Generation,
        trace_id: trace_id(1),
        span_id: span_id(number),
        session_id: Some("s-1".to_owned()),
        response_id: Some("chatcmpl-1".to_owned()),
        rubric: "faithfulness".to_owned(),
        rubric_version: 3,
        rubric_hash: ContentHash::of("abc"),
        score: Score::of_number(&scale, 4.0),
        scale,
        judge: "default".to_owned(),
        judge_model: Some("gpt-4.1-2025-04-14".to_owned()),
        outcome: Outcome::Scored,
        reason: None,
        distribution: None,
        rationale: Some("Every claim is in the documents.".to_owned()),
        inclusion_probability: Probability::try_from(0.15).unwrap(),
        cost_usd: Some(0.0021),
        input_tokens: Some(900),
        output_tokens: Some(80),
        latency_ms: Some(1_500),
        observed_at_ms: 1_763_800_000_000,
        created_at_ms: 1_763_800_010_000,
        finished_at_ms: Some(1_763_800_020_000),
        segments: BTreeMap::new(),
    }
}

pub fn failed(number: u8) -> Evaluation {
    Evaluation {
        outcome: Outcome::Failed,
        reason: Some("unparseable_reply".to_owned()),
        rationale: Some("the reply is not JSON".to_owned()),
        score: None,
        ..evaluation(number)
    }
}

pub fn abstained(number: u8) -> Evaluation {
    Evaluation { outcome: Outcome::Abstained, score: None, ..evaluation(number) }
}

/// Delivers evaluations whose judged span is not known.
pub trait DeliverAll {
    async fn deliver_all(&self, evaluations: &[Evaluation]) -> Vec<Result<(), DeliveryError>>;
}

impl DeliverAll for Sink {
    async fn deliver_all(&self, evaluations: &[Evaluation]) -> Vec<Result<(), DeliveryError>> {
        let unplaced = |evaluation| WriteBack { evaluation, judged_span: None, replaces: None };
        let scores: Vec<WriteBack> = evaluations.iter().cloned().map(unplaced).collect();
        self.deliver(&scores.iter().collect::<Vec<_>>()).await
    }
}

/// A sink from its TOML; the variable `SECRET` holds `hush`.
pub fn build(toml: &str) -> Result<Sink, SinkConfigError> {
    let config: SinkConfig = toml::from_str(toml).unwrap();
    Sink::from_config(&config, &|name| (name == "SECRET").then(|| "hush".to_owned()))
}

pub fn sink(toml: &str) -> Sink {
    build(toml).unwrap()
}

pub fn dispositions(results: &[Result<(), DeliveryError>]) -> Vec<Option<Disposition>> {
    results.iter().map(|result| result.as_ref().err().map(DeliveryError::disposition)).collect()
}

#[test]
fn a_sink_that_cannot_work_is_refused_with_the_remedy() {
    let refused = |toml: &str| build(toml).unwrap_err().to_string();
    assert!(refused("name = 'a'\ntype = 'otlp'").contains("`endpoint` is missing"));
    assert!(refused("name = 'a'\ntype = 'otlp'\nendpoint = 'http://x/v1/traces'").contains("leave out `/v1/…`"));
    assert!(
        refused("name = 'a'\ntype = 'otlp'\nendpoint = 'http://x'\nspans = false\nlogs = false")
            .contains("nothing would be sent")
    );
    assert!(
        refused("name = 'a'\ntype = 'langfuse'\nurl = 'http://x'\nsecret_key_env = 'SECRET'")
            .contains("`public_key` is missing")
    );
    assert!(
        refused("name = 'a'\ntype = 'phoenix'\nurl = 'http://x'\napi_key_env = 'NONE'").contains("`NONE` is not set")
    );
    let twice: Vec<SinkConfig> = vec![toml::from_str("name = 'a'\ntype = 'otlp'\nendpoint = 'http://x'").unwrap(); 2];
    assert!(Sink::all(&twice, &|_| None).unwrap_err().to_string().contains("two sinks are named `a`"));
}

#[tokio::test]
async fn secrets_show_in_no_error_and_no_debug_output() {
    let sink = sink("name = 'a'\ntype = 'phoenix'\nurl = 'http://user:hush@127.0.0.1:1'\napi_key_env = 'SECRET'");
    assert!(!format!("{sink:?}").contains("Bearer hush"));
    let error = sink.deliver_all(&[evaluation(2)]).await.remove(0).unwrap_err();
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        shown += &format!("{cause} {cause:?}");
        source = cause.source();
    }
    assert!(!shown.contains("hush"), "{shown}");
    assert_eq!(error.disposition(), Disposition::Retry { after: None });
}
