//! How many values a protobuf record holds: counted before it is decoded, because an empty attribute is two bytes on the wire and
//! a hundred in memory.

use super::wire_reader::{Malformed, Raw, Reader};
use crate::otlp::Signal;

/// Attributes, events, links and the values in them, of one record. The longest conversations that instrumentations write have a few
/// thousand.
pub(super) const MOST_VALUES: usize = 50_000;

/// Deeper than the decoder reads.
const DEEPEST: usize = 100;

/// Whether a record, resource or scope holds more values than may be decoded; what cannot be walked is left to the decoder.
pub(super) fn is_oversized(message: Kind, bytes: &[u8]) -> bool {
    let mut left = Left(MOST_VALUES);
    matches!(left.count(message, bytes, 0), Err(Stop::Oversized))
}

/// What a message is, as far as its fields hold values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Span,
    LogRecord,
    /// A resource; its attributes are its first field.
    Resource,
    /// A scope, an event: attributes are the third.
    Scope,
    Link,
    Pair,
    Value,
    Values,
    Pairs,
}

impl From<Signal> for Kind {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Traces => Self::Span,
            Signal::Logs => Self::LogRecord,
        }
    }
}

impl Kind {
    /// What a field of it holds, where that has values of its own.
    fn field(self, number: u32) -> Option<Self> {
        Some(match (self, number) {
            (Self::Span, 9) | (Self::LogRecord, 6) | (Self::Resource, 1) | (Self::Scope, 3) | (Self::Link, 4) => {
                Self::Pair
            }
            (Self::Span, 11) => Self::Scope,
            (Self::Span, 13) => Self::Link,
            (Self::LogRecord, 5) | (Self::Pair, 2) => Self::Value,
            (Self::Value, 5) => Self::Values,
            (Self::Value, 6) => Self::Pairs,
            (Self::Values, 1) => Self::Value,
            (Self::Pairs, 1) => Self::Pair,
            _ => return None,
        })
    }
}

struct Left(usize);

enum Stop {
    Oversized,
    Unreadable,
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self::Unreadable
    }
}

impl Left {
    fn count(&mut self, kind: Kind, bytes: &[u8], depth: usize) -> Result<(), Stop> {
        if depth > DEEPEST {
            return Err(Stop::Unreadable);
        }
        let mut reader = Reader::new(bytes);
        while let Some((number, value)) = reader.next()? {
            let Raw::Bytes(inner) = value else { continue };
            let Some(kind) = kind.field(number) else { continue };
            self.0 = self.0.checked_sub(1).ok_or(Stop::Oversized)?;
            self.count(kind, inner, depth + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
    use prost::Message;

    use super::*;
    use crate::otlp::wire::{AnyValue, KeyValue, Resource, Span, any_value, span};

    fn pair(value: Option<any_value::Value>) -> KeyValue {
        KeyValue { value: Some(AnyValue { value }), ..KeyValue::default() }
    }

    #[test]
    fn what_would_become_too_large_is_told_by_what_is_in_it() {
        let many = vec![KeyValue::default(); MOST_VALUES + 1];
        let few = vec![KeyValue::default(); 100];
        let span = |attributes: Vec<KeyValue>| Span { attributes, ..Span::default() }.encode_to_vec();
        assert!(is_oversized(Kind::Span, &span(many.clone())));
        assert!(!is_oversized(Kind::Span, &span(few.clone())));
        let text = any_value::Value::StringValue("x".repeat(4_000_000));
        assert!(!is_oversized(Kind::Span, &span(vec![pair(Some(text))])), "a long text is one value");

        let list = ArrayValue { values: vec![AnyValue::default(); MOST_VALUES + 1] };
        let map = KeyValueList { values: many.clone() };
        for value in [any_value::Value::ArrayValue(list), any_value::Value::KvlistValue(map)] {
            assert!(is_oversized(Kind::Span, &span(vec![pair(Some(value.clone()))])));
            let resource = Resource { attributes: vec![pair(Some(value))], ..Resource::default() };
            assert!(is_oversized(Kind::Resource, &resource.encode_to_vec()));
        }
        let events = vec![span::Event::default(); MOST_VALUES + 1];
        assert!(is_oversized(Kind::Span, &Span { events, ..Span::default() }.encode_to_vec()));
        let event = span::Event { attributes: many, ..span::Event::default() };
        assert!(is_oversized(Kind::Span, &Span { events: vec![event], ..Span::default() }.encode_to_vec()));
    }
}
