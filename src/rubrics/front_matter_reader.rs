//! Reads the values of front matter, and collects what is wrong with them.

use std::path::Path;

use serde_saphyr::Spanned;

use super::error::{Place, Problem, RubricError};
use super::nearest::nearest;
use super::yaml::Node;

/// Collects what is wrong, with the file's line numbers.
pub(super) struct Reader<'a> {
    path: &'a Path,
    pub(super) errors: Vec<RubricError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self { path, errors: Vec::new() }
    }

    /// Notes a problem at a piece of YAML.
    pub(super) fn refuse<T>(&mut self, at: &Spanned<T>, problem: Problem) {
        self.errors.push(RubricError::at(self.path, place_of(at), problem));
    }

    pub(super) fn wrong_type(&mut self, key: &str, value: &Spanned<Node>, expected: &'static str) {
        let found = value.value.kind();
        self.refuse(value, Problem::WrongType { key: key.to_owned(), expected, found });
    }

    /// The entries of a map with text keys, each key once and known.
    pub(super) fn known_entries<'n>(
        &mut self,
        map: &'n Spanned<Node>,
        within: &'static str,
        known: &'static [&'static str],
    ) -> Vec<(&'static str, &'n Spanned<Node>)> {
        let Node::Map(entries) = &map.value else {
            self.wrong_type(within, map, "a map");
            return Vec::new();
        };
        let mut found: Vec<(&'static str, &Spanned<Node>)> = Vec::new();
        for (key, value) in entries {
            let name = key.value.scalar_text().unwrap_or_else(|| key.value.kind().to_owned());
            let Some(known_name) = known.iter().find(|known| **known == name) else {
                let meant = nearest(&name, known.iter().copied());
                self.refuse(key, Problem::UnknownKey { key: name, within, meant, known });
                continue;
            };
            if found.iter().any(|(earlier, _)| earlier == known_name) {
                self.refuse(key, Problem::RepeatedKey { key: name, within });
            } else {
                found.push((*known_name, value));
            }
        }
        found
    }

    /// Text that says something.
    pub(super) fn text(&mut self, key: &str, value: &Spanned<Node>) -> Option<String> {
        match &value.value {
            Node::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Node::Text(_) => {
                self.refuse(value, Problem::NoMeaning(format!("`{key}`")));
                None
            }
            _ => {
                self.wrong_type(key, value, "text");
                None
            }
        }
    }

    pub(super) fn whole_number(&mut self, key: &str, value: &Spanned<Node>) -> Option<i64> {
        if let Node::Int(number) = value.value {
            Some(number)
        } else {
            self.wrong_type(key, value, "a whole number");
            None
        }
    }

    /// A finite number.
    pub(super) fn number(&mut self, key: &str, value: &Spanned<Node>) -> Option<f64> {
        match value.value {
            Node::Int(number) => Some(number as f64),
            Node::Float(number) if number.is_finite() => Some(number),
            _ => {
                self.wrong_type(key, value, "a number");
                None
            }
        }
    }

    /// One scalar or a list of them, as text, each with its piece of YAML.
    pub(super) fn one_or_more<'n>(&mut self, key: &str, value: &'n Spanned<Node>) -> Vec<(String, &'n Spanned<Node>)> {
        let items: Vec<&Spanned<Node>> = match &value.value {
            Node::List(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut texts = Vec::new();
        for item in items {
            match item.value.scalar_text() {
                Some(text) => texts.push((text, item)),
                None => self.wrong_type(key, item, "a word or a list of words"),
            }
        }
        texts
    }

    /// One of a few words.
    pub(super) fn word<T>(
        &mut self,
        key: &'static str,
        value: &Spanned<Node>,
        known: &[&'static str],
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(text) = value.value.scalar_text() else {
            self.wrong_type(key, value, "a word");
            return None;
        };
        let word = read(&text);
        if word.is_none() {
            let meant = nearest(&text, known.iter().copied());
            self.refuse(value, Problem::UnknownWord { key, value: text, meant, known: known.to_vec() });
        }
        word
    }
}

/// Where a piece of front matter stands in the file: the front matter begins on line 2.
pub(super) fn place_of<T>(piece: &Spanned<T>) -> Place {
    let location = piece.referenced;
    Place { line: location.line() as usize + 1, column: Some(location.column() as usize) }
}
