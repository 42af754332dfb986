//! The lint of a template: walks its syntax tree and refuses what would let text from a span stand in the prompt
//! unmarked, and every name that means nothing.
//!
//! It types every expression: what is the rubric's own may be printed; what comes from a span may only be tested for
//! presence and handed to `fenced`. So a template that passes cannot leak span text on any path, rendered or not.

mod expression;
mod linter;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use minijinja::machinery::ast::{Expr, ForLoop, Stmt};
use minijinja::machinery::{self, Span};

use self::linter::Linter;
use super::error::{Place, Problem, RubricError};
use super::render::syntax;
use super::template_schema::{Kind, LOOP};

/// What the lint learned about a sound template.
#[derive(Debug)]
pub(super) struct Template {
    /// The inside of the block `system`, in bytes of the source.
    pub(super) system: Range<usize>,
    /// The inside of the block `user`.
    pub(super) user: Range<usize>,
    /// The variables of the subject that the template names.
    pub(super) used: BTreeSet<&'static str>,
    /// Whether the judge is shown `scale.text` or the levels.
    pub(super) shows_scale: bool,
}

/// Lints `source`, whose lines are those of the file.
pub(super) fn lint(path: &Path, source: &str) -> Result<Template, Vec<RubricError>> {
    let tree = machinery::parse(source, "rubric", syntax()).map_err(|error| {
        let place = Place::line(error.line().unwrap_or(1));
        let detail = error.detail().map_or_else(|| error.to_string(), str::to_owned);
        vec![RubricError::at(path, place, Problem::Syntax(detail))]
    })?;
    let Stmt::Template(template) = &tree else { return Err(vec![]) };
    let mut linter = Linter::new(path, source);
    let (mut system, mut user) = (None, None);
    for statement in &template.children {
        match statement {
            Stmt::Block(block) if block.name == "system" || block.name == "user" => {
                linter.enter_block(block.name == "user");
                linter.statements(&block.body);
                let inside = inside_of_block(source, block.span());
                if block.name == "user" { user = inside } else { system = inside }
            }
            Stmt::Block(block) => linter.refuse(block.span(), Problem::UnknownBlock(block.name.to_owned())),
            Stmt::EmitRaw(raw) if raw.raw.trim().is_empty() => {}
            Stmt::EmitRaw(raw) => linter.refuse(first_text(raw.raw, raw.span()), Problem::OutsideBlocks),
            other => match span_of(other) {
                Some((span, _)) => linter.refuse(span, Problem::OutsideBlocks),
                None => linter.errors.push(RubricError::of_file(path, Problem::OutsideBlocks)),
            },
        }
    }
    for (name, found) in [("system", &system), ("user", &user)] {
        if found.is_none() {
            linter.errors.push(RubricError::of_file(path, Problem::MissingBlock(name)));
        }
    }
    match (system, user) {
        (Some(system), Some(user)) if linter.errors.is_empty() => {
            Ok(Template { system, user, used: linter.used, shows_scale: linter.shows_scale })
        }
        _ => Err(linter.errors),
    }
}

/// The bytes between `{% block x %}` and `{% endblock %}`; the span reaches from the first keyword into the last.
fn inside_of_block(source: &str, span: Span) -> Option<Range<usize>> {
    let (first, last) = (span.start_offset as usize, span.end_offset as usize);
    let start = first + source.get(first..last)?.find("%}")? + "%}".len();
    let end = source.get(..last)?.rfind("{%")?;
    (start <= end).then_some(start..end)
}

/// The span of raw text from its first visible character on.
fn first_text(raw: &str, span: Span) -> Span {
    let blank = &raw[..raw.len() - raw.trim_start().len()];
    let lines = blank.matches('\n').count() as u16;
    let column = blank.rsplit('\n').next().map_or(0, |last| last.chars().count()) as u16;
    let start_col = if lines == 0 { span.start_col + column } else { column };
    Span { start_line: span.start_line + lines, start_col, ..span }
}

/// The span and name of a statement other than text, output and blocks.
fn span_of(statement: &Stmt<'_>) -> Option<(Span, &'static str)> {
    Some(match statement {
        Stmt::ForLoop(node) => (node.span(), "for"),
        Stmt::IfCond(node) => (node.span(), "if"),
        Stmt::WithBlock(node) => (node.span(), "with"),
        Stmt::Set(node) => (node.span(), "set"),
        Stmt::SetBlock(node) => (node.span(), "set"),
        Stmt::AutoEscape(node) => (node.span(), "autoescape"),
        Stmt::FilterBlock(node) => (node.span(), "filter"),
        Stmt::Block(node) => (node.span(), "block"),
        Stmt::Import(node) => (node.span(), "import"),
        Stmt::FromImport(node) => (node.span(), "from"),
        Stmt::Extends(node) => (node.span(), "extends"),
        Stmt::Include(node) => (node.span(), "include"),
        Stmt::Macro(node) => (node.span(), "macro"),
        Stmt::CallBlock(node) => (node.span(), "call"),
        Stmt::Do(node) => (node.span(), "do"),
        Stmt::EmitExpr(node) => (node.span(), "output"),
        Stmt::EmitRaw(node) => (node.span(), "text"),
        Stmt::Template(_) => return None,
    })
}

impl Linter<'_> {
    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn scoped(&mut self, bindings: Vec<(String, Kind)>, statements: &[Stmt<'_>]) {
        self.scopes.push(bindings);
        self.statements(statements);
        self.scopes.pop();
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::EmitRaw(_) => {}
            Stmt::EmitExpr(output) => self.output(&output.expr),
            Stmt::ForLoop(node) => self.for_loop(node),
            Stmt::IfCond(node) => {
                self.condition(&node.expr);
                // Jinja's `if` opens no scope: a `set` inside is seen after it.
                self.statements(&node.true_body);
                self.statements(&node.false_body);
            }
            Stmt::WithBlock(node) => {
                self.scopes.push(Vec::new());
                for (target, value) in &node.assignments {
                    let kind = self.kind(value);
                    self.bind(target, kind);
                }
                self.statements(&node.body);
                self.scopes.pop();
            }
            Stmt::Set(node) => {
                let kind = self.kind(&node.expr);
                // A `set` under an `if` may not happen: the name is then still what it was before.
                let before = match &node.target {
                    Expr::Var(name) => self.bound(name.id),
                    _ => None,
                };
                self.bind(&node.target, before.map_or(kind, |before| expression::join(before, kind)));
            }
            Stmt::SetBlock(node) => {
                if node.filter.is_some() {
                    self.refuse(node.span(), Problem::BrokenFence { what: "a filter".into() });
                }
                self.scoped(Vec::new(), &node.body);
                self.bind(&node.target, Kind::Fenced);
            }
            other => {
                if let Some((span, name)) = span_of(other) {
                    self.refuse(span, Problem::Statement(name));
                }
            }
        }
    }

    /// `{{ … }}`: the one place where something is printed.
    fn output(&mut self, expression: &Expr<'_>) {
        match self.kind(expression) {
            Kind::Safe | Kind::Fenced | Kind::Unknown => {}
            Kind::SpanText => {
                let written = self.written(expression);
                self.refuse(expression.span(), Problem::RawSpanText(written));
            }
            Kind::Record(_) | Kind::List(_) | Kind::Opaque => {
                let written = self.written(expression);
                self.refuse(expression.span(), Problem::Structure(written));
            }
        }
    }

    /// A condition: anything may be asked whether it is there.
    fn condition(&mut self, expression: &Expr<'_>) {
        self.kind(expression);
    }

    fn for_loop(&mut self, node: &ForLoop<'_>) {
        let item = match self.kind(&node.iter) {
            Kind::List(record) => Kind::Record(record),
            Kind::Safe => Kind::Safe,
            Kind::Unknown => Kind::Unknown,
            Kind::SpanText | Kind::Fenced | Kind::Record(_) | Kind::Opaque => {
                let written = self.written(&node.iter);
                self.refuse(node.iter.span(), Problem::NoList(written));
                Kind::Unknown
            }
        };
        if node.recursive {
            self.refuse(node.iter.span(), Problem::Statement("for … recursive"));
        }
        self.scopes.push(vec![("loop".to_owned(), Kind::Record(&LOOP))]);
        self.bind(&node.target, item);
        if let Some(filter) = &node.filter_expr {
            self.condition(filter);
        }
        self.statements(&node.body);
        self.scopes.pop();
        self.scoped(Vec::new(), &node.else_body);
    }
}
