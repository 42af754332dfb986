//! The form in which the store keeps a span or log record: OTLP protobuf, a resource block holding exactly one record.
//!
//! The wire format is its own version contract, so that rows written by one release are read by the next.

use prost::Message;

use super::wire::Span as WireSpan;
use super::wire::{
    InstrumentationScope, LogRecord as WireLog, Resource, ResourceLogs, ResourceSpans, ScopeLogs, ScopeSpans,
};
use crate::model::{LogRecord, Span};

/// Why stored bytes cannot be read back: the row was damaged or written by something else.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Not protobuf.
    #[error("a stored record is not protobuf")]
    Protobuf(#[from] prost::DecodeError),
    /// No record inside, or one that is refused.
    #[error("a stored record holds no valid record")]
    Empty,
}

/// The bytes to store for one span.
pub fn span_to_bytes(resource: Option<&Resource>, scope: Option<&InstrumentationScope>, span: WireSpan) -> Vec<u8> {
    let group = ScopeSpans { scope: scope.cloned(), spans: vec![span], schema_url: String::new() };
    ResourceSpans { resource: resource.cloned(), scope_spans: vec![group], schema_url: String::new() }.encode_to_vec()
}

/// Reads back [`span_to_bytes`].
pub fn span_from_bytes(bytes: &[u8]) -> Result<Span, StoredError> {
    let block = ResourceSpans::decode(bytes)?;
    super::spans(block).into_iter().next().and_then(Result::ok).ok_or(StoredError::Empty)
}

/// The bytes to store for one log record.
pub fn log_record_to_bytes(
    resource: Option<&Resource>,
    scope: Option<&InstrumentationScope>,
    record: WireLog,
) -> Vec<u8> {
    let group = ScopeLogs { scope: scope.cloned(), log_records: vec![record], schema_url: String::new() };
    ResourceLogs { resource: resource.cloned(), scope_logs: vec![group], schema_url: String::new() }.encode_to_vec()
}

/// Reads back [`log_record_to_bytes`].
pub fn log_record_from_bytes(bytes: &[u8]) -> Result<LogRecord, StoredError> {
    let block = ResourceLogs::decode(bytes)?;
    super::log_records(block).into_iter().next().and_then(Result::ok).ok_or(StoredError::Empty)
}
