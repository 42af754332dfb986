//! Wire types to model types: where ids are checked once and for all.

use std::sync::Arc;

use super::wire;
use crate::model::{
    Attributes, Dropped, IdError, LogRecord, Resource, Scope, Span, SpanEvent, SpanId, SpanLink, SpanStatus, TraceId,
    Value,
};

/// Why one span or log record is refused; the rest of its request is not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A bad trace id or span id.
    #[error("{record} refused: {source}")]
    Id {
        /// `span` or `log record`.
        record: &'static str,
        /// What is wrong with the id.
        source: IdError,
    },
}

/// The spans of one resource block, each on its own right or wrong.
pub fn spans(block: wire::ResourceSpans) -> Vec<Result<Span, RecordError>> {
    let resource = resource(block.resource);
    let mut spans = Vec::new();
    for group in block.scope_spans {
        let scope = scope_to_model(group.scope);
        spans.extend(group.spans.into_iter().map(|span| span_to_model(span, &resource, &scope)));
    }
    spans
}

/// The log records of one resource block that name a span, each on its own right or wrong.
pub fn log_records(block: wire::ResourceLogs) -> Vec<Result<LogRecord, RecordError>> {
    let mut records = Vec::new();
    for group in block.scope_logs {
        let scope = scope_to_model(group.scope);
        records.extend(group.log_records.into_iter().map(|record| log_record_to_model(record, &scope)));
    }
    records
}

/// What emitted the records of a block.
pub fn resource(resource: Option<wire::Resource>) -> Arc<Resource> {
    let attributes = resource.map(|resource| attributes_to_model(resource.attributes)).unwrap_or_default();
    Arc::new(Resource { attributes })
}

fn scope_to_model(scope: Option<wire::InstrumentationScope>) -> Arc<Scope> {
    Arc::new(scope.map(|scope| Scope { name: scope.name, version: scope.version }).unwrap_or_default())
}

fn span_to_model(span: wire::Span, resource: &Arc<Resource>, scope: &Arc<Scope>) -> Result<Span, RecordError> {
    let bad = |source| RecordError::Id { record: "span", source };
    Ok(Span {
        trace_id: TraceId::try_from(span.trace_id.as_slice()).map_err(bad)?,
        span_id: SpanId::try_from(span.span_id.as_slice()).map_err(bad)?,
        // An all-zero or cut-off parent id means "no parent" to every SDK that sends one.
        parent_span_id: SpanId::try_from(span.parent_span_id.as_slice()).ok(),
        trace_state: span.trace_state,
        name: span.name,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano.max(span.start_time_unix_nano),
        attributes: attributes_to_model(span.attributes),
        events: span.events.into_iter().map(event_to_model).collect(),
        links: span.links.into_iter().filter_map(link_to_model).collect(),
        dropped: Dropped {
            attributes: span.dropped_attributes_count,
            events: span.dropped_events_count,
            links: span.dropped_links_count,
        },
        status: status_to_model(span.status),
        resource: Arc::clone(resource),
        scope: Arc::clone(scope),
    })
}

fn event_to_model(event: wire::span::Event) -> SpanEvent {
    SpanEvent {
        name: event.name,
        time: event.time_unix_nano,
        attributes: attributes_to_model(event.attributes),
        dropped_attributes: event.dropped_attributes_count,
    }
}

fn link_to_model(link: wire::span::Link) -> Option<SpanLink> {
    Some(SpanLink {
        trace_id: TraceId::try_from(link.trace_id.as_slice()).ok()?,
        span_id: SpanId::try_from(link.span_id.as_slice()).ok()?,
        attributes: attributes_to_model(link.attributes),
    })
}

fn status_to_model(status: Option<wire::Status>) -> SpanStatus {
    match status {
        Some(status) if status.code == wire::status::StatusCode::Error as i32 => SpanStatus::Error(status.message),
        Some(status) if status.code == wire::status::StatusCode::Ok as i32 => SpanStatus::Ok,
        _ => SpanStatus::Unset,
    }
}

fn log_record_to_model(record: wire::LogRecord, scope: &Arc<Scope>) -> Result<LogRecord, RecordError> {
    let bad = |source| RecordError::Id { record: "log record", source };
    let trace_id = TraceId::try_from(record.trace_id.as_slice()).map_err(bad)?;
    let span_id = SpanId::try_from(record.span_id.as_slice()).map_err(bad)?;
    let attributes = attributes_to_model(record.attributes);
    let event_name = match record.event_name {
        name if !name.is_empty() => name,
        _ => attributes.str("event.name").unwrap_or_default().to_owned(),
    };
    let time = if record.time_unix_nano == 0 { record.observed_time_unix_nano } else { record.time_unix_nano };
    let body = record.body.map(value_to_model).unwrap_or_default();
    let dropped_attributes = record.dropped_attributes_count;
    Ok(LogRecord {
        trace_id,
        span_id,
        event_name,
        time,
        body,
        attributes,
        dropped_attributes,
        scope: Arc::clone(scope),
    })
}

/// A wire attribute list as the model's. What was set to nothing is absent: some SDKs send an empty value for it, and others
/// leave the attribute out.
pub fn attributes_to_model(attributes: Vec<wire::KeyValue>) -> Attributes {
    attributes.into_iter().map(pair_to_model).filter(|(_, value)| *value != Value::Empty).collect()
}

fn pair_to_model(pair: wire::KeyValue) -> (String, Value) {
    (pair.key, pair.value.map(value_to_model).unwrap_or_default())
}

/// A wire value as the model's. Prost limits nesting to 100 messages, so that the recursion is bounded.
pub fn value_to_model(value: wire::AnyValue) -> Value {
    use wire::any_value::Value as Wire;
    match value.value {
        None | Some(Wire::StringValueStrindex(_)) => Value::Empty,
        Some(Wire::StringValue(text)) => Value::String(text),
        Some(Wire::BoolValue(truth)) => Value::Bool(truth),
        Some(Wire::IntValue(number)) => Value::Int(number),
        Some(Wire::DoubleValue(number)) => Value::Double(number),
        // Some producers (LangSmith) write their JSON as bytes.
        Some(Wire::BytesValue(bytes)) => match String::from_utf8(bytes) {
            Ok(text) => Value::String(text),
            Err(error) => Value::Bytes(error.into_bytes()),
        },
        Some(Wire::ArrayValue(list)) => Value::List(list.values.into_iter().map(value_to_model).collect()),
        Some(Wire::KvlistValue(list)) => Value::Map(list.values.into_iter().map(pair_to_model).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_that_was_set_to_nothing_is_absent() {
        let empty = wire::KeyValue { key: "user.id".to_owned(), ..wire::KeyValue::default() };
        let valueless = wire::KeyValue { value: Some(wire::AnyValue { value: None }), ..empty.clone() };
        assert_eq!(attributes_to_model(vec![empty, valueless]), Attributes::default());
    }

    #[test]
    fn a_span_with_a_zero_id_is_refused_alone() {
        let good = wire::Span { trace_id: vec![1; 16], span_id: vec![2; 8], ..wire::Span::default() };
        let zero = wire::Span { trace_id: vec![0; 16], ..good.clone() };
        let group = wire::ScopeSpans { spans: vec![zero, good], ..wire::ScopeSpans::default() };
        let decoded = spans(wire::ResourceSpans { scope_spans: vec![group], ..wire::ResourceSpans::default() });
        assert_eq!(decoded[0].as_ref().unwrap_err().to_string(), "span refused: trace id is all zeros");
        assert!(decoded[1].is_ok());
    }

    #[test]
    fn text_that_came_as_bytes_is_text() {
        let read = |bytes: &[u8]| {
            value_to_model(wire::AnyValue { value: Some(wire::any_value::Value::BytesValue(bytes.to_vec())) })
        };
        assert_eq!(read(br#"{"messages":[]}"#), Value::from(r#"{"messages":[]}"#));
        assert_eq!(read(&[0xff, 0xd8]), Value::Bytes(vec![0xff, 0xd8]));
    }

    #[test]
    fn a_span_never_ends_before_it_starts() {
        let span = wire::Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            start_time_unix_nano: 10,
            end_time_unix_nano: 3,
            ..wire::Span::default()
        };
        let group = wire::ScopeSpans { spans: vec![span], ..wire::ScopeSpans::default() };
        let decoded = spans(wire::ResourceSpans { scope_spans: vec![group], ..wire::ResourceSpans::default() });
        assert_eq!(decoded[0].as_ref().unwrap().end, 10);
    }
}
