//! How deep a record is nested: what is accepted must be readable when it is read back from the store.
//!
//! prost reads messages in messages to a depth of 100, and a stored record stands in two more of them than alone: its scope
//! block and its resource block.

use super::wire::{AnyValue, KeyValue, LogRecord, Resource, Span, any_value};

/// Messages in messages that prost reads.
const READABLE: usize = 100;

/// Messages around a record in its stored block.
const AROUND_RECORD: usize = 2;

/// Messages around a resource in its stored block.
const AROUND_RESOURCE: usize = 1;

/// Whether a span can be read back from its stored block.
pub fn fits_span(span: &Span) -> bool {
    let events = span.events.iter().map(|event| 1 + of_pairs(&event.attributes));
    let links = span.links.iter().map(|link| 1 + of_pairs(&link.attributes));
    let deepest = events.chain(links).fold(of_pairs(&span.attributes), usize::max);
    AROUND_RECORD + deepest <= READABLE
}

/// Whether a log record can be read back from its stored block.
pub fn fits_log_record(record: &LogRecord) -> bool {
    let body = record.body.as_ref().map_or(0, |body| 1 + of_value(body));
    AROUND_RECORD + body.max(of_pairs(&record.attributes)) <= READABLE
}

/// Whether a resource can be read back from the stored blocks of its records.
pub fn fits_resource(resource: &Resource) -> bool {
    AROUND_RESOURCE + of_pairs(&resource.attributes) <= READABLE
}

/// Messages in each other from the pairs downwards.
fn of_pairs(pairs: &[KeyValue]) -> usize {
    let of_pair = |pair: &KeyValue| 1 + pair.value.as_ref().map_or(0, |value| 1 + of_value(value));
    pairs.iter().map(of_pair).max().unwrap_or(0)
}

/// Messages in each other below a value. The decoder limits them, and with them this recursion.
fn of_value(value: &AnyValue) -> usize {
    match &value.value {
        Some(any_value::Value::ArrayValue(list)) => {
            1 + list.values.iter().map(|value| 1 + of_value(value)).max().unwrap_or(0)
        }
        Some(any_value::Value::KvlistValue(map)) => 1 + of_pairs(&map.values),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
    use prost::Message;

    use super::super::codec::{Origin, log_record_from_bytes, resource_from_bytes, span_from_bytes};
    use super::super::wire::span::{Event, Link};
    use super::*;

    fn nested(lists: usize, maps: usize) -> AnyValue {
        let wrap = |value| AnyValue { value: Some(value) };
        let leaf = wrap(any_value::Value::StringValue("x".to_owned()));
        let listed =
            (0..lists).fold(leaf, |inner, _| wrap(any_value::Value::ArrayValue(ArrayValue { values: vec![inner] })));
        (0..maps)
            .fold(listed, |inner, _| wrap(any_value::Value::KvlistValue(KeyValueList { values: vec![pair(inner)] })))
    }

    fn pair(value: AnyValue) -> KeyValue {
        KeyValue { key: "k".to_owned(), value: Some(value), ..KeyValue::default() }
    }

    /// Whether each place in which a value may stand is judged as the store's own decoder judges it.
    fn is_right_about(lists: usize, maps: usize) {
        let ids = || Span { trace_id: vec![1; 16], span_id: vec![2; 8], ..Span::default() };
        let attributes = || vec![pair(nested(lists, maps))];
        let spans = [
            Span { attributes: attributes(), ..ids() },
            Span { events: vec![Event { attributes: attributes(), ..Event::default() }], ..ids() },
            Span { links: vec![Link { attributes: attributes(), ..Link::default() }], ..ids() },
        ];
        for span in spans {
            let read = span_from_bytes(&Origin::new(None, None).span_to_bytes(&span), None);
            assert_eq!(fits_span(&span), read.is_ok(), "{lists} lists, {maps} maps");
        }
        let record = LogRecord { trace_id: vec![1; 16], span_id: vec![2; 8], ..LogRecord::default() };
        for record in [
            LogRecord { attributes: attributes(), ..record.clone() },
            LogRecord { body: Some(nested(lists, maps)), ..record.clone() },
        ] {
            let read = log_record_from_bytes(&Origin::new(None, None).log_record_to_bytes(&record));
            assert_eq!(fits_log_record(&record), read.is_ok(), "{lists} lists, {maps} maps");
        }
        let resource = Resource { attributes: attributes(), ..Resource::default() };
        let read = resource_from_bytes(Origin::new(Some(&resource), None).resource());
        assert_eq!(fits_resource(&resource), read.is_ok(), "{lists} lists, {maps} maps");
    }

    #[test]
    fn what_fits_is_what_the_store_reads_back() {
        for lists in 44..54 {
            is_right_about(lists, 0);
            is_right_about(lists - 40, 28);
        }
        for maps in 28..36 {
            is_right_about(0, maps);
        }
        // The decoder of a record alone reads two levels more.
        assert!(
            Span::decode(Span { attributes: vec![pair(nested(49, 0))], ..Span::default() }.encode_to_vec().as_slice())
                .is_ok()
        );
    }
}
