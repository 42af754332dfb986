//! Spans that no instrumentation would write.

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::captures::Capture;
use crate::conventions::TABLE;
use crate::otlp::wire::any_value::Value;
use crate::otlp::wire::span::Event;
use crate::otlp::wire::{
    AnyValue, ExportLogsServiceRequest, ExportTraceServiceRequest, KeyValue, LogRecord, ResourceLogs, ResourceSpans,
    ScopeLogs, ScopeSpans, Span, Status,
};
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

/// One trace of a few recorded spans, each changed in a few places.
pub(super) fn nonsense(captures: &[Capture], seed: u64) -> Capture {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let capture = captures.choose(&mut rng).unwrap();
    let scopes: Vec<&ScopeSpans> = capture.traces.resource_spans.iter().flat_map(|block| &block.scope_spans).collect();
    let scope = scopes.choose(&mut rng).unwrap();
    let number = rng.random_range(1..4);
    let mut spans: Vec<Span> = (0..number).filter_map(|_| scope.spans.choose(&mut rng).cloned()).collect();
    for (place, span) in spans.iter_mut().enumerate() {
        span.trace_id = vec![1; 16];
        span.span_id = vec![u8::try_from(place).unwrap() + 1; 8];
        span.parent_span_id = vec![rng.random_range(0..4); 8];
        for _ in 0..rng.random_range(1..6) {
            mutate(span, &mut rng);
        }
    }
    let records = spans.iter().flat_map(|span| &span.events).map(|event| LogRecord {
        trace_id: vec![1; 16],
        span_id: vec![1; 8],
        event_name: event.name.clone(),
        body: event.attributes.first().and_then(|pair| pair.value.clone()),
        attributes: event.attributes.clone(),
        ..LogRecord::default()
    });
    let scope_logs = vec![ScopeLogs { log_records: records.collect(), ..ScopeLogs::default() }];
    let scope_spans = vec![ScopeSpans { scope: scope.scope.clone(), spans, ..ScopeSpans::default() }];
    Capture {
        name: String::new(),
        traces: ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
        },
        logs: ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] },
    }
}

fn mutate(span: &mut Span, rng: &mut Xoshiro256PlusPlus) {
    let place = rng.random_range(0..span.attributes.len().max(1));
    let other = span.attributes.choose(rng).cloned();
    let name = known_name(rng);
    match rng.random_range(0..12) {
        0 => span.attributes.push(KeyValue { value: Some(value(rng, 3)), ..named(name) }),
        1 => span.attributes.truncate(place),
        2 => span.events.push(Event { name, attributes: span.attributes.clone(), ..Event::default() }),
        3 => span.status = Some(Status { code: rng.random_range(-1..4), message: name }),
        4 => {
            span.start_time_unix_nano = rng.random();
            span.end_time_unix_nano = rng.random();
        }
        5 => span.attributes.extend(other),
        _ => {
            let Some(pair) = span.attributes.get_mut(place) else { return };
            match rng.random_range(0..4) {
                0 => pair.key = name,
                1 => pair.value = other.and_then(|other| other.value),
                2 => pair.value = Some(value(rng, 4)),
                _ => spoil(pair, rng),
            }
        }
    }
}

/// Cuts a text, repeats a part of it, or puts something else into it, wherever.
fn spoil(pair: &mut KeyValue, rng: &mut Xoshiro256PlusPlus) {
    const PIECES: [&str; 14] =
        ["", "\"", "{", "}", "[", "]", "\\", "\\u", "\\ud83d", "null", "1e999", "\u{1F600}", "\u{0}", "{\"role\":"];
    let Some(Value::StringValue(text)) = pair.value.as_mut().and_then(|value| value.value.as_mut()) else { return };
    let (from, to) = (boundary(text, rng), boundary(text, rng));
    let (from, to) = (from.min(to), from.max(to));
    match rng.random_range(0..3) {
        0 => text.truncate(from),
        1 => {
            let part = text[from..to].to_owned();
            text.insert_str(to, &part);
        }
        _ => {
            let end = (from..=to).take(5).filter(|at| text.is_char_boundary(*at)).last().unwrap_or(from);
            text.replace_range(from..end, PIECES.choose(rng).unwrap());
        }
    }
}

/// A place between two characters, so that a few bytes behind it are one too.
fn boundary(text: &str, rng: &mut Xoshiro256PlusPlus) -> usize {
    let wanted = rng.random_range(0..=text.len());
    (wanted..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn named(key: String) -> KeyValue {
    KeyValue { key, ..KeyValue::default() }
}

/// A name that some family reads, with something in the place of its wildcard.
fn known_name(rng: &mut Xoshiro256PlusPlus) -> String {
    let names = TABLE.choose(rng).map_or(&[][..], |family| family.names());
    let name = names.choose(rng).copied().unwrap_or("gen_ai.output.messages");
    let rest = ["0.message.content", "0.content", "18446744073709551615.role", "input", "output", "type", ""];
    name.strip_suffix('*').map_or_else(|| name.to_owned(), |stem| format!("{stem}{}", rest.choose(rng).unwrap()))
}

fn value(rng: &mut Xoshiro256PlusPlus, depth: u32) -> AnyValue {
    let inner = |rng: &mut Xoshiro256PlusPlus| -> Vec<AnyValue> {
        (0..rng.random_range(0..4)).map(|_| value(rng, depth - 1)).collect()
    };
    let value = match rng.random_range(0..9) {
        0 => Some(Value::BoolValue(rng.random())),
        1 => Some(Value::IntValue(rng.random())),
        2 => Some(Value::DoubleValue(f64::from_bits(rng.random()))),
        3 => Some(Value::BytesValue((0..rng.random_range(0..9)).map(|_| rng.random()).collect())),
        4 if depth > 0 => Some(Value::ArrayValue(ArrayValue { values: inner(rng) })),
        5 if depth > 0 => {
            let values = inner(rng).into_iter().map(|value| KeyValue { value: Some(value), ..named(known_name(rng)) });
            Some(Value::KvlistValue(KeyValueList { values: values.collect() }))
        }
        6 => None,
        _ => Some(Value::StringValue(known_name(rng))),
    };
    AnyValue { value }
}
