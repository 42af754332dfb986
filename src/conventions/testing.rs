//! Spans for tests, built in a line or two.

use std::sync::Arc;

use crate::model::{
    Attributes, Dropped, LogRecord, Resource, Scope, Span, SpanEvent, SpanId, SpanStatus, Step, TraceId, Value,
};

use super::json_text::{Parsed, parse};
use super::json_tree::{Arena, Node};

/// The tree of JSON text; its arena is never freed.
pub(crate) fn tree(text: &str) -> Node<'_> {
    match parse(text, Box::leak(Box::new(Arena::new()))) {
        Parsed::Tree(node) => node,
        other => panic!("{text} is {other:?}"),
    }
}

/// Builds one span; ids default to trace 1, span 1.
pub(crate) struct SpanBuilder(Span);

pub(crate) fn trace_id(number: u8) -> TraceId {
    TraceId::try_from([number; 16].as_slice()).unwrap()
}

pub(crate) fn span_id(number: u16) -> SpanId {
    let mut bytes = [0xAA; 8];
    bytes[6..].copy_from_slice(&number.to_be_bytes());
    SpanId::try_from(bytes.as_slice()).unwrap()
}

impl SpanBuilder {
    pub(crate) fn new(name: &str) -> Self {
        Self(Span {
            trace_id: trace_id(1),
            span_id: span_id(1),
            parent_span_id: None,
            trace_state: String::new(),
            name: name.to_owned(),
            start: 1_000,
            end: 2_000,
            attributes: Attributes::default(),
            events: Vec::new(),
            links: Vec::new(),
            dropped: Dropped::default(),
            status: SpanStatus::Unset,
            resource: Arc::default(),
            scope: Arc::default(),
        })
    }

    pub(crate) fn id(mut self, number: u16) -> Self {
        self.0.span_id = span_id(number);
        self
    }

    pub(crate) fn trace(mut self, number: u8) -> Self {
        self.0.trace_id = trace_id(number);
        self
    }

    pub(crate) fn parent(mut self, number: u16) -> Self {
        self.0.parent_span_id = Some(span_id(number));
        self
    }

    pub(crate) fn times(mut self, start: u64, end: u64) -> Self {
        (self.0.start, self.0.end) = (start, end);
        self
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.attributes.push(key, value);
        self
    }

    pub(crate) fn resource(mut self, key: &str, value: &str) -> Self {
        let mut attributes = self.0.resource.attributes.clone();
        attributes.push(key, value);
        self.0.resource = Arc::new(Resource { attributes });
        self
    }

    pub(crate) fn event(mut self, name: &str, attributes: &[(&str, &str)]) -> Self {
        self.0.events.push(SpanEvent {
            name: name.to_owned(),
            time: 1_500,
            attributes: pairs(attributes),
            dropped_attributes: 0,
        });
        self
    }

    /// What a limit left out of the last event.
    pub(crate) fn dropped_of_event(mut self, attributes: u32) -> Self {
        self.0.events.last_mut().unwrap().dropped_attributes = attributes;
        self
    }

    pub(crate) fn dropped(mut self, dropped: Dropped) -> Self {
        self.0.dropped = dropped;
        self
    }

    pub(crate) fn failed(mut self, message: &str) -> Self {
        self.0.status = SpanStatus::Error(message.to_owned());
        self
    }

    pub(crate) fn ok(mut self) -> Self {
        self.0.status = SpanStatus::Ok;
        self
    }

    pub(crate) fn scope(mut self, name: &str) -> Self {
        self.0.scope = Arc::new(Scope { name: name.to_owned(), version: String::new() });
        self
    }

    pub(crate) fn build(self) -> Span {
        self.0
    }

    /// Builds and normalises.
    pub(crate) fn step(self) -> Step {
        self.step_with(&[])
    }

    /// Builds and normalises with the log records that joined it; what is read must reach judged through a Collector.
    pub(crate) fn step_with(self, logs: &[LogRecord]) -> Step {
        let step = super::normalise(&self.0, logs);
        super::kept_by_collectors::assert_kept(&self.0, &step);
        step
    }
}

/// A log record of trace 1, span 1.
pub(crate) fn log(event_name: &str, body: Value, attributes: &[(&str, &str)]) -> LogRecord {
    LogRecord {
        trace_id: trace_id(1),
        span_id: span_id(1),
        event_name: event_name.to_owned(),
        time: 1_500,
        body,
        attributes: pairs(attributes),
        dropped_attributes: 0,
        scope: Arc::default(),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
}
