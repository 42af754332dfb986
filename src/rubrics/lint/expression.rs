//! The kinds of expressions.

use minijinja::machinery::ast::{BinOp, BinOpKind, Call, CallArg, CallType, Expr, Filter, Spanned};

use super::super::error::Problem;
use super::super::nearest::nearest;
use super::super::template_schema::{Kind, Record};
use super::linter::Linter;

/// Filters for the rubric's own text and numbers; they neither read files nor run code.
const SAFE_FILTERS: &[&str] = &[
    "abs",
    "capitalize",
    "count",
    "default",
    "first",
    "float",
    "indent",
    "int",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "max",
    "min",
    "replace",
    "reverse",
    "round",
    "sort",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
];
/// Filters for lists of things from a span: they choose or count, they do not print.
const COUNTING_FILTERS: &[&str] = &["length", "count"];
const CHOOSING_FILTERS: &[&str] = &["first", "last"];

impl Linter<'_> {
    /// The kind of an expression; complaints are collected on the way.
    pub(super) fn kind(&mut self, expression: &Expr<'_>) -> Kind {
        match expression {
            Expr::Var(name) => self.variable(name.id, name.span()),
            Expr::Const(_) => Kind::Safe,
            Expr::GetAttr(node) => {
                let kind = self.kind(&node.expr);
                self.field(kind, node.name, expression)
            }
            Expr::GetItem(node) => {
                let kind = self.kind(&node.expr);
                let key = node.subscript_expr.as_const();
                self.kind(&node.subscript_expr);
                match (kind, key.as_ref().and_then(|key| key.as_str())) {
                    (Kind::List(record), None) => Kind::Record(record),
                    (Kind::Record(_), Some(name)) => self.field(kind, name, expression),
                    (Kind::Safe, _) => Kind::Safe,
                    (Kind::Unknown, _) => Kind::Unknown,
                    _ => self.derived(kind, "`[…]`", expression),
                }
            }
            Expr::Slice(node) => {
                for bound in [&node.start, &node.stop, &node.step].into_iter().flatten() {
                    self.kind(bound);
                }
                match self.kind(&node.expr) {
                    kind @ (Kind::List(_) | Kind::Safe | Kind::Unknown) => kind,
                    kind => self.derived(kind, "a slice", &node.expr),
                }
            }
            Expr::UnaryOp(node) => {
                // `not` asks for presence; a minus is only for numbers.
                let kind = self.kind(&node.expr);
                let negates = matches!(node.op, minijinja::machinery::ast::UnaryOpKind::Neg);
                if negates && !matches!(kind, Kind::Safe | Kind::Unknown) {
                    return self.derived(kind, "`-`", &node.expr);
                }
                Kind::Safe
            }
            Expr::BinOp(node) => self.binary(node),
            Expr::Compare(node) => {
                self.comparable(&node.expr);
                for operand in &node.ops {
                    self.comparable(&operand.expr);
                }
                Kind::Safe
            }
            Expr::IfExpr(node) => {
                self.kind(&node.test_expr);
                let left = self.kind(&node.true_expr);
                let right = node.false_expr.as_ref().map_or(Kind::Safe, |other| self.kind(other));
                join(left, right)
            }
            Expr::Test(node) => {
                self.kind(&node.expr);
                self.arguments(&node.args);
                Kind::Safe
            }
            Expr::Filter(node) => self.filter(node),
            Expr::Call(node) => self.call(node),
            Expr::List(node) => self.collection(node.items.iter()),
            Expr::Tuple(node) => self.collection(node.items.iter()),
            Expr::Map(node) => self.collection(node.keys.iter().chain(&node.values)),
        }
    }

    fn collection<'e, 's: 'e>(&mut self, items: impl Iterator<Item = &'e Expr<'s>>) -> Kind {
        items.map(|item| self.kind(item)).fold(Kind::Safe, |all, kind| match (all, kind) {
            (Kind::Safe, Kind::Safe) => Kind::Safe,
            (Kind::Unknown, _) | (_, Kind::Unknown) => Kind::Unknown,
            _ => Kind::Opaque,
        })
    }

    fn field(&mut self, kind: Kind, name: &str, expression: &Expr<'_>) -> Kind {
        match kind {
            Kind::Record(record) => self.field_of(record, name, expression),
            Kind::Safe => Kind::Safe,
            Kind::Unknown => Kind::Unknown,
            Kind::List(record) => {
                let field = format!("{name}` (it is a list of `{}", record.name);
                let problem =
                    Problem::UnknownField { of: "list", field, meant: None, known: vec!["{% for … in … %}"] };
                self.refuse(expression.span(), problem);
                Kind::Unknown
            }
            Kind::SpanText | Kind::Fenced | Kind::Opaque => self.derived(kind, &format!("`.{name}`"), expression),
        }
    }

    fn field_of(&mut self, record: &'static Record, name: &str, expression: &Expr<'_>) -> Kind {
        if let Some(kind) = record.field(name) {
            self.shows_scale |= record.name == "scale" && matches!(name, "text" | "levels");
            return kind;
        }
        let known = record.field_names();
        let meant = nearest(name, known.iter().copied());
        self.refuse(expression.span(), Problem::UnknownField { of: record.name, field: name.to_owned(), meant, known });
        Kind::Unknown
    }

    /// Complains that `what` is applied to something that must stay whole.
    fn derived(&mut self, kind: Kind, what: &str, expression: &Expr<'_>) -> Kind {
        let of = self.written(expression);
        let problem = match kind {
            Kind::Fenced => Problem::BrokenFence { what: what.to_owned() },
            Kind::SpanText => Problem::DerivedText { what: what.to_owned(), of },
            _ => Problem::Structure(of),
        };
        self.refuse(expression.span(), problem);
        Kind::Unknown
    }

    fn comparable(&mut self, operand: &Expr<'_>) {
        let kind = self.kind(operand);
        if !matches!(kind, Kind::Safe | Kind::Unknown) {
            self.derived(kind, "a comparison", operand);
        }
    }

    fn binary(&mut self, node: &Spanned<BinOp<'_>>) -> Kind {
        match node.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => {
                let (left, right) = (self.kind(&node.left), self.kind(&node.right));
                join(left, right)
            }
            BinOpKind::Eq
            | BinOpKind::Ne
            | BinOpKind::Lt
            | BinOpKind::Lte
            | BinOpKind::Gt
            | BinOpKind::Gte
            | BinOpKind::In => {
                self.comparable(&node.left);
                self.comparable(&node.right);
                Kind::Safe
            }
            _ => {
                for operand in [&node.left, &node.right] {
                    let kind = self.kind(operand);
                    if !matches!(kind, Kind::Safe | Kind::Unknown) {
                        self.derived(kind, "an operator", operand);
                    }
                }
                Kind::Safe
            }
        }
    }

    /// The argument expressions must be the rubric's own.
    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            let (CallArg::Pos(value)
            | CallArg::Kwarg(_, value)
            | CallArg::PosSplat(value)
            | CallArg::KwargSplat(value)) = argument;
            self.comparable(value);
        }
    }

    fn filter(&mut self, node: &Spanned<Filter<'_>>) -> Kind {
        self.arguments(&node.args);
        let Some(expression) = &node.expr else { return Kind::Unknown };
        match self.kind(expression) {
            Kind::Unknown => Kind::Unknown,
            Kind::List(_) if COUNTING_FILTERS.contains(&node.name) => Kind::Safe,
            Kind::List(record) if CHOOSING_FILTERS.contains(&node.name) => Kind::Record(record),
            Kind::Safe if SAFE_FILTERS.contains(&node.name) => Kind::Safe,
            Kind::Safe => {
                self.refuse(node.span(), Problem::Filter(node.name.to_owned()));
                Kind::Unknown
            }
            kind => self.derived(kind, &format!("the filter `{}`", node.name), expression),
        }
    }

    fn call(&mut self, node: &Spanned<Call<'_>>) -> Kind {
        let CallType::Function("fenced") = node.identify_call() else {
            let name = self.written(&node.expr);
            self.refuse(node.span(), Problem::Function(name));
            return Kind::Unknown;
        };
        let mut texts = Vec::new();
        for argument in &node.args {
            match argument {
                CallArg::Pos(value) => texts.push(value),
                _ => self.refuse(node.span(), Problem::FencedArguments),
            }
        }
        if !(1..=2).contains(&texts.len()) {
            self.refuse(node.span(), Problem::FencedArguments);
            return Kind::Unknown;
        }
        for text in texts {
            match self.kind(text) {
                Kind::SpanText | Kind::Safe | Kind::Unknown => {}
                kind => {
                    self.derived(kind, "`fenced`", text);
                }
            }
        }
        Kind::Fenced
    }
}

/// The kind of something that is one or the other.
pub(super) fn join(left: Kind, right: Kind) -> Kind {
    match (left, right) {
        (left, right) if left == right => left,
        (Kind::Unknown, _) | (_, Kind::Unknown) => Kind::Unknown,
        (Kind::SpanText, Kind::Safe | Kind::Fenced) | (Kind::Safe | Kind::Fenced, Kind::SpanText) => Kind::SpanText,
        (Kind::Safe, Kind::Fenced) | (Kind::Fenced, Kind::Safe) => Kind::Fenced,
        _ => Kind::Opaque,
    }
}
