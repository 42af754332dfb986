//! What a template may name, and of what kind each thing is. The lint types templates with it, the renderer builds
//! exactly what it lists.

/// What an expression is to the lint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// The rubric's own text, numbers of judged's making, or closed vocabularies: may be printed.
    Safe,
    /// Text from a span: may be tested for presence and fenced, nothing else.
    SpanText,
    /// A fenced block: may be printed, nothing else.
    Fenced,
    /// A thing with fields.
    Record(&'static Record),
    /// A list of things with fields.
    List(&'static Record),
    /// A mixture that can be neither printed nor entered.
    Opaque,
    /// Already complained about.
    Unknown,
}

/// A thing with fields.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    /// Its name, as messages and default block names say it.
    pub(super) name: &'static str,
    pub(super) fields: &'static [(&'static str, Kind)],
}

impl Record {
    pub(super) fn field(&self, name: &str) -> Option<Kind> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, kind)| *kind)
    }

    pub(super) fn field_names(&self) -> Vec<&'static str> {
        self.fields.iter().map(|(field, _)| *field).collect()
    }
}

macro_rules! text_record {
    ($constant:ident, $name:literal) => {
        static $constant: Record = Record { name: $name, fields: &[("text", Kind::SpanText)] };
    };
}

text_record!(SYSTEM, "system");
text_record!(INPUT, "input");
text_record!(OUTPUT, "output");
text_record!(REFERENCE, "reference");

static DOCUMENT: Record =
    Record { name: "document", fields: &[("id", Kind::SpanText), ("text", Kind::SpanText), ("score", Kind::Safe)] };
static MESSAGE: Record = Record {
    name: "message",
    fields: &[("role", Kind::Safe), ("text", Kind::SpanText), ("tool_calls", Kind::List(&TOOL_CALL))],
};
static TOOL: Record = Record {
    name: "tool",
    fields: &[("name", Kind::SpanText), ("description", Kind::SpanText), ("parameters", Kind::SpanText)],
};
static TOOL_CALL: Record = Record {
    name: "tool_call",
    fields: &[("id", Kind::SpanText), ("name", Kind::SpanText), ("arguments", Kind::SpanText)],
};
static STEP: Record = Record {
    name: "step",
    fields: &[
        ("kind", Kind::Safe),
        ("name", Kind::SpanText),
        ("input", Kind::SpanText),
        ("output", Kind::SpanText),
        ("error", Kind::SpanText),
        ("duration_ms", Kind::Safe),
        ("tokens", Kind::Safe),
    ],
};
static TURN: Record = Record { name: "turn", fields: &[("input", Kind::SpanText), ("output", Kind::SpanText)] };
static RUBRIC: Record = Record { name: "rubric", fields: &[("name", Kind::Safe), ("description", Kind::Safe)] };
static LEVEL: Record = Record { name: "level", fields: &[("name", Kind::Safe), ("meaning", Kind::Safe)] };
static SCALE: Record =
    Record { name: "scale", fields: &[("type", Kind::Safe), ("text", Kind::Safe), ("levels", Kind::List(&LEVEL))] };
/// The variable `loop` inside a loop.
pub(super) static LOOP: Record = Record {
    name: "loop",
    fields: &[
        ("index", Kind::Safe),
        ("index0", Kind::Safe),
        ("revindex", Kind::Safe),
        ("revindex0", Kind::Safe),
        ("first", Kind::Safe),
        ("last", Kind::Safe),
        ("length", Kind::Safe),
    ],
};

/// The variables that say nothing about the subject; available in both blocks.
pub(super) static STATIC_VARIABLES: &[(&str, Kind)] =
    &[("rubric", Kind::Record(&RUBRIC)), ("scale", Kind::Record(&SCALE))];

/// The variables of the subject; available in the block `user`.
pub(super) static SUBJECT_VARIABLES: &[(&str, Kind)] = &[
    ("system", Kind::Record(&SYSTEM)),
    ("input", Kind::Record(&INPUT)),
    ("output", Kind::Record(&OUTPUT)),
    ("reference", Kind::Record(&REFERENCE)),
    ("messages", Kind::List(&MESSAGE)),
    ("documents", Kind::List(&DOCUMENT)),
    ("tools", Kind::List(&TOOL)),
    ("tool_calls", Kind::List(&TOOL_CALL)),
    ("steps", Kind::List(&STEP)),
    ("turns", Kind::List(&TURN)),
];
