//! What applications send: traces in messages, whole and torn apart, twice, out of order, and now and then rubbish.

use std::collections::HashSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};

/// A span by its trace and its own id.
pub type SpanKey = (Vec<u8>, Vec<u8>);

/// Everything that is going to be published, and what must become of it.
#[derive(Default)]
pub struct Traffic {
    /// Bodies in the order of publication.
    pub messages: Vec<Vec<u8>>,
    /// Records in all readable messages, repetitions included.
    pub sent: i64,
    /// Spans to keep.
    pub spans: HashSet<SpanKey>,
    /// Those of them that are judged.
    pub generations: HashSet<SpanKey>,
    /// Spans of evaluators.
    pub own: i64,
    /// Spans without a valid id.
    pub rejected: i64,
    /// Bodies that nobody can read.
    pub rubbish: HashSet<Vec<u8>>,
}

/// How far a message may move from its place, and how far what is late comes after the rest of its trace.
const DISORDER: usize = 12;
const LATENESS: usize = 60;

impl Traffic {
    /// `traces` traces, the same for the same seed.
    pub fn generate(traces: u64, seed: u64) -> Self {
        let mut traffic = Self::default();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        // (place in the order of publication, body)
        let mut placed: Vec<(usize, Vec<u8>)> = Vec::new();
        for number in 0..traces {
            let place = placed.len();
            for (distance, mut spans) in traffic.trace(number, &mut rng) {
                traffic.spoil(&mut spans, &mut rng);
                let records = spans.len() as i64;
                let body = request(spans);
                let place = place + distance + rng.random_range(0..DISORDER);
                if rng.random_bool(0.1) {
                    // The Collector's retry: the same bytes again.
                    placed.push((place + rng.random_range(0..LATENESS), body.clone()));
                    traffic.sent += records;
                }
                placed.push((place, body));
                traffic.sent += records;
            }
            if rng.random_bool(0.03) {
                let body = rubbish(number, &mut rng);
                traffic.rubbish.insert(body.clone());
                placed.push((place, body));
            }
        }
        placed.sort_by_key(|(place, _)| *place);
        traffic.messages = placed.into_iter().map(|(_, body)| body).collect();
        traffic
    }

    /// The spans of a trace, in groups that travel together, each with how late it comes.
    fn trace(&mut self, number: u64, rng: &mut Xoshiro256PlusPlus) -> Vec<(usize, Vec<Span>)> {
        let trace_id = [number.to_be_bytes(), rng.next_u64().to_be_bytes()].concat();
        let mut spans = vec![span(&trace_id, 1, None, "answer", &[("gen_ai.operation.name", "invoke_agent")])];
        for turn in 0..rng.random_range(1..=3_u64) {
            let question = text_messages("user", &format!("Question {turn} of trace {number}?"));
            let answer = text_messages("assistant", &format!("The answer to question {turn} of trace {number}."));
            let attributes = [
                ("gen_ai.operation.name", "chat"),
                ("gen_ai.provider.name", "openai"),
                ("gen_ai.request.model", "small"),
                ("gen_ai.input.messages", question.as_str()),
                ("gen_ai.output.messages", answer.as_str()),
            ];
            let generation = span(&trace_id, 10 + turn, Some(1), "chat small", &attributes);
            self.generations.insert(key(&generation));
            spans.push(generation);
        }
        let documents = format!(r#"[{{"id":"{number}","content":"Document {number}"}}]"#);
        let attributes = [("gen_ai.operation.name", "retrieval"), ("gen_ai.retrieval.documents", documents.as_str())];
        let retrieval = span(&trace_id, 2, Some(1), "retrieval", &attributes);
        self.spans.extend(spans.iter().chain([&retrieval]).map(key));
        spans.shuffle(rng);
        match rng.random_range(0..10) {
            // In several messages.
            0..3 => {
                let rest = spans.split_off(spans.len() / 2);
                vec![(0, spans), (rng.random_range(0..DISORDER), [rest, vec![retrieval]].concat())]
            }
            // What the answers were drawn from comes after they have been judged.
            3 => vec![(0, spans), (LATENESS, vec![retrieval])],
            // The first messages are put together anew by the next Collector.
            4 => {
                let again = spans.clone();
                vec![(0, spans), (0, [vec![retrieval], again].concat())]
            }
            _ => vec![(0, [spans, vec![retrieval]].concat())],
        }
    }

    /// Adds, rarely, what is not kept.
    fn spoil(&mut self, spans: &mut Vec<Span>, rng: &mut Xoshiro256PlusPlus) {
        if rng.random_bool(0.05) {
            let trace_id = rng.random::<[u8; 16]>();
            spans.push(span(&trace_id, 1, None, "judge", &[("openinference.span.kind", "EVALUATOR")]));
            self.own += 1;
        }
        if rng.random_bool(0.03) {
            spans.push(span(&[], rng.random_range(1..1_000_000), None, "nobody's", &[]));
            self.rejected += 1;
        }
    }
}

fn key(span: &Span) -> SpanKey {
    (span.trace_id.clone(), span.span_id.clone())
}

fn text_messages(role: &str, text: &str) -> String {
    format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}]"#)
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn span(trace_id: &[u8], id: u64, parent: Option<u64>, name: &str, attributes: &[(&str, &str)]) -> Span {
    Span {
        trace_id: trace_id.to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: parent.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec()),
        name: name.to_owned(),
        start_time_unix_nano: 1_767_225_600_000_000_000 + id,
        end_time_unix_nano: 1_767_225_601_000_000_000 + id,
        attributes: attributes.iter().map(|(key, value)| text(key, value)).collect(),
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let resource = Some(Resource { attributes: vec![text("service.name", "shop")], ..Resource::default() });
    let scope = Some(InstrumentationScope { name: "chaos".to_owned(), ..InstrumentationScope::default() });
    let scope_spans = vec![ScopeSpans { scope, spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn rubbish(number: u64, rng: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    match rng.random_range(0..3) {
        0 => [&[0xff, 0xfe][..], &number.to_be_bytes()].concat(),
        1 => format!(r#"{{"resourceSpans": [{number}"#).into_bytes(),
        _ => format!("<html><title>Not found {number}</title></html>").into_bytes(),
    }
}
