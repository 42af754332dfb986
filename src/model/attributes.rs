//! Attribute values and lists as OTLP carries them.

use serde_json::Value as Json;

/// An OTLP `AnyValue`.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// The empty value: present, but carrying nothing.
    #[default]
    Empty,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// A floating-point number, possibly not finite.
    Double(f64),
    /// Text.
    String(String),
    /// Opaque bytes.
    Bytes(Vec<u8>),
    /// An array.
    List(Vec<Value>),
    /// A key-value list; keys may repeat on the wire, the last one wins when it becomes JSON.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, also when a producer wrote it as text or as an integral float.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Double(number) if number.fract() == 0.0 && number.abs() < 9.0e15 => Some(*number as i64),
            Self::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A truth value, also when a producer wrote it as text.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    /// The same structure as JSON: bytes become null (they are never judged), a number that is not finite becomes null.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Empty | Self::Bytes(_) => Json::Null,
            Self::Bool(truth) => Json::Bool(*truth),
            Self::Int(number) => Json::from(*number),
            Self::Double(number) => Json::from(*number),
            Self::String(text) => Json::String(text.clone()),
            Self::List(items) => items.iter().map(Value::to_json).collect(),
            Self::Map(entries) => {
                Json::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
        }
    }

    /// The value as a person would write it; what rules and segments compare with.
    pub fn display(&self) -> String {
        match self {
            Self::String(text) => text.clone(),
            other => other.to_json().to_string(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

/// Attributes in the order they arrived. Where a key repeats, the last one wins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(Vec<(String, Value)>);

impl Attributes {
    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text under `key`.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// The whole number under `key`.
    pub fn i64(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_i64()
    }

    /// Whether `key` is there at all.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// All pairs, as they arrived.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> + Clone {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The pairs whose key starts with `prefix`, with the rest of the key.
    pub fn with_prefix<'a>(&'a self, prefix: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        // Most names differ from a prefix at its end already, which costs no comparison of the whole.
        let last = prefix.len().wrapping_sub(2);
        let near = prefix.as_bytes().get(last);
        self.0
            .iter()
            .filter(move |(key, _)| key.as_bytes().get(last) == near)
            .filter_map(move |(key, value)| key.strip_prefix(prefix).map(|rest| (rest, value)))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a pair at the end.
    pub fn push(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        self.0.push((key.into(), value.into()));
    }
}

impl FromIterator<(String, Value)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_repeated_key_wins() {
        let attributes: Attributes =
            [("k".to_owned(), Value::Int(1)), ("k".to_owned(), Value::Int(2))].into_iter().collect();
        assert_eq!(attributes.i64("k"), Some(2));
    }

    #[test]
    fn numbers_written_as_text_are_numbers() {
        assert_eq!(Value::from("42").as_i64(), Some(42));
        assert_eq!(Value::Double(f64::NAN).as_i64(), None);
        assert_eq!(Value::Double(3.0).as_i64(), Some(3));
    }
}
