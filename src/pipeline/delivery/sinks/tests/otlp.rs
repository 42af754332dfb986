//! The OTLP sink against an independent receiver.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Evaluation, SubjectId, SubjectKind};
use crate::otlp::wire::{KeyValue, any_value::Value};
use crate::pipeline::delivery::sinks::{DeliveryError, Disposition};
use tonic::Code;

use super::{DeliverAll, abstained, dispositions, evaluation, failed, sink, span_id, trace_id};
use crate::testing::otlp_receiver::{Answer, OtlpReceiver, Received};

fn over_http(receiver: &OtlpReceiver) -> crate::pipeline::delivery::sinks::Sink {
    sink(&format!("name = 'otel'\ntype = 'otlp'\nendpoint = '{}'\ntimeout = '2s'", receiver.http))
}

fn over_grpc(receiver: &OtlpReceiver) -> crate::pipeline::delivery::sinks::Sink {
    sink(&format!(
        "name = 'otel'\ntype = 'otlp'\nendpoint = '{}'\nprotocol = 'grpc'\ntimeout = '2s'\nheaders = {{ x-team = 'search' }}\napi_key_env = 'SECRET'",
        receiver.grpc
    ))
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let shown = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    };
    let value =
        |pair: &KeyValue| pair.value.as_ref().and_then(|value| value.value.as_ref()).map(shown).unwrap_or_default();
    attributes.iter().map(|pair| (pair.key.as_str(), value(pair))).collect()
}

#[tokio::test]
async fn a_score_is_an_event_on_the_judged_span_and_a_linked_evaluator_span() {
    let receiver = OtlpReceiver::start().await;
    let results = over_http(&receiver).deliver_all(&[evaluation(2)]).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");

    let [event] = receiver.events().try_into().unwrap();
    assert_eq!(event.event_name, "gen_ai.evaluation.result");
    assert_eq!(event.trace_id, trace_id(1).as_bytes());
    assert_eq!(event.span_id, span_id(2).as_bytes());
    insta::assert_json_snapshot!("event", texts(&event.attributes));

    let [span] = receiver.spans().try_into().unwrap();
    assert_eq!(span.trace_id, trace_id(1).as_bytes());
    assert_eq!(span.parent_span_id, span_id(2).as_bytes());
    assert_ne!(span.span_id, span_id(2).as_bytes());
    let [link] = span.links.as_slice() else { panic!("exactly one link") };
    assert_eq!(
        (link.trace_id.as_slice(), link.span_id.as_slice()),
        (&trace_id(1).as_bytes()[..], &span_id(2).as_bytes()[..])
    );
    assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 1_500_000_000);
    insta::assert_json_snapshot!("evaluator_span", texts(&span.attributes));

    for received in receiver.received() {
        let (resource, scope) = match received {
            Received::Traces(request) => {
                let block = request.resource_spans.into_iter().next().unwrap();
                (block.resource.unwrap(), block.scope_spans.into_iter().next().unwrap().scope.unwrap())
            }
            Received::Logs(request) => {
                let block = request.resource_logs.into_iter().next().unwrap();
                (block.resource.unwrap(), block.scope_logs.into_iter().next().unwrap().scope.unwrap())
            }
        };
        assert_eq!(texts(&resource.attributes)["service.name"], "judged");
        assert_eq!(scope.name, "judged");
    }
}

#[tokio::test]
async fn abstentions_and_failures_are_told_and_nothing_else_is() {
    let receiver = OtlpReceiver::start().await;
    let superseded = Evaluation { outcome: crate::model::Outcome::Superseded, ..evaluation(5) };
    let refused = Evaluation { outcome: crate::model::Outcome::Refused, reason: Some("refused".into()), ..failed(4) };
    over_http(&receiver).deliver_all(&[abstained(2), failed(3), superseded, refused]).await;
    let events = receiver.events();
    assert_eq!(events.len(), 3);
    let abstention = texts(&events[0].attributes);
    assert_eq!(abstention["judged.outcome"], "abstained");
    assert!(!abstention.contains_key("gen_ai.evaluation.score.value") && !abstention.contains_key("error.type"));
    let failure = texts(&events[1].attributes);
    assert_eq!(failure["error.type"], "unparseable_reply");
    assert!(!failure.contains_key("gen_ai.evaluation.explanation"));
    let refusal = texts(&events[2].attributes);
    assert_eq!((refusal["judged.outcome"].as_str(), refusal["error.type"].as_str()), ("refused", "refused"));
    let span = &receiver.spans()[1];
    assert_eq!(span.status, None, "a judge that failed is no error of the trace");
    assert!(!texts(&span.attributes).keys().any(|key| key.starts_with("annotations.")));
}

#[tokio::test]
async fn a_trace_is_annotated_as_a_trace_and_a_repetition_has_the_same_span_id() {
    let receiver = OtlpReceiver::start().await;
    let whole =
        Evaluation { subject: SubjectId::of_trace(trace_id(1)), subject_kind: SubjectKind::Trace, ..evaluation(2) };
    let sink = over_http(&receiver);
    sink.deliver_all(std::slice::from_ref(&whole)).await;
    sink.deliver_all(&[whole]).await;
    let spans = receiver.spans();
    assert_eq!(spans[0].span_id, spans[1].span_id);
    assert!(texts(&spans[0].attributes).contains_key("trace.annotations.0.annotation.score"));
}

#[tokio::test]
async fn a_partial_success_is_an_error_and_is_not_sent_again() {
    let receiver = OtlpReceiver::start().await;
    receiver.answer_traces([Answer::Reject(1)]);
    let results = over_http(&receiver).deliver_all(&[evaluation(2), evaluation(3)]).await;
    assert_eq!(dispositions(&results), [Some(Disposition::GiveUp); 2]);
    assert!(results[0].as_ref().unwrap_err().to_string().contains("rejected 1 of 2 records"));
    assert_eq!((receiver.trace_requests(), receiver.log_requests()), (1, 0));

    let grpc = OtlpReceiver::start().await;
    grpc.answer_logs([Answer::Reject(2)]);
    let results = over_grpc(&grpc).deliver_all(&[evaluation(2), evaluation(3)]).await;
    assert_eq!(dispositions(&results), [Some(Disposition::GiveUp); 2]);
}

#[tokio::test]
async fn an_overloaded_receiver_is_left_alone_as_long_as_it_asks_and_spans_are_not_doubled() {
    let receiver = OtlpReceiver::start().await;
    receiver.answer_logs([Answer::HttpRetryAfter(503, "7"), Answer::Accept]);
    let sink = over_http(&receiver);
    let results = sink.deliver_all(&[evaluation(2)]).await;
    assert_eq!(dispositions(&results), [Some(Disposition::Retry { after: Some(Duration::from_secs(7)) })]);
    let results = sink.deliver_all(&[evaluation(2), evaluation(3)]).await;
    assert_eq!(dispositions(&results), [None, None]);
    let mut span_ids: Vec<Vec<u8>> = receiver.spans().into_iter().map(|span| span.span_id).collect();
    assert_eq!(span_ids.len(), 2);
    span_ids.dedup();
    assert_eq!(span_ids.len(), 2);
}

#[tokio::test]
async fn statuses_are_classed_as_the_specification_says() {
    let receiver = OtlpReceiver::start().await;
    let sink = over_http(&receiver);
    for status in [429, 502, 503, 504] {
        receiver.answer_traces([Answer::Http(status)]);
        assert_eq!(
            dispositions(&sink.deliver_all(&[evaluation(2)]).await),
            [Some(Disposition::Retry { after: None })],
            "{status}"
        );
    }
    for status in [400, 500] {
        receiver.answer_traces([Answer::Http(status)]);
        assert_eq!(dispositions(&sink.deliver_all(&[evaluation(2)]).await), [Some(Disposition::GiveUp)], "{status}");
    }
    for status in [401, 403, 404] {
        receiver.answer_traces([Answer::Http(status)]);
        let minute = Some(Disposition::Retry { after: Some(Duration::from_mins(1)) });
        assert_eq!(dispositions(&sink.deliver_all(&[evaluation(2)]).await), [minute], "{status}");
    }
    receiver.answer_traces([Answer::Hang]);
    let results = sink.deliver_all(&[evaluation(2)]).await;
    assert!(matches!(results[0], Err(DeliveryError::Timeout { .. })), "{results:?}");
}

#[tokio::test]
async fn one_refused_score_does_not_take_the_others_with_it() {
    let receiver = OtlpReceiver::start().await;
    receiver.answer_traces([Answer::RefuseRubric("poison")]);
    let mut batch: Vec<Evaluation> = (2..12).map(evaluation).collect();
    batch[6].rubric = "poison".to_owned();
    let results = over_http(&receiver).deliver_all(&batch).await;
    let refused: Vec<usize> = (0..10).filter(|index| results[*index].is_err()).collect();
    assert_eq!(refused, [6]);
    assert_eq!(receiver.events().len(), 9);
}

#[tokio::test]
async fn a_backend_without_logs_gets_spans_only_from_then_on() {
    for grpc in [false, true] {
        let receiver = OtlpReceiver::start().await;
        receiver.answer_logs([if grpc { Answer::Grpc(Code::Unimplemented) } else { Answer::Http(404) }]);
        let sink = if grpc { over_grpc(&receiver) } else { over_http(&receiver) };
        for number in 2..5 {
            assert_eq!(dispositions(&sink.deliver_all(&[evaluation(number)]).await), [None]);
        }
        assert_eq!((receiver.trace_requests(), receiver.log_requests()), (3, 1));
    }
}

#[tokio::test]
async fn grpc_codes_are_classed_as_the_specification_says() {
    let receiver = OtlpReceiver::start().await;
    let sink = over_grpc(&receiver);
    let give_up = [Some(Disposition::GiveUp)];
    let retry = |after: Option<u64>| [Some(Disposition::Retry { after: after.map(Duration::from_secs) })];
    for (answer, expected) in [
        (Answer::Grpc(Code::Unavailable), retry(None)),
        (Answer::Grpc(Code::Aborted), retry(None)),
        (Answer::Grpc(Code::DeadlineExceeded), retry(None)),
        (Answer::GrpcRetryAfter(Code::ResourceExhausted, Duration::from_secs(3)), retry(Some(3))),
        (Answer::Grpc(Code::ResourceExhausted), give_up),
        (Answer::Grpc(Code::InvalidArgument), give_up),
        (Answer::Grpc(Code::Unauthenticated), retry(Some(60))),
        (Answer::Grpc(Code::Unimplemented), retry(Some(60))),
    ] {
        receiver.answer_traces([answer.clone()]);
        assert_eq!(dispositions(&sink.deliver_all(&[evaluation(2)]).await), expected, "{answer:?}");
    }
    receiver.answer_traces([Answer::Accept]);
    assert_eq!(dispositions(&sink.deliver_all(&[evaluation(2)]).await), [None]);
    let headers = receiver.headers().pop().unwrap();
    assert_eq!(headers["x-team"], "search");
    assert_eq!(headers["authorization"], "Bearer hush");
}

#[tokio::test]
async fn the_check_writes_nothing() {
    let receiver = OtlpReceiver::start().await;
    over_http(&receiver).check().await.unwrap();
    over_grpc(&receiver).check().await.unwrap();
    assert!(receiver.spans().is_empty() && receiver.events().is_empty());
    receiver.answer_traces([Answer::Http(401)]);
    over_http(&receiver).check().await.unwrap_err();
}
