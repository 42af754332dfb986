//! What happens to traces between the program that records them and judged.

use std::collections::BTreeSet;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use sha2::{Digest, Sha256};

use super::captures::Capture;
use crate::otlp::wire::any_value::Value;
use crate::otlp::wire::{
    AnyValue, ExportLogsServiceRequest, ExportTraceServiceRequest, KeyValue, LogRecord, ResourceLogs, ResourceSpans,
    ScopeLogs, ScopeSpans, Span,
};
use crate::otlp::{Request, decode};

/// What a change may do to the judged text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// Nothing, but where the order of messages is only the one in which they arrived.
    Order,
    /// It may be shorter or gone.
    Loss,
    /// It may be shorter or gone, and what is around it masked.
    Masked,
    /// What other spans say may be gone.
    SpansLost,
}

/// In which unit a limit counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// Python's SDK.
    Characters,
    /// Go's SDK, and `truncate_all` of the Collector.
    Bytes,
    /// The SDKs of Java and JavaScript.
    Utf16,
}

/// Which attributes a limit on their number leaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kept {
    /// Most SDKs.
    First,
    /// Python's SDK.
    Last,
}

#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Records in any order, each in a block of its own, as after several requests, batches and retries.
    Scattered,
    /// Parents behind their children.
    ParentsLast,
    /// An export that is repeated.
    Repeated,
    AsJson,
    RenamedServices,
    /// A limit on the length of attribute values.
    Length(usize, Unit),
    /// A limit on the number of attributes of spans.
    Attributes(usize, Kept),
    /// A limit on the number of attributes of events and log records.
    EventAttributes(usize),
    /// A limit on the number of events of spans.
    Events(usize),
    /// A processor that masks digits in values.
    Masked,
    /// A processor that deletes attributes, as one name or as all that begin alike.
    Deleted(String),
    /// A processor that writes the hash of an attribute in its place.
    Hashed(String),
    /// Spans that do not arrive.
    LostSpans,
}

/// Every change of a capture.
pub(super) fn all(capture: &Capture) -> Vec<Change> {
    let mut changes = vec![
        Change::Scattered,
        Change::ParentsLast,
        Change::Repeated,
        Change::AsJson,
        Change::RenamedServices,
        Change::Masked,
        Change::LostSpans,
        Change::LostSpans,
        Change::EventAttributes(1),
        Change::Events(0),
        Change::Events(1),
    ];
    for length in [128, 200, 256, 1_000, 1_024, 4_096] {
        changes.extend([Unit::Characters, Unit::Bytes, Unit::Utf16].map(|unit| Change::Length(length, unit)));
    }
    for number in [4, 8, 16, 32, 64] {
        changes.extend([Kept::First, Kept::Last].map(|kept| Change::Attributes(number, kept)));
    }
    for key in content_keys(capture) {
        changes.extend([Change::Deleted(key.clone()), Change::Hashed(key)]);
    }
    changes
}

/// The names of attributes that hold texts of some length; of those that were flattened what they begin with.
fn content_keys(capture: &Capture) -> BTreeSet<String> {
    let long = |pair: &&KeyValue| matches!(text_of(pair), Some(text) if text.len() > 60);
    let stem = |key: &str| key.split('.').take_while(|part| part.parse::<u32>().is_err()).collect::<Vec<_>>().join(".");
    let spans =
        capture.traces.resource_spans.iter().flat_map(|block| &block.scope_spans).flat_map(|scope| &scope.spans);
    spans.flat_map(|span| &span.attributes).filter(long).map(|pair| stem(&pair.key)).collect()
}

fn text_of(pair: &KeyValue) -> Option<&str> {
    match pair.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

impl Effect {
    /// Whether nothing may be lost.
    pub(super) fn keeps_all(self) -> bool {
        matches!(self, Self::None | Self::Order)
    }
}

impl Change {
    pub(super) fn effect(&self) -> Effect {
        match self {
            Self::Scattered => Effect::Order,
            Self::ParentsLast | Self::Repeated | Self::AsJson | Self::RenamedServices => Effect::None,
            Self::Masked | Self::Hashed(_) => Effect::Masked,
            Self::LostSpans => Effect::SpansLost,
            _ => Effect::Loss,
        }
    }

    pub(super) fn apply(&self, capture: &Capture, rng: &mut impl Rng) -> Capture {
        let mut changed = capture.clone();
        match self {
            Self::Scattered => scatter(&mut changed, rng),
            Self::ParentsLast => parents_last(&mut changed),
            Self::Repeated => {
                changed.traces.resource_spans.extend(capture.traces.resource_spans.clone());
                changed.logs.resource_logs.extend(capture.logs.resource_logs.clone());
            }
            Self::AsJson => through_json(&mut changed),
            Self::RenamedServices => {
                for block in &mut changed.traces.resource_spans {
                    block.resource = None;
                }
            }
            Self::Length(limit, unit) => each_attribute(&mut changed, |pair| {
                strings(pair.value.as_mut(), &mut |text| *text = cut(text, *limit, *unit));
            }),
            Self::Attributes(limit, kept) => each_span(&mut changed, |span| {
                span.dropped_attributes_count += limited(&mut span.attributes, *limit, *kept);
            }),
            Self::EventAttributes(limit) => {
                each_span(&mut changed, |span| {
                    for event in &mut span.events {
                        event.dropped_attributes_count += limited(&mut event.attributes, *limit, Kept::First);
                    }
                });
                each_log_record(&mut changed, |record| {
                    record.dropped_attributes_count += limited(&mut record.attributes, *limit, Kept::First);
                });
            }
            Self::Events(limit) => each_span(&mut changed, |span| {
                span.dropped_events_count += limited(&mut span.events, *limit, Kept::First);
            }),
            Self::Masked => each_attribute(&mut changed, |pair| {
                strings(pair.value.as_mut(), &mut |text| *text = masked(text));
            }),
            Self::Deleted(key) => {
                each_span(&mut changed, |span| span.attributes.retain(|pair| !begins(&pair.key, key)));
            }
            Self::Hashed(key) => each_attribute(&mut changed, |pair| {
                if begins(&pair.key, key) {
                    strings(pair.value.as_mut(), &mut |text| *text = hex::encode(Sha256::digest(text.as_bytes())));
                }
            }),
            Self::LostSpans => {
                let scopes = changed.traces.resource_spans.iter_mut().flat_map(|block| &mut block.scope_spans);
                scopes.for_each(|scope| scope.spans.retain(|_| rng.random_bool(0.7)));
            }
        }
        changed
    }
}

/// Whether a name is `stem`, or one of those that it was flattened into.
fn begins(key: &str, stem: &str) -> bool {
    key.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn each_span(capture: &mut Capture, mut change: impl FnMut(&mut Span)) {
    let scopes = capture.traces.resource_spans.iter_mut().flat_map(|block| &mut block.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans).for_each(&mut change);
}

fn each_log_record(capture: &mut Capture, mut change: impl FnMut(&mut LogRecord)) {
    let scopes = capture.logs.resource_logs.iter_mut().flat_map(|block| &mut block.scope_logs);
    scopes.flat_map(|scope| &mut scope.log_records).for_each(&mut change);
}

fn each_attribute(capture: &mut Capture, mut change: impl FnMut(&mut KeyValue)) {
    each_span(capture, |span| {
        span.attributes.iter_mut().for_each(&mut change);
        span.events.iter_mut().flat_map(|event| &mut event.attributes).for_each(&mut change);
    });
    each_log_record(capture, |record| record.attributes.iter_mut().for_each(&mut change));
}

/// Every text in a value.
fn strings(value: Option<&mut AnyValue>, change: &mut impl FnMut(&mut String)) {
    match value.and_then(|value| value.value.as_mut()) {
        Some(Value::StringValue(text)) => change(text),
        Some(Value::ArrayValue(list)) => list.values.iter_mut().for_each(|value| strings(Some(value), change)),
        Some(Value::KvlistValue(map)) => map.values.iter_mut().for_each(|pair| strings(pair.value.as_mut(), change)),
        _ => {}
    }
}

/// A text cut to a limit, at the end of a character.
fn cut(text: &str, limit: usize, unit: Unit) -> String {
    let length = |character: char| match unit {
        Unit::Characters => 1,
        Unit::Bytes => character.len_utf8(),
        Unit::Utf16 => character.len_utf16(),
    };
    let mut left = limit;
    let fits = |character: &char| {
        let rest = left.checked_sub(length(*character));
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    text.chars().take_while(fits).collect()
}

fn masked(text: &str) -> String {
    let mut masked = String::new();
    for part in text.split_inclusive(|character: char| !character.is_ascii_digit()) {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        masked += if digits >= 3 { "****" } else { &part[..digits] };
        masked += &part[digits..];
    }
    masked
}

/// Leaves so many items, and returns how many are gone.
fn limited<T>(items: &mut Vec<T>, limit: usize, kept: Kept) -> u32 {
    let gone = items.len().saturating_sub(limit);
    match kept {
        Kept::First => items.truncate(limit),
        Kept::Last => drop(items.drain(..gone)),
    }
    u32::try_from(gone).unwrap()
}

fn spans_alone(traces: ExportTraceServiceRequest) -> Vec<ResourceSpans> {
    let mut alone = Vec::new();
    for ResourceSpans { resource, scope_spans, .. } in traces.resource_spans {
        for ScopeSpans { scope, spans, .. } in scope_spans {
            alone.extend(spans.into_iter().map(|span| {
                let scope = ScopeSpans { scope: scope.clone(), spans: vec![span], ..ScopeSpans::default() };
                ResourceSpans { resource: resource.clone(), scope_spans: vec![scope], ..ResourceSpans::default() }
            }));
        }
    }
    alone
}

fn logs_alone(logs: ExportLogsServiceRequest) -> Vec<ResourceLogs> {
    let mut alone = Vec::new();
    for ResourceLogs { resource, scope_logs, .. } in logs.resource_logs {
        for ScopeLogs { scope, log_records, .. } in scope_logs {
            alone.extend(log_records.into_iter().map(|record| {
                let scope = ScopeLogs { scope: scope.clone(), log_records: vec![record], ..ScopeLogs::default() };
                ResourceLogs { resource: resource.clone(), scope_logs: vec![scope], ..ResourceLogs::default() }
            }));
        }
    }
    alone
}

fn scatter(capture: &mut Capture, rng: &mut impl Rng) {
    capture.traces.resource_spans = spans_alone(std::mem::take(&mut capture.traces));
    capture.traces.resource_spans.shuffle(rng);
    capture.logs.resource_logs = logs_alone(std::mem::take(&mut capture.logs));
    capture.logs.resource_logs.shuffle(rng);
}

fn parents_last(capture: &mut Capture) {
    capture.traces.resource_spans = spans_alone(std::mem::take(&mut capture.traces));
    capture.traces.resource_spans.sort_by_key(|block| {
        let span = &block.scope_spans[0].spans[0];
        std::cmp::Reverse((span.parent_span_id.clone(), span.start_time_unix_nano))
    });
}

fn through_json(capture: &mut Capture) {
    let read = |text: Vec<u8>| decode(&text).unwrap();
    if let Request::Traces(traces) = read(serde_json::to_vec(&capture.traces).unwrap()) {
        capture.traces = traces;
    }
    if let Request::Logs(logs) = read(serde_json::to_vec(&capture.logs).unwrap()) {
        capture.logs = logs;
    }
}
