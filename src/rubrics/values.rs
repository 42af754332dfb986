//! The values that a template sees.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

/// A thing with named fields, as a template sees it.
#[derive(Debug)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn of(fields: Vec<(&'static str, Value)>) -> Value {
        Value::from_object(Self(fields))
    }
}

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    }

    /// `{% if system %}` asks the same as `{% if system.text %}`.
    fn is_true(self: &Arc<Self>) -> bool {
        match self.0.as_slice() {
            [(_, only)] => only.is_true(),
            _ => true,
        }
    }
}

/// Text from a span, as a template sees it: it can be tested for presence and fenced.
pub(super) struct SpanText {
    /// What the text is, for the block's name and for messages.
    pub(super) label: &'static str,
    pub(super) text: Option<Arc<str>>,
    /// Whether a rubric must guard against its absence, instead of showing that nothing was recorded.
    pub(super) guarded: bool,
}

impl SpanText {
    /// A part of the subject that the template asks for by name.
    pub(super) fn named(label: &'static str, text: Option<&str>) -> Value {
        Value::from_object(Self { label, text: text.map(Arc::from), guarded: true })
    }

    /// A field of something in a list; where it was not recorded, its block says so.
    pub(super) fn field(label: &'static str, text: Option<&str>) -> Value {
        Value::from_object(Self { label, text: text.map(Arc::from), guarded: false })
    }
}

const PLACEHOLDER: &str = "(text from a span; show it with fenced)";

impl fmt::Debug for SpanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PLACEHOLDER)
    }
}

impl Object for SpanText {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.text.as_ref().is_some_and(|text| !text.is_empty())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PLACEHOLDER)
    }
}
