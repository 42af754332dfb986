//! What a family reads from: one span, its log records, and a place to report what weakens them.

use std::cell::{OnceCell, RefCell};

use super::attribute_namespace::{Space, Spaces};
use super::flattened_attributes;
use super::json_text::{Parsed, parse};
use super::json_tree::{Arena, Node};
use super::usage::{Tokens, of_attributes};
use crate::model::{Attributes, LogRecord, Problem, ProblemCode, Span, Value};

/// Problems of one span beyond which no more are listed: there may be one for each of very many attributes.
const MAX_PROBLEMS: usize = 64;

/// One span with everything that joined it.
pub(crate) struct Source<'a> {
    pub(crate) span: &'a Span,
    pub(crate) logs: &'a [LogRecord],
    arena: &'a Arena,
    spaces: Spaces,
    tokens: OnceCell<Tokens>,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(span: &'a Span, logs: &'a [LogRecord], arena: &'a Arena) -> Self {
        Self {
            span,
            logs,
            arena,
            spaces: Spaces::of(&span.attributes),
            tokens: OnceCell::new(),
            problems: RefCell::default(),
        }
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

    /// The value of the span's attribute `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        // Families ask for many more names than a span has.
        if self.spaces.may_contain(key) { self.span.attributes.get(key) } else { None }
    }

    /// Whether the span has an attribute `key`.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The text under `key`; empty text counts as absent.
    pub(crate) fn str(&self, key: &str) -> Option<&'a str> {
        self.raw_str(key).filter(|text| !text.is_empty())
    }

    /// The text under `key`, which may be empty.
    pub(crate) fn raw_str(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }

    /// Whether a question was recorded in a form made for messages, with or without its content.
    pub(crate) fn is_asked(&self) -> bool {
        let is_message = |name: &str| name.starts_with("gen_ai.") && name.ends_with(".message");
        self.has("gen_ai.input.messages")
            || self.has("events")
            || self.span.events.iter().any(|event| is_message(&event.name))
            || self.logs.iter().any(|log| is_message(&log.event_name))
    }

    /// Whether messages stand in one attribute for each of their fields.
    pub(crate) fn has_flattened_messages(&self) -> bool {
        const PREFIXES: [&str; 4] =
            ["llm.input_messages.", "llm.output_messages.", "gen_ai.prompt.", "gen_ai.completion."];
        let numbered = |key: &str, prefix: &str| {
            key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        };
        self.spaced().any(|(_, key, _)| PREFIXES.iter().any(|prefix| numbered(key, prefix)))
    }

    /// Whether retrieved documents stand in one attribute for each of their fields.
    pub(crate) fn has_flattened_documents(&self) -> bool {
        self.spaced().any(|(_, key, _)| {
            key.strip_prefix("retrieval.documents.")
                .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        })
    }

    /// Whether messages stand in events of the span.
    pub(crate) fn has_message_events(&self) -> bool {
        let is_part =
            |name: &str| name.ends_with(".message") || name.ends_with(".choice") || name.contains(".content.");
        let is_message =
            |name: &str| (name.starts_with("gen_ai.") && is_part(name)) || name.ends_with("operation.details");
        self.span.events.iter().any(|event| is_message(&event.name))
    }

    /// Whether retrieved documents stand in events of the span, one in each.
    pub(crate) fn has_document_events(&self) -> bool {
        self.span.events.iter().any(|event| matches!(event.name.as_str(), "db.query.result" | "db.search.result"))
    }

    /// The usage attributes of the span, in all spellings.
    pub(crate) fn tokens(&self) -> Tokens {
        *self.tokens.get_or_init(|| of_attributes(&self.span.attributes))
    }

    /// The first of `keys` with text, owned.
    pub(crate) fn text(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| self.str(key)).map(str::to_owned)
    }

    /// The value under `key` as a tree, JSON text parsed; see [`Source::node_of`].
    pub(crate) fn node(&self, key: &str) -> Option<Node<'a>> {
        self.tree(key, self.get(key)?)
    }

    /// The same, and JSON text inside JSON text unpacked.
    pub(crate) fn unfolded(&self, key: &str) -> Option<Node<'a>> {
        self.node(key).map(|node| self.unfold(node))
    }

    /// The value under `key` of a field that may hold any text: what only looks like JSON is reported and stays text.
    pub(crate) fn node_or_text(&self, key: &str) -> Option<Node<'a>> {
        self.node(key).or_else(|| match self.parse(self.str(key)?) {
            Parsed::Malformed => self.str(key).map(Node::Str),
            Parsed::Tree(_) | Parsed::Text(_) | Parsed::Truncated => None,
        })
    }

    /// A tree with JSON text inside JSON text unpacked.
    pub(crate) fn unfold(&self, node: Node<'a>) -> Node<'a> {
        node.unfolded(self.arena)
    }

    /// The list that was flattened into the names under `prefix`; see [`flattened_attributes::list`].
    pub(crate) fn list(&self, prefix: &str) -> &'a [Node<'a>] {
        flattened_attributes::list(&self.span.attributes, prefix, self.arena)
    }

    /// JSON text, and what else it may be.
    pub(crate) fn parse(&self, text: &'a str) -> Parsed<'a> {
        parse(text, self.arena)
    }

    /// A structured value.
    pub(crate) fn of_value(&self, value: &'a Value) -> Node<'a> {
        Node::of_value(value, self.arena)
    }

    /// Where this span's trees live.
    pub(crate) fn arena(&self) -> &'a Arena {
        self.arena
    }

    /// The value under `key` of some attributes as a tree. Placeholders that mean "nothing" are absent. Text that is
    /// no JSON is text; JSON that was cut off or broken is reported and absent.
    pub(crate) fn node_of(&self, attributes: &'a Attributes, key: &str) -> Option<Node<'a>> {
        self.tree(key, attributes.get(key)?)
    }

    pub(crate) fn tree(&self, key: &str, value: &'a Value) -> Option<Node<'a>> {
        let node = match value {
            Value::String(text) => match self.parse(text) {
                Parsed::Tree(node) => node,
                Parsed::Text(text) if matches!(text.trim(), "" | "N/A" | "null") => return None,
                Parsed::Text(text) => Node::Str(text),
                Parsed::Truncated => {
                    self.report_attribute(
                        ProblemCode::TruncatedJson,
                        key,
                        "was cut off before its JSON ended; raise the attribute length limit",
                    );
                    return None;
                }
                Parsed::Malformed => {
                    self.report_attribute(ProblemCode::MalformedJson, key, "opens like JSON but is none");
                    return None;
                }
            },
            other => self.of_value(other),
        };
        (!node.is_blank()).then_some(node)
    }

    /// Names something that weakens an evaluation of this span; the same thing once.
    pub(crate) fn report(&self, code: ProblemCode, detail: impl Into<String>) {
        self.note(Problem::new(code, detail));
    }

    /// The same of one of its attributes.
    pub(crate) fn report_attribute(&self, code: ProblemCode, key: &str, what: &str) {
        self.note(Problem::of_attribute(code, key, what));
    }

    fn note(&self, problem: Problem) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAX_PROBLEMS && !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    pub(super) fn has_reported(&self, code: ProblemCode) -> bool {
        self.problems.borrow().iter().any(|problem| problem.code == code)
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}
