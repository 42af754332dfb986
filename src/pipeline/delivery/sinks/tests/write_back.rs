//! Scores under the resource and at the end of the span that was judged.

use std::sync::Arc;

use super::{abstained, evaluation, failed, sink, span_id};
use crate::model::{Evaluation, EvaluationId, JudgedSpan, Resource, Scale, Score, SubjectId, WriteBack};
use crate::otlp::wire::{AnyValue, KeyValue, LogRecord, Span, any_value::Value};
use crate::testing::otlp_receiver::{OtlpReceiver, Received};

const SPAN_END: u64 = 1_763_800_000_123_456_789;

fn resource(service: &str) -> Arc<Resource> {
    let attributes = [("service.name", service), ("deployment.environment.name", "production")];
    let pairs = attributes.into_iter().map(|(key, value)| (key.to_owned(), value.into()));
    Arc::new(Resource { attributes: pairs.collect() })
}

fn of_span(evaluation: Evaluation, resource: &Arc<Resource>) -> WriteBack {
    let judged_span = Some(JudgedSpan { resource: Arc::clone(resource), end: SPAN_END });
    WriteBack { evaluation, judged_span, replaces: None }
}

async fn delivered(more: &str, scores: &[WriteBack]) -> OtlpReceiver {
    let receiver = OtlpReceiver::start().await;
    let toml = format!("name = 'otel'\ntype = 'otlp'\nendpoint = '{}'\n{more}", receiver.http);
    let results = sink(&toml).deliver(&scores.iter().collect::<Vec<_>>()).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    receiver
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()?;
    Some(match value {
        Value::StringValue(text) => text.clone(),
        Value::DoubleValue(number) => number.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    })
}

/// The service names of the resource blocks of a signal, in order.
fn services(receiver: &OtlpReceiver) -> Vec<String> {
    let service = |resource: Option<crate::otlp::wire::Resource>| {
        text(&resource.unwrap().attributes, "service.name").unwrap_or_default()
    };
    receiver
        .received()
        .into_iter()
        .flat_map(|received| match received {
            Received::Traces(request) => {
                request.resource_spans.into_iter().map(|block| service(block.resource)).collect::<Vec<_>>()
            }
            Received::Logs(request) => request.resource_logs.into_iter().map(|block| service(block.resource)).collect(),
        })
        .collect()
}

fn body(event: &LogRecord) -> &str {
    match event.body.as_ref() {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_score_stands_under_the_judged_span_s_service_at_its_end_and_names_the_verdict() {
    let (shop, search) = (resource("shop"), resource("search"));
    let scores = [of_span(evaluation(2), &shop), of_span(evaluation(3), &search), of_span(evaluation(4), &shop)];
    let receiver = delivered("", &scores).await;
    assert_eq!(services(&receiver), ["shop", "search", "shop", "search"], "one block a resource and signal");

    let span: Span = receiver.spans().into_iter().find(|span| span.parent_span_id == span_id(2).as_bytes()).unwrap();
    assert_eq!(span.name, "evaluate faithfulness: 4 (pass)");
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (SPAN_END - 1_000, SPAN_END));
    assert!(span.status.is_none() && span.links.len() == 1 && span.flags == 1);
    for (key, value) in [
        ("judged.judged_at", "2025-11-22T08:27:00Z"),
        ("judged.latency_ms", "1500"),
        ("judged.input_tokens", "900"),
        ("gen_ai.evaluation.min_value", "1"),
        ("gen_ai.evaluation.max_value", "5"),
        ("gen_ai.evaluation.threshold", "4"),
        ("gen_ai.evaluation.passed", "true"),
        ("gen_ai.evaluator.version", "3"),
        ("gen_ai.evaluation.evaluator.version", "3"),
        ("gen_ai.conversation.id", "s-1"),
    ] {
        assert_eq!(text(&span.attributes, key).as_deref(), Some(value), "{key}");
    }

    let event = receiver.events().remove(0);
    assert_eq!((event.time_unix_nano, event.observed_time_unix_nano), (SPAN_END, 1_763_800_020_000_000_000));
    assert_eq!(body(&event), "faithfulness: 4 (pass). Every claim is in the documents.");
    assert_eq!((event.flags, event.severity_text.as_str()), (1, "INFO"));
    assert_eq!(text(&event.attributes, "session.id").as_deref(), Some("s-1"));
}

#[tokio::test]
async fn a_judge_that_failed_is_a_warning_with_its_message_and_no_error_of_the_trace() {
    let shop = resource("shop");
    let receiver = delivered("", &[of_span(failed(2), &shop), of_span(abstained(3), &shop)]).await;
    let [failure, abstention] = receiver.spans().try_into().unwrap();
    assert_eq!((failure.name.as_str(), failure.status), ("evaluate faithfulness: failed", None));
    assert_eq!(text(&failure.attributes, "error.type").as_deref(), Some("unparseable_reply"));
    assert_eq!(abstention.name, "evaluate faithfulness: abstained");
    let [failure, abstention] = receiver.events().try_into().unwrap();
    assert_eq!((failure.severity_number, failure.severity_text.as_str()), (13, "WARN"));
    assert_eq!(body(&failure), "faithfulness: not judged (unparseable_reply): the reply is not JSON");
    assert_eq!(abstention.severity_number, 9);
}

#[tokio::test]
async fn a_sink_adds_to_the_resource_and_may_ask_for_judged_s_own() {
    let shop = resource("shop");
    let scores = [of_span(evaluation(2), &shop)];
    let more = "resource = { 'openinference.project.name' = 'p', 'deployment.environment.name' = 'staging' }";
    let receiver = delivered(more, &scores).await;
    let Received::Traces(request) = receiver.received().remove(0) else { panic!("spans go first") };
    let attributes = request.resource_spans[0].resource.clone().unwrap().attributes;
    assert_eq!(text(&attributes, "openinference.project.name").as_deref(), Some("p"));
    assert_eq!(text(&attributes, "service.name").as_deref(), Some("shop"));
    let environments = attributes.iter().filter(|pair| pair.key == "deployment.environment.name").count();
    assert_eq!((environments, text(&attributes, "deployment.environment.name").as_deref()), (1, Some("staging")));

    let own = sink("name = 'otel'\ntype = 'otlp'\nendpoint = 'http://x'\nresource = 'judged'");
    assert_eq!(own.form(), crate::model::ScoreForm::Judged);
}

#[tokio::test]
async fn a_score_that_replaces_another_names_it() {
    let earlier = EvaluationId::derive(SubjectId::of_session("s"), 0, "faithfulness", 3, "default");
    let score = WriteBack { replaces: Some(earlier), ..of_span(evaluation(2), &resource("shop")) };
    let receiver = delivered("", &[score]).await;
    let named = text(&receiver.events()[0].attributes, "judged.evaluation.replaces");
    assert_eq!(named, Some(earlier.to_string()));
}

#[tokio::test]
async fn a_number_is_named_with_two_digits_and_a_category_by_its_name() {
    let shop = resource("shop");
    let numeric = Scale::numeric(0.0, 1.0, None, String::new()).unwrap();
    let labels = vec![("polite".to_owned(), String::new()), ("rude".to_owned(), String::new())];
    let categorical = Scale::categorical(labels, vec![]).unwrap();
    let scored = |number: u8, scale: &Scale, score: Option<Score>| {
        of_span(Evaluation { scale: scale.clone(), score, ..evaluation(number) }, &shop)
    };
    let scores = [
        scored(2, &numeric, Score::of_number(&numeric, 0.83721)),
        scored(3, &categorical, Score::of_label(&categorical, "rude")),
    ];
    let names: Vec<String> = delivered("", &scores).await.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["evaluate faithfulness: 0.84", "evaluate faithfulness: rude"]);
}
