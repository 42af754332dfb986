//! One span or log record as it arrived: OTLP's fields in types that cannot be wrong, no interpretation yet.

use std::sync::Arc;

use super::{Attributes, SpanId, TraceId, Value};

/// Nanoseconds since the Unix epoch, as OTLP counts time.
pub type UnixNanos = u64;

/// Who emitted a span: shared by all spans of one resource block.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resource {
    /// `service.name`, `deployment.environment.name`, …
    pub attributes: Attributes,
}

/// The instrumentation scope.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// For example `opentelemetry.instrumentation.openai_v2`.
    pub name: String,
    /// The instrumentation's version; empty when unstated.
    pub version: String,
}

/// What the span says of its own success.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SpanStatus {
    /// Most GenAI instrumentations leave it so; it means success.
    #[default]
    Unset,
    /// Success, said explicitly.
    Ok,
    /// Failure, with the message, which may be empty.
    Error(String),
}

/// An event inside a span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpanEvent {
    /// For example `exception` or `gen_ai.choice`.
    pub name: String,
    /// When it happened; 0 when unstated.
    pub time: UnixNanos,
    pub attributes: Attributes,
    /// Attributes that a limit left out, by the sender's own count.
    pub dropped_attributes: u32,
}

/// A link to a span, usually of another trace.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanLink {
    /// The trace linked to.
    pub trace_id: TraceId,
    /// The span linked to.
    pub span_id: SpanId,
    pub attributes: Attributes,
}

/// What limits of the SDK left out of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    pub attributes: u32,
    pub events: u32,
    pub links: u32,
}

/// One OTLP span as it arrived (after redaction).
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The parent's id; `None` on the root.
    pub parent_span_id: Option<SpanId>,
    /// W3C tracestate as text; empty when absent.
    pub trace_state: String,
    pub name: String,
    /// When it started.
    pub start: UnixNanos,
    /// When it ended; not before `start` once it was decoded.
    pub end: UnixNanos,
    /// Its own attributes.
    pub attributes: Attributes,
    /// Its events, in order.
    pub events: Vec<SpanEvent>,
    pub links: Vec<SpanLink>,
    /// What is missing, by the sender's own count.
    pub dropped: Dropped,
    /// Success or failure.
    pub status: SpanStatus,
    /// Who emitted it.
    pub resource: Arc<Resource>,
    /// By which instrumentation.
    pub scope: Arc<Scope>,
}

/// One OTLP log record that belongs to a span: many instrumentations put message content there.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// The span it belongs to.
    pub span_id: SpanId,
    /// `eventName`, else the attribute `event.name`; empty when neither is there.
    pub event_name: String,
    /// When it happened; 0 when unstated.
    pub time: UnixNanos,
    pub body: Value,
    pub attributes: Attributes,
    /// Attributes that a limit left out, by the sender's own count.
    pub dropped_attributes: u32,
    /// By which instrumentation.
    pub scope: Arc<Scope>,
}
