//! From judged's own types back to OTLP's, for what is written out again.

use std::sync::Arc;

use super::{Origin, wire};
use crate::model::{Resource, Value};

/// The longest value of an attribute that stays with a score, in bytes. What identifies a service is shorter; command lines
/// and certificates are not.
const LONGEST_VALUE: usize = 1_024;
/// The most attributes that stay with a score.
const MOST_ATTRIBUTES: usize = 128;

/// The resource as scores carry it: without its longest values, and with the count of what was left out.
pub fn resource_to_wire(resource: &Resource) -> wire::Resource {
    let kept = resource.attributes.iter().filter(|(_, value)| weight(value) <= LONGEST_VALUE);
    let attributes: Vec<wire::KeyValue> = kept.take(MOST_ATTRIBUTES).map(pair).collect();
    let dropped = resource.attributes.len() - attributes.len();
    wire::Resource { attributes, dropped_attributes_count: dropped as u32, ..wire::Resource::default() }
}

/// [`resource_to_wire`] in the form that is stored; [`super::resource_from_bytes`] reads it.
pub fn resource_to_bytes(resource: &Resource) -> Arc<[u8]> {
    Arc::clone(Origin::new(Some(&resource_to_wire(resource)), None).resource())
}

/// Bytes of text in a value, keys of maps included.
fn weight(value: &Value) -> usize {
    match value {
        Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) => 8,
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Map(entries) => entries.iter().map(|(key, value)| key.len() + weight(value)).sum(),
    }
}

fn pair((key, value): (&str, &Value)) -> wire::KeyValue {
    wire::KeyValue { key: key.to_owned(), value: Some(value_to_wire(value)), ..wire::KeyValue::default() }
}

fn value_to_wire(value: &Value) -> wire::AnyValue {
    use wire::any_value::Value as Wire;
    let value = match value {
        Value::Empty => None,
        Value::Bool(truth) => Some(Wire::BoolValue(*truth)),
        Value::Int(number) => Some(Wire::IntValue(*number)),
        Value::Double(number) => Some(Wire::DoubleValue(*number)),
        Value::String(text) => Some(Wire::StringValue(text.clone())),
        Value::Bytes(bytes) => Some(Wire::BytesValue(bytes.clone())),
        Value::List(items) => {
            Some(Wire::ArrayValue(wire::ArrayValue { values: items.iter().map(value_to_wire).collect() }))
        }
        Value::Map(entries) => Some(Wire::KvlistValue(wire::KeyValueList {
            values: entries.iter().map(|(key, value)| pair((key, value))).collect(),
        })),
    };
    wire::AnyValue { value }
}

#[cfg(test)]
mod tests {
    use super::super::{resource, resource_from_bytes};
    use super::*;
    use crate::model::Attributes;

    fn values() -> Vec<(String, Value)> {
        let map = Value::Map(vec![("zone".to_owned(), Value::from("a")), ("rack".to_owned(), Value::Int(7))]);
        [
            ("service.name", Value::from("shop")),
            ("process.pid", Value::Int(17)),
            ("load", Value::Double(0.5)),
            ("spot", Value::Bool(true)),
            ("digest", Value::Bytes(vec![1, 255])),
            ("args", Value::List(vec![Value::from("-x"), Value::Int(2)])),
            ("place", map),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .to_vec()
    }

    #[test]
    fn a_resource_is_the_same_after_storing_it_and_after_sending_it() {
        let whole = Resource { attributes: values().into_iter().collect() };
        assert_eq!(*resource_from_bytes(&resource_to_bytes(&whole)).unwrap(), whole);
        assert_eq!(*resource(Some(resource_to_wire(&whole))), whole);
    }

    #[test]
    fn long_values_stay_behind_and_are_counted() {
        let mut attributes: Attributes = values().into_iter().collect();
        attributes.push("process.command_args", Value::List(vec![Value::from("x".repeat(2_000))]));
        let wire = resource_to_wire(&Resource { attributes });
        assert_eq!((wire.attributes.len(), wire.dropped_attributes_count), (7, 1));
        assert!(wire.attributes.iter().all(|pair| pair.key != "process.command_args"));
    }
}
