//! A JSON-like tree that borrows: one shape for structured OTLP values and for JSON text inside string values.

use serde_json::Value as Json;

use super::json::{Unreadable, read};
use crate::model::Value;

/// Where the trees of one span live: they are dropped together, and their text is copied only where it held escapes.
pub(crate) use bumpalo::Bump as Arena;

/// How often JSON text inside a JSON string is unpacked; producers do it at most twice.
const MAX_UNFOLDS: usize = 3;
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

/// What the text of an attribute turned out to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Parsed<'a> {
    /// JSON.
    Tree(Node<'a>),
    /// Text that was never meant as JSON.
    Text(&'a str),
    /// JSON that ends too early: an attribute length limit cut it off.
    Truncated,
    /// Meant as JSON, but wrong.
    Malformed,
}

/// Reads JSON text.
pub(crate) fn parse<'a>(text: &'a str, arena: &'a Arena) -> Parsed<'a> {
    if !looks_like_json(text) {
        return Parsed::Text(text);
    }
    match read(text, arena) {
        Ok(node) => Parsed::Tree(node),
        Err(Unreadable::Ended) => Parsed::Truncated,
        Err(Unreadable::Malformed) if is_bracketed_prose(text) => Parsed::Text(text),
        Err(Unreadable::Malformed) => Parsed::Malformed,
    }
}

/// Whether text starts the way a JSON container or a quoted JSON string does.
fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start();
    match text.as_bytes().first() {
        Some(b'{' | b'[') => true,
        Some(b'"') => text.trim_end().len() > 1 && text.trim_end().ends_with('"'),
        _ => false,
    }
}

/// `[hr-01] Parental leave: …`, `{not json}` and `"quoted" words "here"` open like JSON and are prose.
fn is_bracketed_prose(text: &str) -> bool {
    let mut inside = text.trim_start().bytes();
    let opening = inside.next();
    let first = inside.find(|byte| !byte.is_ascii_whitespace());
    match opening {
        Some(b'{') => !matches!(first, Some(b'"' | b'}')),
        Some(b'[') => !matches!(first, Some(b'{' | b'[' | b'"' | b']')),
        _ => true,
    }
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

    /// Text that is itself JSON, unpacked; anything else as it is.
    pub(crate) fn unfolded<'b>(self, arena: &'b Arena) -> Node<'b>
    where
        'a: 'b,
    {
        let mut node: Node<'b> = self;
        for _ in 0..MAX_UNFOLDS {
            let Node::Str(text) = node else { break };
            let Parsed::Tree(tree) = parse(text, arena) else { break };
            node = tree;
        }
        node
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

#[cfg(test)]
mod tests {
    use super::super::testing::tree;
    use super::*;

    #[test]
    fn prose_that_opens_like_json_stays_prose() {
        for text in ["[hr-01] Parental leave", "{curly} talk", "\"Yes\", she said, \"no\"", "Canberra."] {
            assert_eq!(parse(text, &Arena::new()), Parsed::Text(text));
        }
    }

    #[test]
    fn what_a_length_limit_cut_off_is_told_apart_from_what_is_wrong() {
        let arena = Arena::new();
        assert_eq!(parse(r#"[{"role":"user","content":"Do I ne"#, &arena), Parsed::Truncated);
        assert_eq!(parse(r#"[{"role":"user"}, oops]"#, &arena), Parsed::Malformed);
    }

    #[test]
    fn numbers_and_escapes_that_json_does_not_know_are_mended() {
        let node = tree(r#"{"score": NaN, "low": -Infinity, "text": "half \ud83d, whole \ud83d\ude00, NaN"}"#);
        assert_eq!(node.get("score"), None);
        assert_eq!(node.str_of(&["text"]), Some("half \u{FFFD}, whole 😀, NaN"));
    }

    #[test]
    fn json_in_json_in_json_is_unpacked() {
        let arena = Arena::new();
        let node = Node::Str(r#""{\"city\":\"Bergen\"}""#).unfolded(&arena);
        assert_eq!(node.str_of(&["city"]), Some("Bergen"));
    }

    #[test]
    fn nesting_without_end_is_refused_rather_than_followed() {
        assert_eq!(parse(&"[".repeat(100_000), &Arena::new()), Parsed::Malformed);
    }
}
