//! YAML as a tree that remembers where each piece stood, so that every complaint about front matter names its line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;

/// One piece of YAML.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Node>>),
    /// Entries in their order; repeated keys are kept, so that the reader can name both.
    Map(Vec<(Spanned<Node>, Spanned<Node>)>),
}

impl Node {
    /// What a person would call this piece.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// A scalar as text, the way it would be compared with an attribute value.
    pub(super) fn scalar_text(&self) -> Option<String> {
        match self {
            Self::Bool(truth) => Some(truth.to_string()),
            Self::Int(number) => Some(number.to_string()),
            Self::Float(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }
}

/// Parses one YAML document.
pub(super) fn parse(text: &str) -> Result<Spanned<Node>, serde_saphyr::Error> {
    // `y`, `no` and `on` are words: labels may be called so.
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Node, E> {
        Ok(Node::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(i64::try_from(number).map_or(Node::Float(number as f64), Node::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_know_their_lines_and_repeated_keys_are_kept() {
        let root = parse("a: 1\nb:\n  - x\n  - 2.5\na: true\n").unwrap();
        let Node::Map(entries) = root.value else { panic!("a map was written") };
        let keys: Vec<(String, u64)> =
            entries.iter().map(|(key, _)| (key.value.scalar_text().unwrap(), key.referenced.line())).collect();
        assert_eq!(keys, [("a".to_owned(), 1), ("b".to_owned(), 2), ("a".to_owned(), 5)]);
        let Node::List(items) = &entries[1].1.value else { panic!("a list was written") };
        assert_eq!((items[1].value.clone(), items[1].referenced.line()), (Node::Float(2.5), 4));
    }

    #[test]
    fn yes_and_no_are_words() {
        let Node::List(items) = parse("[y, no, on, true]").unwrap().value else { panic!("a list was written") };
        let kinds: Vec<&str> = items.iter().map(|item| item.value.kind()).collect();
        assert_eq!(kinds, ["text", "text", "text", "a truth value"]);
    }

    #[test]
    fn quoted_numbers_stay_text() {
        let Node::Map(entries) = parse("a: '1'").unwrap().value else { panic!("a map was written") };
        assert_eq!(entries[0].1.value, Node::Text("1".into()));
    }
}
