//! The form in which the store keeps a span or log record: OTLP protobuf, a resource block holding exactly one record. The
//! resource stands in it or apart, under the number that the field has in the block: put before the rest, it is the whole.
//!
//! The wire format is its own version contract, so that rows written by one release are read by the next.

use std::sync::Arc;

use prost::Message;
use prost::encoding::{self, WireType};

use super::wire::Span as WireSpan;
use super::wire::{InstrumentationScope, LogRecord as WireLog, Resource, ResourceLogs, ResourceSpans};
use crate::model::{LogRecord, Resource as ModelResource, Span};

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

/// Who emitted records, encoded once for all records of a block.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The field of the resource, if there is one.
    resource: Arc<[u8]>,
    /// The field of the scope, if there is one.
    scope: Vec<u8>,
}

/// The resource in a resource block, and the scope in a scope block.
const ORIGIN_FIELD: u32 = 1;
/// The scope blocks in a resource block, and the records in a scope block.
const INNER_FIELD: u32 = 2;

impl Origin {
    /// Encodes them.
    pub fn new(resource: Option<&Resource>, scope: Option<&InstrumentationScope>) -> Self {
        let field = |encode: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            encode(&mut bytes);
            bytes
        };
        Self {
            resource: field(&|bytes| {
                if let Some(resource) = resource {
                    encoding::message::encode(ORIGIN_FIELD, resource, bytes);
                }
            })
            .into(),
            scope: field(&|bytes| {
                if let Some(scope) = scope {
                    encoding::message::encode(ORIGIN_FIELD, scope, bytes);
                }
            }),
        }
    }

    /// The same resource with another scope.
    pub fn with_scope(self, scope: Option<&InstrumentationScope>) -> Self {
        Self { resource: self.resource, ..Self::new(None, scope) }
    }

    /// The resource, to be stored with its records or once for all of them.
    pub fn resource(&self) -> &Arc<[u8]> {
        &self.resource
    }

    /// The bytes to store for one span, behind or apart from its resource.
    pub fn span_to_bytes(&self, span: &WireSpan) -> Vec<u8> {
        self.to_bytes(span)
    }

    /// The bytes to store for one log record, behind or apart from its resource.
    pub fn log_record_to_bytes(&self, record: &WireLog) -> Vec<u8> {
        self.to_bytes(record)
    }

    /// Spans and log records stand in blocks of the same field numbers.
    fn to_bytes<R: Message>(&self, record: &R) -> Vec<u8> {
        let group = self.scope.len() + encoding::message::encoded_len(INNER_FIELD, record);
        let block = encoding::key_len(INNER_FIELD) + encoding::encoded_len_varint(group as u64) + group;
        let mut bytes = Vec::with_capacity(block);
        encoding::encode_key(INNER_FIELD, WireType::LengthDelimited, &mut bytes);
        encoding::encode_varint(group as u64, &mut bytes);
        bytes.extend_from_slice(&self.scope);
        encoding::message::encode(INNER_FIELD, record, &mut bytes);
        bytes
    }
}

/// Reads back [`Origin::span_to_bytes`]; `resource` is the one that stands apart, if it does.
pub fn span_from_bytes(bytes: &[u8], resource: Option<&Arc<ModelResource>>) -> Result<Span, StoredError> {
    let block = ResourceSpans::decode(bytes)?;
    let mut span = super::spans(block).into_iter().next().and_then(Result::ok).ok_or(StoredError::Empty)?;
    if let Some(resource) = resource {
        span.resource = Arc::clone(resource);
    }
    Ok(span)
}

/// Reads back [`Origin::resource`].
pub fn resource_from_bytes(bytes: &[u8]) -> Result<Arc<ModelResource>, StoredError> {
    Ok(super::resource(ResourceSpans::decode(bytes)?.resource))
}

/// Reads back [`Origin::log_record_to_bytes`].
pub fn log_record_from_bytes(bytes: &[u8]) -> Result<LogRecord, StoredError> {
    let block = ResourceLogs::decode(bytes)?;
    super::log_records(block).into_iter().next().and_then(Result::ok).ok_or(StoredError::Empty)
}

#[cfg(test)]
mod tests {
    use super::super::wire::{KeyValue, ScopeLogs, ScopeSpans};
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_stored_is_a_block_of_one_record(names in proptest::collection::vec("[a-z.]{0,200}", 3), present in 0..4u8) {
            let pair = KeyValue { key: names[0].clone(), ..KeyValue::default() };
            let resource = (present & 1 != 0).then(|| Resource { attributes: vec![pair], ..Resource::default() });
            let scope = (present & 2 != 0)
                .then(|| InstrumentationScope { name: names[1].clone(), ..InstrumentationScope::default() });
            let origin = Origin::new(resource.as_ref(), scope.as_ref());

            let span = WireSpan { trace_id: vec![1; 16], name: names[2].clone(), ..WireSpan::default() };
            let spans = ScopeSpans { scope: scope.clone(), spans: vec![span.clone()], ..ScopeSpans::default() };
            let block = ResourceSpans { resource: resource.clone(), scope_spans: vec![spans], ..ResourceSpans::default() };
            proptest::prop_assert_eq!([origin.resource().to_vec(), origin.span_to_bytes(&span)].concat(), block.encode_to_vec());

            let record = WireLog { trace_id: vec![1; 16], event_name: names[2].clone(), ..WireLog::default() };
            let records = ScopeLogs { scope, log_records: vec![record.clone()], ..ScopeLogs::default() };
            let block = ResourceLogs { resource, scope_logs: vec![records], ..ResourceLogs::default() };
            proptest::prop_assert_eq!([origin.resource().to_vec(), origin.log_record_to_bytes(&record)].concat(), block.encode_to_vec());
        }
    }
}
