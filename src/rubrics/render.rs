//! From a subject to the two messages that a judge reads.
//!
//! The system message is the same for every subject and rendered once. The user message is rendered from a template
//! compiled once. Text from spans exists in the template only as an opaque value that prints as a complaint; `fenced` is
//! the only way to its contents. The lint says so kindly beforehand, this holds it at run time.

use std::fmt;
use std::ops::Range;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::context;
use super::prompt_fence::{self, Content};
use super::requirement::Requirement;
use super::values::{Fields, SpanText};

/// Work that one render may do; about 60 MB of text or half a million steps of a loop.
const FUEL: u64 = 1_000_000;
const TEMPLATE: &str = "rubric";
/// Where a render keeps its key; the lint knows no such variable.
const KEY_VARIABLE: &str = "__key";
/// No key at all: a prompt without data blocks.
const BARE: &str = "";

/// Why a subject could not be rendered. Never contains text from a span.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The subject lacks something that the rubric requires.
    #[error("the subject has no {}; filter it with the reason `{}`", .0.as_str(), .0.reason())]
    Missing(Requirement),
    /// The key cannot mark data blocks.
    #[error("the key of the data blocks needs 16 to 64 lower-case letters or digits; make one with fence_key")]
    Key,
    /// The template failed.
    #[error("line {line} of the rubric fails: {detail}")]
    Template {
        line: usize,
        detail: String,
        /// The engine's error.
        #[source]
        source: Box<Error>,
    },
}

impl From<Error> for RenderError {
    fn from(error: Error) -> Self {
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Self::Template { line: error.line().unwrap_or(1), detail, source: Box::new(error) }
    }
}

/// The syntax of templates: a line that holds only a statement leaves no blank line behind.
pub(super) fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true);
    // Only contradictory delimiters are refused, and these are the defaults.
    builder.build().unwrap_or_default()
}

/// A compiled block of a rubric.
pub(super) struct CompiledBlock(Environment<'static>);

impl fmt::Debug for CompiledBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompiledBlock")
    }
}

impl CompiledBlock {
    /// Compiles the part `inside` of `source`, keeping line numbers.
    pub(super) fn compile(source: &str, inside: Range<usize>) -> Result<Self, RenderError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_syntax(syntax());
        // Debug information would carry values, and values are span text.
        environment.set_debug(false);
        environment.set_formatter(refuse_span_text);
        environment.add_function("fenced", fenced);
        let lines_before = source[..inside.start].matches('\n').count();
        let template = "\n".repeat(lines_before) + &source[inside];
        environment.add_template_owned(TEMPLATE, template)?;
        Ok(Self(environment))
    }

    /// Renders the block without blanks around it.
    pub(super) fn render(
        &self,
        mut variables: Vec<(&'static str, Value)>,
        key: Option<&str>,
    ) -> Result<String, RenderError> {
        variables.extend(key.map(|key| (KEY_VARIABLE, Value::from(key))));
        let rendered = self.0.get_template(TEMPLATE)?.render(Fields::of(variables))?;
        Ok(rendered.trim().to_owned())
    }
}

fn refuse_span_text(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.downcast_object_ref::<SpanText>().is_some() {
        return Err(Error::new(ErrorKind::InvalidOperation, "text from a span may only be shown with fenced(…)"));
    }
    minijinja::escape_formatter(out, state, value)
}

/// `fenced(text)`, `fenced(text, name)`: the only way for text from a span into a prompt.
fn fenced(state: &mut State<'_, '_>, value: &Value, name: Option<&Value>) -> Result<Value, Error> {
    let failed = |detail: String| Error::new(ErrorKind::InvalidOperation, detail);
    let key = state.lookup(KEY_VARIABLE);
    let key =
        key.as_ref().and_then(Value::as_str).ok_or_else(|| failed("there is no key for data blocks here".into()))?;
    let block = |name: &str, id: Option<&str>, content: Content<'_>| {
        if key == BARE { prompt_fence::bare(name, id, content) } else { prompt_fence::block(key, name, id, content) }
    };
    let span_text = value.downcast_object_ref::<SpanText>();
    let content = match (span_text, value.as_str()) {
        (Some(SpanText { text: Some(text), .. }), _) => Content::Text(text),
        (Some(SpanText { text: None, guarded: false, .. }), _) => Content::NotRecorded,
        (Some(SpanText { label, .. }), _) => {
            return Err(failed(format!("`{label}.text` may be absent")));
        }
        (None, Some(own)) => Content::Text(own),
        (None, None) => return Err(failed(format!("`fenced` needs text, not {}", value.kind()))),
    };
    let label = span_text.map_or("text", |text| text.label);
    let block = match name {
        None => block(label, None, content),
        Some(name) => match (name.downcast_object_ref::<SpanText>(), name.as_str()) {
            (Some(id), _) => block(label, id.text.as_deref(), content),
            (None, Some(own)) => block(own, None, content),
            (None, None) => return Err(failed(format!("the name of a block is text, not {}", name.kind()))),
        },
    };
    Ok(Value::from_safe_string(block))
}

/// The user message: the key, the template's part, and a reminder after the material.
pub(super) fn user_message(
    block: &CompiledBlock,
    variables: Vec<(&'static str, Value)>,
    key: &str,
) -> Result<String, RenderError> {
    if !prompt_fence::is_key(key) {
        return Err(RenderError::Key);
    }
    let body = block.render(variables, Some(key))?;
    Ok(format!("{}\n\n{body}\n\n{}", context::key_notice(key), context::CLOSING))
}

/// The user message without data blocks and without what is said of them.
pub(super) fn bare_message(
    block: &CompiledBlock,
    variables: Vec<(&'static str, Value)>,
) -> Result<String, RenderError> {
    block.render(variables, Some(BARE))
}
