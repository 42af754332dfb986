//! potato: rows of its exporters, the state it keeps of a person, and the lines of earlier versions.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::file::Place;
use super::export::{Mapping, parsed, text};
use super::judgement::Judgement;

pub(super) fn judgements(place: Place, fields: &Map<String, Value>, mapping: &Mapping) -> Option<Vec<Judgement>> {
    if let Some(Value::Object(items)) = fields.get("instance_id_to_label_to_value") {
        let who = text(fields, "user_id");
        let of =
            |(item, labels): (&String, &Value)| judgement(place, Map::new(), Some(item.clone()), who.clone(), labels);
        return Some(items.iter().map(of).collect());
    }
    if let Some(labels) = fields.get("label_annotations") {
        // Each person has a folder.
        let who = mapping.folder.clone();
        return Some(vec![judgement(place, fields.clone(), text(fields, "id"), who, &parsed(labels))]);
    }
    let item = text(fields, "instance_id")?;
    let who = text(fields, "user_id").or_else(|| text(fields, "user"));
    let labels = match fields.get("labels") {
        Some(labels) => parsed(labels),
        None => Value::Object(of_columns(fields)),
    };
    Some(vec![judgement(place, fields.clone(), Some(item), who, &labels)])
}

fn judgement(
    place: Place,
    about: Map<String, Value>,
    item: Option<String>,
    who: Option<String>,
    labels: &Value,
) -> Judgement {
    let answers = match labels {
        Value::Object(schemas) => schemas.iter().map(|(schema, said)| (schema.clone(), answer(said))).collect(),
        Value::Array(pairs) => of_pairs(pairs),
        _ => Vec::new(),
    };
    Judgement { place: Some(place), about, item, annotator: who, answers, asked: true, ..Judgement::default() }
}

/// Columns such as `verdict.pass`, in earlier versions `verdict:::pass`, as what they were made of.
fn of_columns(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut schemas: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (column, value) in fields {
        let is_blank = value.as_str().is_none_or(|text| text.trim().is_empty());
        if let Some((schema, label)) = column.split_once(":::").or_else(|| column.split_once('.'))
            && !is_blank
        {
            schemas.entry(schema).or_default().insert(label.to_owned(), value.clone());
        }
    }
    schemas.into_iter().map(|(schema, labels)| (schema.to_owned(), Value::Object(labels))).collect()
}

/// Pairs of what was asked and what was said: `[{"schema": …, "name": …}, …]`.
fn of_pairs(pairs: &[Value]) -> Vec<(String, Value)> {
    let mut schemas: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for pair in pairs {
        let (Some(schema), Some(label)) = (pair.pointer("/0/schema"), pair.pointer("/0/name")) else { continue };
        let (Some(schema), Some(label)) = (schema.as_str(), label.as_str()) else { continue };
        let said = pair.get(1).cloned().unwrap_or(Value::Null);
        schemas.entry(schema.to_owned()).or_default().insert(label.to_owned(), said);
    }
    schemas.into_iter().map(|(schema, labels)| (schema, answer(&Value::Object(labels)))).collect()
}

/// A choice is the name of what is ticked; of a scale and of a field for text it is what stands in it.
fn answer(said: &Value) -> Value {
    let Value::Object(labels) = said else { return said.clone() };
    // The state of some versions wraps the labels once more.
    if let Some(inner @ Value::Object(_)) = labels.get("labels") {
        return answer(inner);
    }
    let is_ticked = |value: &Value| {
        !matches!(value, Value::Null | Value::Bool(false)) && !matches!(value.as_str(), Some("" | "false" | "False"))
    };
    let chosen = labels.iter().filter(|(_, value)| is_ticked(value)).map(|(name, value)| {
        let holds_a_value =
            name.starts_with("scale_") || name.starts_with("text_box") || name.is_empty() || name == "value";
        if holds_a_value { value.clone() } else { Value::String(name.clone()) }
    });
    Value::Array(chosen.collect())
}
