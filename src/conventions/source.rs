//! What a family reads from: one span, its log records, and a place to report what weakens them.

use std::cell::RefCell;

use super::node::{Node, Parsed, parse};
use super::space::{Space, Spaces};
use crate::model::{Attributes, LogRecord, Problem, Span, Value};

/// One span with everything that joined it.
pub(crate) struct Source<'a> {
    pub(crate) span: &'a Span,
    pub(crate) logs: &'a [LogRecord],
    spaces: Spaces,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(span: &'a Span, logs: &'a [LogRecord]) -> Self {
        Self { span, logs, spaces: Spaces::of(&span.attributes), problems: RefCell::default() }
    }

    /// Whether the span has an attribute in any of these name spaces.
    pub(super) fn has_space(&self, spaces: &[Space]) -> bool {
        self.spaces.has_any(spaces)
    }

    /// The attributes that stand in some convention's name space, with it.
    pub(super) fn spaced(&self) -> impl Iterator<Item = (Space, &'a str, &'a Value)> {
        let pairs = self.spaces.each().zip(self.span.attributes.iter());
        pairs.filter_map(|(space, (key, value))| Some((space?, key, value)))
    }

    pub(crate) fn scope(&self) -> &'a str {
        &self.span.scope.name
    }

    /// The text under `key`; empty text counts as absent.
    pub(crate) fn str(&self, key: &str) -> Option<&'a str> {
        self.span.attributes.str(key).filter(|text| !text.is_empty())
    }

    /// The first of `keys` with text, owned.
    pub(crate) fn text(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.str(key)).map(str::to_owned)
    }

    /// The value under `key` as a tree, JSON text parsed; see [`Source::node_of`].
    pub(crate) fn node(&self, key: &str) -> Option<Node<'a>> {
        self.node_of(&self.span.attributes, key)
    }

    /// The value under `key` of some attributes as a tree. Placeholders that mean "nothing" are absent. Text that is
    /// no JSON is text; JSON that was cut off or broken is reported and absent.
    pub(crate) fn node_of(&self, attributes: &'a Attributes, key: &str) -> Option<Node<'a>> {
        self.tree(key, attributes.get(key)?)
    }

    pub(crate) fn tree(&self, key: &str, value: &'a Value) -> Option<Node<'a>> {
        let node = match value {
            Value::String(text) => match parse(text) {
                Parsed::Tree(node) => node,
                Parsed::Text(text) if matches!(text.trim(), "" | "N/A" | "null") => return None,
                Parsed::Text(text) => Node::Str(text.into()),
                Parsed::Truncated => {
                    self.report(
                        "truncated_json",
                        format!("{key} was cut off before its JSON ended; raise the attribute length limit"),
                    );
                    return None;
                }
                Parsed::Malformed => {
                    self.report("malformed_json", format!("{key} opens like JSON but is none"));
                    return None;
                }
            },
            other => Node::of_value(other),
        };
        (!node.is_blank()).then_some(node)
    }

    /// Names something that weakens an evaluation of this span; the same thing once.
    pub(crate) fn report(&self, code: &str, detail: impl Into<String>) {
        let problem = Problem::new(code, detail);
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}
