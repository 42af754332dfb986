use super::*;
use crate::conventions::EVALUATION_ID;
use crate::model::SpanId;
use crate::model::{EvaluationId, Probability, SubjectId};
use crate::otlp::span_from_bytes;
use crate::otlp::wire::{AnyValue, KeyValue, any_value};
use crate::otlp::{Encoding, wire};
use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::ArrayValue;
use prost::Message;

/// Stands for the real redactor: hides every text attribute.
struct Stars;

impl Redact for Stars {
    fn redact_span(&self, span: &mut wire::Span) {
        hide(&mut span.attributes);
    }

    fn redact_log_record(&self, record: &mut wire::LogRecord) {
        hide(&mut record.attributes);
    }

    fn redact_resource(&self, resource: &mut wire::Resource) {
        hide(&mut resource.attributes);
    }
    fn redact_scope(&self, _: &mut wire::InstrumentationScope) {}
}

/// Counts how often resources are redacted.
#[derive(Default)]
struct Counting(std::sync::atomic::AtomicUsize);

impl Redact for Counting {
    fn redact_span(&self, _: &mut wire::Span) {}
    fn redact_log_record(&self, _: &mut wire::LogRecord) {}
    fn redact_resource(&self, _: &mut wire::Resource) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    fn redact_scope(&self, _: &mut wire::InstrumentationScope) {}
}

/// Panics on the name of a span.
struct Fragile;

impl Redact for Fragile {
    fn redact_span(&self, span: &mut wire::Span) {
        assert_ne!(span.name, "poison");
    }
    fn redact_log_record(&self, _: &mut wire::LogRecord) {}
    fn redact_resource(&self, _: &mut wire::Resource) {}
    fn redact_scope(&self, _: &mut wire::InstrumentationScope) {}
}

#[test]
fn a_record_that_panics_is_rejected_alone() {
    let poison = wire::Span { name: "poison".to_owned(), ..span(1, 2) };
    let request = request(vec![span(1, 1), poison, span(1, 3)]);
    let prepared = prepare(&request, &sampler("rate = 1.0"), &Fragile, None, &mut Reservation::endless()).unwrap();
    let Prepared::Batch { batch, complaint, .. } = prepared else { panic!("nothing is in doubt") };
    assert_eq!((batch.received, batch.spans.len(), batch.rejected), (3, 2, 1));
    assert!(complaint.is_some_and(|complaint| complaint.contains("a bug of judged")));
}

fn hide(attributes: &mut [KeyValue]) {
    for attribute in attributes {
        attribute.value = Some(AnyValue { value: Some(any_value::Value::StringValue("****".to_owned())) });
    }
}

fn sampler(toml: &str) -> Sampler {
    Sampler::from_config(&toml::from_str(toml).unwrap(), "judged").unwrap()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
}

fn span(trace: u8, number: u8) -> wire::Span {
    wire::Span { trace_id: vec![trace; 16], span_id: vec![number; 8], ..Default::default() }
}

fn traces(spans: Vec<wire::Span>) -> wire::ExportTraceServiceRequest {
    let scope_spans = vec![wire::ScopeSpans { spans, ..Default::default() }];
    let block = wire::ResourceSpans { scope_spans, ..Default::default() };
    wire::ExportTraceServiceRequest { resource_spans: vec![block] }
}

fn logs(log_records: Vec<wire::LogRecord>) -> wire::ExportLogsServiceRequest {
    let scope_logs = vec![wire::ScopeLogs { log_records, ..Default::default() }];
    wire::ExportLogsServiceRequest { resource_logs: vec![wire::ResourceLogs { scope_logs, ..Default::default() }] }
}

fn request(spans: Vec<wire::Span>) -> Request {
    Request::read(Signal::Traces, Encoding::Protobuf, traces(spans).encode_to_vec().into(), &mut Reservation::endless())
        .unwrap()
}

fn batch(
    request: &Request,
    sampler: &Sampler,
    kept_before: Option<&HashSet<TraceId>>,
) -> (IntakeBatch, Option<String>) {
    match prepare(request, sampler, &Stars, kept_before, &mut Reservation::endless()).unwrap() {
        Prepared::Batch { batch, complaint, .. } => (batch, complaint),
        Prepared::Ask(ids) => panic!("asks about {ids:?}"),
    }
}

fn accounted(batch: &IntakeBatch) -> u64 {
    batch.sampled_out + batch.own + batch.rejected + (batch.spans.len() + batch.logs.len()) as u64
}

#[test]
fn a_kept_span_is_redacted_and_says_what_the_store_needs_to_know() {
    let child = wire::Span {
        parent_span_id: vec![1; 8],
        start_time_unix_nano: 20,
        end_time_unix_nano: 10,
        trace_state: "ot=th:8;rv:ffffffffffffff".to_owned(),
        attributes: vec![attribute("gen_ai.output.messages", "call me at 555-0100")],
        ..span(1, 2)
    };
    let (batch, complaint) = batch(&request(vec![span(1, 1), child]), &sampler("rate = 1"), None);
    assert_eq!((batch.received, accounted(&batch), complaint), (2, 2, None));
    assert_eq!((batch.spans[0].is_root, batch.spans[1].is_root), (true, false));
    assert_eq!(batch.spans[1].end, 20, "a span never ends before it starts");
    assert_eq!(batch.spans[1].upstream_probability, Probability::try_from(0.5).unwrap());
    assert_eq!(batch.spans[1].u, sampler("rate = 1").u(batch.spans[1].trace_id, "").u);
    let stored = span_from_bytes(&batch.spans[1].body, None).unwrap();
    assert_eq!(stored.attributes.str("gen_ai.output.messages"), Some("****"));
}

#[test]
fn wrong_spans_and_evaluators_are_counted_and_the_rest_survives() {
    let evaluator = wire::Span { attributes: vec![attribute("openinference.span.kind", "EVALUATOR")], ..span(1, 3) };
    let spans = vec![span(1, 1), wire::Span { span_id: vec![9; 3], ..span(1, 2) }, evaluator, span(0, 4)];
    let (batch, complaint) = batch(&request(spans), &sampler("rate = 1"), None);
    assert_eq!((batch.received, batch.rejected, batch.own, batch.spans.len()), (4, 2, 1, 1));
    assert_eq!(accounted(&batch), 4);
    assert!(complaint.unwrap().contains("trace id"));
}

#[test]
fn what_is_never_judged_is_counted_by_whose_it_is() {
    let marked =
        |key: &str, value: &str, number| wire::Span { attributes: vec![attribute(key, value)], ..span(1, number) };
    let id = EvaluationId::derive(SubjectId::of_session("s"), 0, "faithfulness", 1, "default").to_string();
    let spans = vec![
        marked("gen_ai.operation.name", "chat", 1),
        marked("langfuse.environment", "langfuse-experiment", 2),
        marked("gen_ai.operation.name", "evaluation", 3),
        marked("genkit:metadata:subtype", "evaluator", 4),
        marked(EVALUATION_ID, &id, 5),
        marked(EVALUATION_ID, "", 6),
    ];
    let (batch, _) = batch(&request(spans), &sampler("rate = 1"), None);
    assert_eq!((batch.spans.len(), batch.own), (2, 4));
    assert_eq!(batch.own_parts, OwnParts { unmarked: 1, other_evaluators: 2 });
    assert_eq!(accounted(&batch), batch.received);
}

#[test]
fn a_span_with_two_trace_ids_is_rejected() {
    let mut twice = span(1, 1).encode_to_vec();
    twice.extend(wire::Span { trace_id: vec![2; 16], ..Default::default() }.encode_to_vec());
    // scope_spans, spans: everything here is shorter than 128 bytes.
    let group = [vec![0x12, twice.len() as u8], twice].concat();
    let block = [vec![0x12, group.len() as u8], group].concat();
    let body = [vec![0x0a, block.len() as u8], block].concat();
    let request = Request::read(Signal::Traces, Encoding::Protobuf, body.into(), &mut Reservation::endless()).unwrap();
    let (batch, complaint) = batch(&request, &sampler("rate = 1"), None);
    assert_eq!((batch.received, batch.rejected), (1, 1));
    assert!(complaint.unwrap().contains("two trace ids"));
}

#[test]
fn one_span_that_a_rule_wants_keeps_the_whole_trace_of_the_message() {
    let sampler = sampler("rate = 0\n[[rules]]\nmatch = { thumbs = \"down\" }\nrate = 1");
    let disliked = wire::Span { attributes: vec![attribute("thumbs", "down")], ..span(1, 2) };
    let request = request(vec![span(1, 1), disliked, span(2, 3)]);
    let Prepared::Ask(ids) = prepare(&request, &sampler, &Stars, None, &mut Reservation::endless()).unwrap() else {
        panic!("trace 2 is in doubt")
    };
    assert_eq!(ids, [TraceId::try_from([2; 16].as_slice()).unwrap()]);
    let (kept, _) = batch(&request, &sampler, Some(&HashSet::new()));
    assert_eq!((kept.spans.len(), kept.sampled_out), (2, 1));
}

#[test]
fn what_an_earlier_message_kept_is_kept_on() {
    let sampler = sampler("rate = 0\n[[rules]]\nmatch = { thumbs = \"down\" }\nrate = 1");
    let request = request(vec![span(1, 1), span(2, 2)]);
    let earlier = HashSet::from([TraceId::try_from([2; 16].as_slice()).unwrap()]);
    let (batch, _) = batch(&request, &sampler, Some(&earlier));
    assert_eq!((batch.spans.len(), batch.sampled_out), (1, 1));
    assert_eq!(batch.spans[0].trace_id.as_bytes(), &[2; 16]);
}

/// An attribute of lists in lists.
fn nested(lists: usize) -> KeyValue {
    let text = AnyValue { value: Some(any_value::Value::StringValue("x".to_owned())) };
    let value = (0..lists).fold(text, |inner, _| AnyValue {
        value: Some(any_value::Value::ArrayValue(ArrayValue { values: vec![inner] })),
    });
    KeyValue { key: "deep".to_owned(), value: Some(value), ..KeyValue::default() }
}

fn too_deep(request: &Request) -> (u64, Option<String>, usize) {
    match prepare(request, &sampler("rate = 1"), &Stars, None, &mut Reservation::endless()).unwrap() {
        Prepared::Batch { batch, complaint, too_deep } => {
            assert_eq!((batch.rejected, accounted(&batch)), (too_deep, batch.received));
            assert!(batch.spans.iter().all(|span| span_from_bytes(&span.body, None).is_ok()));
            (too_deep, complaint, batch.spans.len())
        }
        Prepared::Ask(ids) => panic!("asks about {ids:?}"),
    }
}

#[test]
fn what_could_not_be_read_back_is_rejected_by_name_and_the_rest_survives() {
    let with = |attribute| wire::Span { attributes: vec![attribute], ..span(1, 2) };
    // Read alone, but not in its stored block; not even alone.
    for lists in [49, 60] {
        let (number, complaint, kept) = too_deep(&request(vec![span(1, 1), with(nested(lists)), span(1, 3)]));
        assert_eq!((number, kept), (1, 2), "{lists}");
        assert!(complaint.unwrap().contains("nested too deep"), "{lists}");
    }
    let (.., complaint, _) = too_deep(&request(vec![with(nested(49))]));
    let id = SpanId::try_from(span(1, 2).span_id.as_slice()).unwrap();
    assert_eq!(
        complaint.unwrap(),
        format!("the record of span {id} holds an attribute that is nested too deep to be stored")
    );
    assert_eq!(too_deep(&request(vec![with(nested(40))])).0, 0);
}

#[test]
fn json_that_is_nested_too_deep_for_its_parser_costs_the_record_alone() {
    let ids = |span: &str| format!(r#""traceId":"{}","spanId":"{}""#, "01".repeat(16), span.repeat(8));
    let deep = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(60), "]}}".repeat(60));
    let deep = format!(r#"{{{},"attributes":[{{"key":"deep","value":{deep}}}]}}"#, ids("02"));
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{deep},{{{}}}]}}]}}]}}"#, ids("03"));
    let read = Request::read(Signal::Traces, Encoding::Json, body.into(), &mut Reservation::endless()).unwrap();
    let (number, complaint, kept) = too_deep(&read);
    assert_eq!((number, kept), (1, 1));
    assert!(complaint.unwrap().starts_with("the record of span 0202020202020202 "));
}

#[test]
fn log_records_without_ids_are_rejected_and_evaluation_results_set_aside() {
    let record = |trace: u8| wire::LogRecord { trace_id: vec![trace; 16], span_id: vec![1; 8], ..Default::default() };
    let result = wire::LogRecord { event_name: "gen_ai.evaluation.result".to_owned(), ..record(1) };
    let unbound = wire::LogRecord { trace_id: Vec::new(), span_id: Vec::new(), ..record(1) };
    let mut feedback = result.clone();
    feedback.attributes.push(attribute("gen_ai.evaluation.name", "user_feedback"));
    let body = logs(vec![record(1), result, unbound, feedback]).encode_to_vec();
    let request = Request::read(Signal::Logs, Encoding::Protobuf, body.into(), &mut Reservation::endless()).unwrap();
    let (batch, complaint) = batch(&request, &sampler("rate = 1"), None);
    assert_eq!((batch.logs.len(), batch.own, batch.rejected), (2, 1, 1), "a person's feedback is kept");
    assert_eq!(batch.own_parts.other_evaluators, 1);
    assert!(complaint.is_some());
    assert_eq!(batch.logs[0].digest, <[u8; 32]>::from(Sha256::digest(&batch.logs[0].body)));
}

#[test]
fn a_text_that_is_said_twice_in_one_request_is_kept_twice_and_the_same_request_brings_nothing_new() {
    let said = |text: &str| wire::LogRecord {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        event_name: text.to_owned(),
        ..Default::default()
    };
    let digests = |texts: &[&str]| -> Vec<[u8; 32]> {
        let body = logs(texts.iter().map(|text| said(text)).collect()).encode_to_vec();
        let request =
            Request::read(Signal::Logs, Encoding::Protobuf, body.into(), &mut Reservation::endless()).unwrap();
        batch(&request, &sampler("rate = 1.0"), None).0.logs.iter().map(|log| log.digest).collect()
    };
    let twice = digests(&["yes", "Sure?", "yes"]);
    assert_eq!(twice.iter().collect::<HashSet<_>>().len(), 3);
    assert_eq!(digests(&["yes", "Sure?", "yes"]), twice);
    assert_eq!(digests(&["yes"]), [twice[0]]);
}

#[test]
fn a_number_beyond_its_field_rejects_its_record_with_the_field_and_its_range() {
    let ids = r#""traceId":"01010101010101010101010101010101","spanId":"0202020202020202""#;
    let value = r#"{"intValue":"9223372036854775808"}"#;
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"attributes":[{{"key":"app.id","value":{value}}}]}}]}}]}}]}}"#
    );
    let request = Request::read(Signal::Traces, Encoding::Json, body.into(), &mut Reservation::endless()).unwrap();
    let (batch, complaint) = batch(&request, &sampler("rate = 1.0"), None);
    let expected = "the record of span 0202020202020202: attribute `app.id`: intValue is not between -";
    assert_eq!((batch.rejected, complaint.is_some_and(|told| told.starts_with(expected))), (1, true));
}

#[test]
fn json_and_protobuf_come_to_the_same_batch() {
    let message = traces(vec![span(1, 1), span(2, 2)]);
    let json = Request::read(
        Signal::Traces,
        Encoding::Json,
        serde_json::to_vec(&message).unwrap().into(),
        &mut Reservation::endless(),
    )
    .unwrap();
    let binary = request(vec![span(1, 1), span(2, 2)]);
    let (from_json, from_binary) =
        (batch(&json, &sampler("rate = 1"), None).0, batch(&binary, &sampler("rate = 1"), None).0);
    assert_eq!(from_json.spans, from_binary.spans);
    assert_ne!(from_json.digest, from_binary.digest, "the digest is of the bytes that came");
}

#[test]
fn a_queue_message_is_recognised_by_its_content() {
    let record =
        wire::LogRecord { time_unix_nano: 5, trace_id: vec![1; 16], span_id: vec![2; 8], ..Default::default() };
    let signal = |expected, body: Vec<u8>| {
        Request::recognise(expected, body.into(), &mut Reservation::endless()).unwrap().signal
    };
    for expected in [Signal::Traces, Signal::Logs] {
        assert_eq!(signal(expected, traces(vec![span(1, 1)]).encode_to_vec()), Signal::Traces);
        assert_eq!(signal(expected, logs(vec![record.clone()]).encode_to_vec()), Signal::Logs);
        assert_eq!(signal(expected, serde_json::to_vec(&traces(vec![span(1, 1)])).unwrap()), Signal::Traces);
        assert_eq!(signal(expected, serde_json::to_vec(&logs(vec![record.clone()])).unwrap()), Signal::Logs);
        assert_eq!(signal(expected, Vec::new()), expected, "an empty message is an empty request");
    }
}

#[test]
fn a_refused_request_is_explained_without_quoting_its_content() {
    let secret = r#"{"resourceSpans":[{"scopeSpans":"my secret"}]}"#;
    let error =
        Request::read(Signal::Traces, Encoding::Json, Bytes::from(secret), &mut Reservation::endless()).unwrap_err();
    let explained = error.explain();
    assert!(explained.contains("does not fit the OTLP schema, line 1 column"), "{explained}");
    assert!(!explained.contains("secret"), "{explained}");
}

#[test]
fn a_resource_is_read_once_however_many_of_its_scopes_cannot_be() {
    const SCOPES: u8 = 5;
    let field = |number: u8, message: &[u8]| {
        let mut bytes = vec![number << 3 | 2];
        prost::encoding::encode_varint(message.len() as u64, &mut bytes);
        [bytes, message.to_vec()].concat()
    };
    // A name that is no UTF-8.
    let scope = field(1, &field(1, &[0xff]));
    let resource = wire::Resource { attributes: vec![attribute("service.name", "shop")], ..Default::default() };
    let block = wire::ResourceSpans { resource: Some(resource), ..Default::default() }.encode_to_vec();
    let groups = (1..=SCOPES).map(|number| {
        let spans = wire::ScopeSpans { spans: vec![span(1, number)], ..Default::default() }.encode_to_vec();
        field(2, &[scope.clone(), spans].concat())
    });
    let body = field(1, &[block, groups.collect::<Vec<_>>().concat()].concat());
    let memory = &mut Reservation::endless();
    let request = Request::read(Signal::Traces, Encoding::Protobuf, body.into(), memory).unwrap();
    let redactor = Counting::default();
    match prepare(&request, &sampler("rate = 1"), &redactor, None, memory).unwrap() {
        Prepared::Batch { batch, .. } => assert_eq!((batch.rejected, batch.spans.len()), (u64::from(SCOPES), 0)),
        Prepared::Ask(ids) => panic!("asks about {ids:?}"),
    }
    assert_eq!(redactor.0.into_inner(), 1);
}
