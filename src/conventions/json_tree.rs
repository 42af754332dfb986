//! A JSON-like tree that borrows: one shape for structured OTLP values and for JSON text inside string values.

use serde_json::Value as Json;

use crate::model::Value;

/// Where the trees of one span live: they are dropped together, and their text is copied only where it held escapes.
pub(crate) use bumpalo::Bump as Arena;

/// Structured OTLP values nested deeper than this are cut off.
const MAX_VALUE_DEPTH: usize = 100;

/// A JSON value that borrows from the attribute it was read from and from an [`Arena`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str),
    List(&'a [Node<'a>]),
    Map(&'a [(&'a str, Node<'a>)]),
}

impl<'a> Node<'a> {
    /// A structured OTLP value; bytes become null, which no convention reads.
    pub(crate) fn of_value(value: &'a Value, arena: &'a Arena) -> Self {
        Self::of_value_at(value, arena, 0)
    }

    fn of_value_at(value: &'a Value, arena: &'a Arena, depth: usize) -> Self {
        let inner = |value: &'a Value| Self::of_value_at(value, arena, depth + 1);
        match value {
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(number) => Self::Int(*number),
            Value::Double(number) => Self::Float(*number),
            Value::String(text) => Self::Str(text),
            Value::List(items) if depth < MAX_VALUE_DEPTH => {
                Self::List(arena.alloc_slice_fill_iter(items.iter().map(inner)))
            }
            Value::Map(entries) if depth < MAX_VALUE_DEPTH => {
                let entries = entries.iter().map(|(key, value)| (key.as_str(), inner(value)));
                Self::Map(arena.alloc_slice_fill_iter(entries))
            }
            Value::Empty | Value::Bytes(_) | Value::List(_) | Value::Map(_) => Self::Null,
        }
    }

    /// The value under `key` of a map; null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().rev().find(|(name, _)| *name == key).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The first of `keys` that is there.
    pub(crate) fn first_of(&self, keys: &[&str]) -> Option<&'a Self> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// The value at the end of a path of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&'a Self> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.get(first)?, |node, key| node.get(key))
    }

    /// Whether this is a map that has `key` with any value, null included.
    pub(crate) fn has(&self, key: &str) -> bool {
        matches!(self, Self::Map(entries) if entries.iter().any(|(name, _)| *name == key))
    }

    pub(crate) fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The text under the first of `keys` that holds text.
    pub(crate) fn str_of(&self, keys: &[&str]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.get(key)?.as_str())
    }

    pub(crate) fn as_list(&self) -> Option<&'a [Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self, Self::Map(_))
    }

    pub(crate) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Float(number) if number.fract() == 0.0 && number.abs() < 9.0e15 => Some(*number as i64),
            Self::Str(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Str(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// Whether this is nothing: null, `""`, `[]`, `{}`, or a map of nothing but nulls (what a failed call leaves).
    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Str(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.iter().all(|(_, value)| value.is_null()),
            Self::Bool(_) | Self::Int(_) | Self::Float(_) => false,
        }
    }

    pub(crate) fn to_json(self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => Json::Bool(truth),
            Self::Int(number) => Json::from(number),
            Self::Float(number) => Json::from(number),
            Self::Str(text) => Json::String(text.to_owned()),
            Self::List(items) => items.iter().map(|item| item.to_json()).collect(),
            Self::Map(entries) => {
                Json::Object(entries.iter().map(|(key, value)| ((*key).to_owned(), value.to_json())).collect())
            }
        }
    }

    /// The value as a reader would see it: text as it is, everything else as JSON; nothing for null.
    pub(crate) fn to_text(self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Str(text) => text.to_owned(),
            other => other.to_json().to_string(),
        }
    }
}
