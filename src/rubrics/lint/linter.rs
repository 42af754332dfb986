//! What the lint knows while it walks a template: the names in reach, and the complaints so far.

use std::collections::BTreeSet;
use std::path::Path;

use minijinja::machinery::Span;
use minijinja::machinery::ast::Expr;

use super::super::error::{Place, Problem, RubricError};
use super::super::nearest::nearest;
use super::super::template_schema::{Kind, STATIC_VARIABLES, SUBJECT_VARIABLES};

pub(super) struct Linter<'a> {
    path: &'a Path,
    source: &'a str,
    pub(super) errors: Vec<RubricError>,
    /// Names bound by loops and assignments, innermost last.
    pub(super) scopes: Vec<Vec<(String, Kind)>>,
    pub(super) in_user_block: bool,
    pub(super) used: BTreeSet<&'static str>,
    pub(super) shows_scale: bool,
}

impl<'a> Linter<'a> {
    pub(super) fn new(path: &'a Path, source: &'a str) -> Self {
        let (scopes, used) = (Vec::new(), BTreeSet::new());
        Self { path, source, errors: Vec::new(), scopes, in_user_block: false, used, shows_scale: false }
    }

    pub(super) fn enter_block(&mut self, user: bool) {
        self.scopes = vec![Vec::new()];
        self.in_user_block = user;
    }

    pub(super) fn refuse(&mut self, span: Span, problem: Problem) {
        let place = Place { line: usize::from(span.start_line), column: Some(usize::from(span.start_col) + 1) };
        self.errors.push(RubricError::at(self.path, place, problem));
    }

    /// An expression as its author wrote it.
    pub(super) fn written(&self, expression: &Expr<'_>) -> String {
        let end = expression.span().end_offset as usize;
        self.source.get(first_byte(expression)..end).unwrap_or_else(|| expression.description()).trim().to_owned()
    }

    pub(super) fn bind(&mut self, target: &Expr<'_>, kind: Kind) {
        match target {
            Expr::Var(name) => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.push((name.id.to_owned(), kind));
                }
            }
            other => {
                let problem = Problem::Syntax("only a plain name can be assigned".into());
                self.refuse(other.span(), problem);
            }
        }
    }

    /// The kind of a name that a loop or an assignment made.
    pub(super) fn bound(&self, name: &str) -> Option<Kind> {
        let newest_first = self.scopes.iter().rev().flat_map(|scope| scope.iter().rev());
        newest_first.into_iter().find(|(known, _)| known == name).map(|(_, kind)| *kind)
    }

    /// The kind of a name, with everything the lint wants to remember about its use.
    pub(super) fn variable(&mut self, name: &str, span: Span) -> Kind {
        if let Some(kind) = self.bound(name) {
            return kind;
        }
        if let Some((_, kind)) = STATIC_VARIABLES.iter().find(|(known, _)| *known == name) {
            return *kind;
        }
        match SUBJECT_VARIABLES.iter().find(|(known, _)| *known == name) {
            Some((known, kind)) if self.in_user_block => {
                self.used.insert(known);
                *kind
            }
            Some(_) => {
                self.refuse(span, Problem::SubjectInSystem(name.to_owned()));
                Kind::Unknown
            }
            None => {
                let subject = if self.in_user_block { SUBJECT_VARIABLES } else { &[] };
                let known: Vec<&'static str> = STATIC_VARIABLES.iter().chain(subject).map(|(name, _)| *name).collect();
                let meant = nearest(name, known.iter().copied());
                self.refuse(span, Problem::UnknownVariable { name: name.to_owned(), meant, known });
                Kind::Unknown
            }
        }
    }
}

/// Where an expression begins: the parser's span of `a[0].b` begins at the bracket.
fn first_byte(expression: &Expr<'_>) -> usize {
    let inner = match expression {
        Expr::GetAttr(node) => Some(&node.expr),
        Expr::GetItem(node) => Some(&node.expr),
        Expr::Slice(node) => Some(&node.expr),
        Expr::Filter(node) => node.expr.as_ref(),
        _ => None,
    };
    let own = expression.span().start_offset as usize;
    inner.map_or(own, |inner| own.min(first_byte(inner)))
}
