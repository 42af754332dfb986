//! Why a line of a label file, or a file as a whole, is refused.

use super::file::WorkbookError;
use crate::model::{IdError, TraceId};

/// Reasons longer than this are no reasons.
pub(super) const RATIONALE_MAX: usize = 10_000;

/// Why a label is refused; the others of its file are not affected.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// Not JSON.
    #[error("not JSON")]
    Json(#[source] serde_json::Error),
    /// JSON, but no object.
    #[error("not a label: a JSON object is expected")]
    NoObject,
    /// Not a row of the table.
    #[error("not a row of this table")]
    Row(#[source] csv::Error),
    /// A row with something behind its last heading: a cell has been torn apart, and nobody can say which.
    #[error(
        "the row has {found} cells and the table {headings} headings; put quotes around the cell that holds the separator"
    )]
    Cells {
        /// Cells of the row.
        found: usize,
        /// Headings of the table.
        headings: usize,
    },
    /// A field that every label needs.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A label under a name that is not that of whoever gives it.
    #[error(
        "`annotator` is `{given}`, but the token is of `{own}`: leave the field out, or send it with a token of `{given}`"
    )]
    AnotherName {
        /// Whom the label names.
        given: String,
        /// Who sent it.
        own: String,
    },
    /// A text that is no id.
    #[error("`{text}` in `{column}` is no id")]
    Id {
        /// Where it stands.
        column: &'static str,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        #[source]
        source: IdError,
    },
    /// A text that is no id of judged's own.
    #[error("`{0}` in `subject_id` is no id of judged; it looks like 6f1c0b9e-3d4a-5e6f-8a7b-0c1d2e3f4a5b")]
    SubjectId(String),
    /// No verdict at all.
    #[error("a label needs a verdict: `score`, `label` or `pass`")]
    NoVerdict,
    /// Several verdicts that say different things.
    #[error("`{one}` and `{other}` say different things")]
    Contradiction {
        /// Where the one stands.
        one: &'static str,
        /// Where the other stands.
        other: &'static str,
    },
    /// A rubric that is not loaded.
    #[error("there is no rubric `{0}`; `judged rubrics list` shows those there are")]
    UnknownRubric(String),
    /// A verdict that the rubric's scale does not have.
    #[error("`{verdict}` is not on the {scale} scale of rubric `{rubric}`; allowed: {allowed}")]
    OffScale {
        /// What was given.
        verdict: String,
        /// The scale's kind.
        scale: &'static str,
        /// Which rubric.
        rubric: String,
        /// What the scale admits.
        allowed: String,
    },
    /// A subject that judged never kept.
    #[error("{0} is not among the kept subjects: it was sampled out, never received, or belongs to another database")]
    UnknownSubject(String),
    /// Nothing was seen before it happened.
    #[error("`first_seen_at` is {0}, which is still to come; leave it out, or set the clock of this machine")]
    SeenInFuture(jiff::Timestamp),
    /// A trace in which the rubric may mean several generations.
    #[error("trace {trace} has {count} subjects of kind {kind}; name one with `span_id`")]
    Ambiguous {
        /// The trace.
        trace: TraceId,
        /// How many.
        count: usize,
        /// Which kind.
        kind: &'static str,
    },
    /// A name that nobody can be known by.
    #[error("`annotator` is no name: {0}")]
    Annotator(&'static str),
    /// Reasons longer than a page.
    #[error("`rationale` has {0} characters; at most {max} are kept", max = RATIONALE_MAX)]
    Rationale(usize),
    /// A text that is no moment.
    #[error("`{text}` in `{column}` is no moment; write it as 2026-01-31T12:00:00Z or 2026-01-31 12:00 (UTC)")]
    Moment {
        /// Where it stands.
        column: &'static str,
        /// What stands there.
        text: String,
    },
    /// A label from the future would be the latest for ever.
    #[error("`labelled_at` is {0}, which is still to come")]
    Future(jiff::Timestamp),
    /// A number or word where another type is expected.
    #[error("`{text}` in `{column}` is not {expected}")]
    Value {
        /// Where it stands.
        column: &'static str,
        /// What stands there.
        text: String,
        /// What is expected.
        expected: &'static str,
    },
    /// An item of a tool in which no question is about a rubric.
    #[error("no question is about a rubric (found: {0}); --rubric RUBRIC or --name QUESTION=RUBRIC says which")]
    NoQuestion(String),
    /// Several answers to one question.
    #[error("`{question}` has several answers: {answers}")]
    SeveralAnswers {
        /// The question.
        question: String,
        /// Its answers.
        answers: String,
    },
    /// A verdict that settles nothing.
    #[error("it settles what several people said of the answer, and no two have labelled it")]
    NothingToSettle,
    /// The annotator said something else at the very same moment.
    #[error(
        "another verdict of the same annotator with the same `labelled_at` is stored; give the newer one its own time"
    )]
    SameMoment,
}

impl LabelError {
    /// Whether it is about an answer that judged did not keep: most traffic is not sampled, so that this is no mistake of
    /// whoever wrote the file.
    pub fn is_not_kept(&self) -> bool {
        matches!(self, Self::UnknownSubject(_))
    }

    /// What errors of one kind share, to be counted together.
    pub fn kind(&self) -> String {
        match self {
            Self::UnknownSubject(_) => "about answers that judged did not keep".to_owned(),
            Self::Ambiguous { kind, .. } => {
                format!("about traces with several subjects of kind {kind}: `span_id` is missing")
            }
            Self::Json(_) => "not JSON".to_owned(),
            Self::Id { column, .. } => format!("no id in `{column}`"),
            other => other.to_string(),
        }
    }
}

/// Why nothing of a file can be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// An encoding that nobody knows.
    #[error("there is no encoding `{0}`; examples: utf-8, utf-16le, windows-1252, iso-8859-2, shift_jis")]
    UnknownEncoding(String),
    /// It is not in the encoding that was named.
    #[error("the file is not in {0}; name its encoding with --encoding")]
    Encoding(&'static str),
    /// A workbook that is none.
    #[error("the workbook cannot be read")]
    Workbook(#[source] WorkbookError),
    /// A workbook that this reader does not know.
    #[error("this is an old workbook (.xls); save it as .xlsx or CSV")]
    OldWorkbook,
    /// A name of `--column` that no column has.
    #[error("labels have no column `{name}`; columns: {known}")]
    UnknownColumn {
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// No sheet looks like labels.
    #[error("no sheet of the workbook has the headings of labels in its first row; sheets: {0}")]
    NoSheet(String),
    /// The headings are those of something else.
    #[error(
        "these headings are not those of labels: {missing} missing. Found: {found}. Name a heading that is called otherwise with \
         --column annotator=THEIRS{options}"
    )]
    Headings {
        /// What is missing.
        missing: String,
        /// What was found.
        found: String,
        /// What else could help.
        options: &'static str,
    },
    /// Two headings mean the same.
    #[error(
        "the headings `{one}` and `{other}` both mean `{column}`; remove one, or say which with --column {column}=THEIRS"
    )]
    Twice {
        /// What both mean.
        column: &'static str,
        /// The one.
        one: String,
        /// The other.
        other: String,
    },
    /// The file is not what the named tool exports.
    #[error("this is no export of {tool}; expected {expected}")]
    NoExport {
        /// The tool.
        tool: &'static str,
        /// What an export of it has.
        expected: &'static str,
    },
    /// JSON that ends early, or something else altogether.
    #[error("the file is neither JSON nor a table")]
    Json(#[source] serde_json::Error),
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
}
