//! The real servers, which `scripts/test --full` needs: `JUDGED_TEST_MLFLOW_URL` says where MLflow 3.17 listens and
//! `JUDGED_TEST_PHOENIX_URL` where Phoenix 20 does. `JUDGED_TEST_CAPTURE` may name an OTLP trace request in protobuf: its
//! first trace is then what is scored, instead of one made here.

use std::time::Duration;

use crate::model::{Evaluation, EvaluationId, SpanId, SubjectId, TraceId};
use crate::otlp::wire::any_value::Value;
use crate::otlp::wire::{AnyValue, ExportTraceServiceRequest, KeyValue, Resource, ResourceSpans, ScopeSpans, Span};
use crate::pipeline::delivery::sinks::{Disposition, Sink};
use prost::Message;
use serde_json::Value as Json;

use super::{DeliverAll, dispositions, evaluation, failed, sink};

const MLFLOW: &str = "JUDGED_TEST_MLFLOW_URL";
const PHOENIX: &str = "JUDGED_TEST_PHOENIX_URL";

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: it says where the real server listens"))
}

/// An evaluation of a span of a trace that no run has used before.
fn fresh(template: Evaluation) -> Evaluation {
    let unique = uuid::Uuid::now_v7();
    let trace_id = TraceId::try_from(unique.as_bytes().as_slice()).unwrap();
    let span_id = SpanId::try_from(&unique.as_bytes()[8..]).unwrap();
    let subject = SubjectId::of_generation(trace_id, span_id);
    let id = EvaluationId::derive(subject, 0, &template.rubric, template.rubric_version, &template.judge);
    Evaluation { id, subject, trace_id, span_id, ..template }
}

async fn send_trace(url: &str, judged: &Evaluation, project: &str) {
    let text = |key: &str, text: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) }),
        ..KeyValue::default()
    };
    let made = Span {
        name: "chat gpt-4o-mini".to_owned(),
        start_time_unix_nano: 1_763_800_000_000_000_000,
        end_time_unix_nano: 1_763_800_001_000_000_000,
        attributes: vec![text("gen_ai.operation.name", "chat"), text("openinference.span.kind", "LLM")],
        span_id: vec![7; 8],
        ..Span::default()
    };
    let mut spans = std::env::var("JUDGED_TEST_CAPTURE").map_or_else(|_| vec![made], |path| first_trace(&path));
    // Ids that no run has used before; the score goes to the first span.
    let first = spans[0].span_id.clone();
    for span in &mut spans {
        span.trace_id = judged.trace_id.as_bytes().to_vec();
        for (place, byte) in span.span_id.iter_mut().chain(&mut span.parent_span_id).enumerate() {
            *byte ^= judged.trace_id.as_bytes()[8 + place % 8];
        }
    }
    let moved: Vec<u8> = first.iter().zip(&judged.trace_id.as_bytes()[8..]).map(|(byte, other)| byte ^ other).collect();
    for span in &mut spans {
        for id in [&mut span.span_id, &mut span.parent_span_id] {
            if *id == moved {
                *id = judged.span_id.as_bytes().to_vec();
            }
        }
    }
    let resource = Resource { attributes: vec![text("openinference.project.name", project)], ..Resource::default() };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    };
    let response = reqwest::Client::new()
        .post(format!("{url}/v1/traces"))
        .header("content-type", "application/x-protobuf")
        .header("x-mlflow-experiment-id", "0")
        .body(request.encode_to_vec())
        .send()
        .await
        .unwrap();
    assert!(response.status().is_success(), "{}", response.status());
}

/// The spans of the first trace of a captured request.
fn first_trace(path: &str) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(std::fs::read(path).unwrap().as_slice()).unwrap();
    let blocks = request.resource_spans.into_iter();
    let mut spans: Vec<Span> = blocks.flat_map(|block| block.scope_spans).flat_map(|scope| scope.spans).collect();
    let first = spans[0].trace_id.clone();
    spans.retain(|span| span.trace_id == first);
    spans
}

async fn json(url: &str) -> Json {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

/// Delivers until the backend has inserted the span.
async fn deliver_when_there(sink: &Sink, evaluation: &Evaluation) {
    for _ in 0..60 {
        match dispositions(&sink.deliver_all(std::slice::from_ref(evaluation)).await)[0] {
            None => return,
            Some(Disposition::Retry { .. }) => tokio::time::sleep(Duration::from_secs(1)).await,
            Some(Disposition::GiveUp) => panic!("given up"),
        }
    }
    panic!("never accepted");
}

#[tokio::test]
#[ignore = "needs MLflow at JUDGED_TEST_MLFLOW_URL"]
async fn mlflow_has_exactly_one_assessment_after_two_deliveries() {
    let url = server(MLFLOW);
    let sink = sink(&format!("name = 'm'\ntype = 'mlflow'\nurl = '{url}'\nexperiment_id = '0'\ntimeout = '60s'"));
    sink.check().await.unwrap();
    let scored = fresh(evaluation(2));
    let missing = sink.deliver_all(std::slice::from_ref(&scored)).await;
    assert_eq!(
        dispositions(&missing),
        [Some(Disposition::Retry { after: Some(Duration::from_secs(30)) })],
        "{missing:?}"
    );

    send_trace(&url, &scored, "").await;
    deliver_when_there(&sink, &scored).await;
    deliver_when_there(&sink, &scored).await;
    let read = || json_of_trace(&url, &scored);
    let assessments = read().await;
    assert_eq!(assessments.len(), 1, "{assessments:#?}");
    assert_eq!(assessments[0]["feedback"]["value"], 4.0);
    assert_eq!(assessments[0]["source"]["source_type"], "LLM_JUDGE");
    assert_eq!(assessments[0]["metadata"]["judged.rubric.version"], "3");

    let later = EvaluationId::derive(scored.subject, 1, &scored.rubric, scored.rubric_version, &scored.judge);
    let failed = Evaluation {
        id: later,
        trace_id: scored.trace_id,
        span_id: scored.span_id,
        subject: scored.subject,
        ..failed(2)
    };
    deliver_when_there(&sink, &failed).await;
    let assessments = read().await;
    assert_eq!(assessments.len(), 1, "{assessments:#?}");
    assert_eq!(assessments[0]["feedback"]["error"]["error_code"], "unparseable_reply");
}

async fn json_of_trace(url: &str, evaluation: &Evaluation) -> Vec<Json> {
    let trace = json(&format!("{url}/api/3.0/mlflow/traces/tr-{}", evaluation.trace_id)).await;
    let assessments = trace.pointer("/trace/trace_info/assessments").cloned().unwrap_or_default();
    assessments.as_array().cloned().unwrap_or_default()
}

/// MLflow takes spans and no logs; the EVALUATOR span joins the judged trace once, though it is sent twice.
#[tokio::test]
#[ignore = "needs MLflow at JUDGED_TEST_MLFLOW_URL"]
async fn mlflow_shows_one_evaluator_span_in_the_judged_trace() {
    let url = server(MLFLOW);
    let scored = fresh(evaluation(2));
    // Two sinks, so that the second knows nothing of the first.
    let sinks = [(), ()].map(|()| {
        sink(&format!(
            "name = 'o'\ntype = 'otlp'\nendpoint = '{url}'\ntimeout = '60s'\nheaders = {{ x-mlflow-experiment-id = '0' }}"
        ))
    });
    send_trace(&url, &scored, "").await;
    let before = spans_in_mlflow(&url, &scored).await;
    for sink in &sinks {
        let results = sink.deliver_all(std::slice::from_ref(&scored)).await;
        assert_eq!(dispositions(&results), [None], "{results:?}");
    }
    assert_eq!(spans_in_mlflow(&url, &scored).await, before + 1);
}

async fn spans_in_mlflow(url: &str, evaluation: &Evaluation) -> usize {
    let trace = json(&format!("{url}/api/3.0/mlflow/traces/get?trace_id=tr-{}", evaluation.trace_id)).await;
    trace.pointer("/trace/spans").and_then(Json::as_array).map_or(0, Vec::len)
}

#[tokio::test]
#[ignore = "needs Phoenix at JUDGED_TEST_PHOENIX_URL"]
async fn phoenix_has_exactly_one_annotation_after_two_deliveries() {
    let url = server(PHOENIX);
    let sink = sink(&format!("name = 'p'\ntype = 'phoenix'\nurl = '{url}'\ntimeout = '60s'"));
    sink.check().await.unwrap();
    let (scored, absent) = (fresh(evaluation(2)), fresh(evaluation(3)));
    send_trace(&url, &scored, "judged-test").await;
    deliver_when_there(&sink, &scored).await;
    let results = sink.deliver_all(&[absent, scored.clone()]).await;
    assert_eq!(dispositions(&results), [Some(Disposition::Retry { after: Some(Duration::from_secs(30)) }), None]);

    let read = format!("{url}/v1/projects/judged-test/span_annotations?span_ids={}", scored.span_id);
    let annotations = json(&read).await["data"].as_array().cloned().unwrap_or_default();
    assert_eq!(annotations.len(), 1, "{annotations:#?}");
    assert_eq!(annotations[0]["result"]["score"], 4.0);
    assert_eq!(annotations[0]["annotator_kind"], "LLM");
}
