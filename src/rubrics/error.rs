//! What can be wrong with a rubric: what, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::{ScaleError, SubjectKind};

/// A place in a file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    /// The column, where it is known.
    pub column: Option<usize>,
}

impl Place {
    /// A whole line.
    pub fn line(line: usize) -> Self {
        Self { line, column: None }
    }
}

/// Something wrong with a file of the library.
#[derive(Debug)]
pub struct RubricError {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub place: Option<Place>,
    /// What is wrong.
    pub problem: Problem,
}

impl RubricError {
    /// A problem of a file as a whole.
    pub fn of_file(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), place: None, problem }
    }

    pub fn at(path: &Path, place: Place, problem: Problem) -> Self {
        Self { path: path.to_owned(), place: Some(place), problem }
    }
}

/// `path:line:column: text`, without the parts that are not known.
fn write_located(
    f: &mut fmt::Formatter<'_>,
    path: &Path,
    place: Option<Place>,
    text: &dyn fmt::Display,
) -> fmt::Result {
    write!(f, "{}", path.display())?;
    if let Some(place) = place {
        write!(f, ":{}", place.line)?;
        if let Some(column) = place.column {
            write!(f, ":{column}")?;
        }
    }
    write!(f, ": {text}")
}

impl fmt::Display for RubricError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_located(f, &self.path, self.place, &self.problem)?;
        write!(f, "\n  remedy: {}", self.problem.remedy())
    }
}

impl std::error::Error for RubricError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.problem)
    }
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file or folder cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// The folder's name cannot be a rubric's name.
    #[error("`{0}` is no rubric name")]
    Name(String),
    #[error("version 0 does not exist")]
    VersionZero,
    /// Two files say that they are the same version.
    #[error("version {version} exists twice: the other file is {}", other.display())]
    RepeatedVersion {
        version: u32,
        /// The file read first.
        other: PathBuf,
    },
    /// The file does not begin with front matter.
    #[error("there is no front matter")]
    NoFrontMatter,
    /// The front matter has no end.
    #[error("the front matter has no closing `---`")]
    UnclosedFrontMatter,
    /// The front matter is no YAML.
    #[error("the front matter is not valid YAML: {}", without_location(.0))]
    Yaml(Box<serde_saphyr::Error>),
    /// A key that means nothing.
    #[error("unknown key `{key}` in {within}")]
    UnknownKey {
        key: String,
        /// Where it was found: `the front matter`, `scale`, …
        within: &'static str,
        /// What was probably meant.
        meant: Option<&'static str>,
        /// What there is.
        known: &'static [&'static str],
    },
    /// A key that is there twice.
    #[error("`{key}` is declared twice in {within}")]
    RepeatedKey {
        key: String,
        /// Where it was found.
        within: &'static str,
    },
    /// A key that must be there.
    #[error("`{key}` is missing in {within}")]
    MissingKey {
        key: &'static str,
        /// Where it belongs.
        within: &'static str,
        /// How to write it.
        example: &'static str,
    },
    /// A value of the wrong type.
    #[error("`{key}` is {found}; expected {expected}")]
    WrongType {
        key: String,
        /// What belongs there.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// A word that is none of the admitted ones.
    #[error("`{key}: {value}` is not possible")]
    UnknownWord {
        key: &'static str,
        /// The word.
        value: String,
        /// What was probably meant.
        meant: Option<&'static str>,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// A point that the scale does not have.
    #[error("the scale has no point `{point}`")]
    UnknownPoint {
        point: String,
        /// What it has.
        known: Vec<String>,
    },
    /// The verdict of a distribution is chosen on an ordinal scale only.
    #[error("`verdict` chooses between levels, and the scale is {0}")]
    VerdictOfLevels(&'static str),
    /// A scale that is none.
    #[error("{0}")]
    Scale(#[source] ScaleError),
    /// A level or label without a meaning: neither judge nor labeller could use it alike.
    #[error("{0} has no meaning")]
    NoMeaning(String),
    /// A pass threshold between two levels.
    #[error("`pass: {0}` is no level of the scale")]
    PassIsNoLevel(i64),
    /// A requirement that subjects of this kind never meet.
    #[error("`requires: {requirement}` is never met by a {}", subject.as_str())]
    NeverMet {
        requirement: &'static str,
        /// The declared subject.
        subject: SubjectKind,
    },
    /// The template does not parse.
    #[error("the template does not parse: {0}")]
    Syntax(String),
    #[error("the template has no block `{0}`")]
    MissingBlock(&'static str),
    /// A block that nobody would render.
    #[error("block `{0}` is never shown to the judge")]
    UnknownBlock(String),
    /// Text outside the blocks, which nobody would see.
    #[error("text outside the blocks `system` and `user` is never shown to the judge")]
    OutsideBlocks,
    /// A statement that rubrics do not have.
    #[error("`{{% {0} %}}` is not available in a rubric")]
    Statement(&'static str),
    /// A name that means nothing.
    #[error("unknown variable `{name}`")]
    UnknownVariable {
        name: String,
        /// What was probably meant.
        meant: Option<&'static str>,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// A field that a variable does not have.
    #[error("`{of}` has no field `{field}`")]
    UnknownField {
        /// The variable's type.
        of: &'static str,
        field: String,
        /// What was probably meant.
        meant: Option<&'static str>,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// Text from a span that would reach the prompt unmarked.
    #[error("`{0}` comes from a span and would stand in the prompt as if it were an instruction")]
    RawSpanText(String),
    /// A subject's part in the static system block.
    #[error("`{0}` belongs to the subject and cannot stand in the block `system`")]
    SubjectInSystem(String),
    /// Text from a span that is cut, joined, compared or filtered.
    #[error("{what} cannot be applied to `{of}`, which comes from a span")]
    DerivedText {
        /// What was applied.
        what: String,
        /// To what.
        of: String,
    },
    /// Text that is marked already and would lose its marks.
    #[error("{what} cannot be applied to fenced text")]
    BrokenFence {
        /// What was applied.
        what: String,
    },
    /// A structure where text is needed.
    #[error("`{0}` is a structure, not text")]
    Structure(String),
    /// A loop over something that is no list.
    #[error("`{0}` is no list")]
    NoList(String),
    /// A function that rubrics do not have.
    #[error("`{0}(…)` is not available in a rubric")]
    Function(String),
    /// A filter that rubrics do not have.
    #[error("the filter `{0}` is not available in a rubric")]
    Filter(String),
    /// `fenced` with the wrong arguments.
    #[error("`fenced` takes a text and, if wanted, a name")]
    FencedArguments,
    /// The template fails on a sample subject that meets its requirements.
    #[error("the template fails on {sample}: {detail}")]
    TrialRender {
        sample: &'static str,
        /// How it fails.
        detail: String,
    },
    /// A golden case that is no case.
    #[error("the case is not valid: {0}")]
    Case(String),
    /// A golden case that the newest version does not fit.
    #[error("case `{case}` does not fit {rubric} v{version}: {detail}")]
    CaseMisfit {
        case: String,
        rubric: String,
        /// The newest version.
        version: u32,
        /// What does not fit.
        detail: String,
    },
}

/// The YAML parser's message without its location: it counts from the front matter, we from the file.
fn without_location(error: &serde_saphyr::Error) -> String {
    let message = error.to_string();
    let end = message.find(" at line ").unwrap_or(message.len());
    message[..end].trim_end().to_owned()
}

/// "did you mean `x`?" or the list of what there is.
fn meant_or_known(meant: Option<&str>, known: &[&str]) -> String {
    match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("use one of: {}", known.join(", ")),
    }
}

impl Problem {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Unreadable(_) => "make it readable for the user that judged runs as".into(),
            Self::Name(_) => {
                "name the folder with lower-case letters, digits and underscores, a letter first, at most 64 characters"
                    .into()
            }
            Self::VersionZero => "count versions from 1: v1.md".into(),
            Self::RepeatedVersion { .. } => "delete one of the two, or give it the next free version number".into(),
            Self::NoFrontMatter => "begin the file with a line `---`, then the keys, then a line `---`".into(),
            Self::UnclosedFrontMatter => "put a line `---` between the last key and the template".into(),
            Self::Yaml(_) => "correct the YAML; quote text that contains `: `, `#` or braces".into(),
            Self::UnknownKey { meant, known, .. } => meant_or_known(*meant, known),
            Self::RepeatedKey { key, .. } => format!("keep one `{key}`"),
            Self::MissingKey { example, .. } => format!("add `{example}`"),
            Self::WrongType { key, expected, .. } => format!("write {expected} under `{key}`"),
            Self::UnknownWord { meant, known, .. } => meant_or_known(*meant, known),
            Self::UnknownPoint { known, .. } if known.is_empty() => {
                "a decision model cannot judge on this scale: drop `options`".into()
            }
            Self::UnknownPoint { known, .. } => format!("known: {}", known.join(", ")),
            Self::VerdictOfLevels(_) => "drop `verdict`".into(),
            Self::Scale(error) => scale_remedy(error),
            Self::NoMeaning(_) => "say in one sentence when a rater should choose it".into(),
            Self::PassIsNoLevel(_) => "set `pass` to the lowest level that passes".into(),
            Self::NeverMet { requirement, .. } => match *requirement {
                "turns" => "set `subject: session`, or drop the requirement".into(),
                _ => "set `subject: trace`, or drop the requirement".into(),
            },
            Self::Syntax(_) => "correct the template; docs/rubrics.md shows a complete one".into(),
            Self::MissingBlock(name) => format!("add `{{% block {name} %}}…{{% endblock %}}`"),
            Self::UnknownBlock(_) => "keep only the blocks `system` and `user`".into(),
            Self::OutsideBlocks => "move it into one of the two blocks, or make it a comment `{# … #}`".into(),
            Self::Statement("extends" | "include" | "import" | "from") => {
                "write the text out: a rubric version is one file, so that its hash says everything about it".into()
            }
            Self::Statement(_) => "use only block, for, if, set and with".into(),
            Self::UnknownVariable { meant, known, .. } | Self::UnknownField { meant, known, .. } => {
                meant_or_known(*meant, known)
            }
            Self::RawSpanText(expression) => format!("write `{{{{ fenced({expression}) }}}}`"),
            Self::SubjectInSystem(_) => {
                "move it into the block `user`; the system message stays the same for every subject, which keeps the \
                 provider's prompt cache warm"
                    .into()
            }
            Self::DerivedText { .. } => {
                "show it whole with `fenced(…)`; in conditions ask only whether it is there: `{% if … %}`".into()
            }
            Self::BrokenFence { .. } => "let `{{ fenced(…) }}` stand alone".into(),
            Self::Structure(_) => "name one of its fields, or loop over it with `{% for … %}`".into(),
            Self::NoList(_) => "loop over documents, messages, tools, tool_calls, steps, turns or scale.levels".into(),
            Self::Function(_) => "the only function is `fenced(text)` or `fenced(text, \"name\")`".into(),
            Self::Filter(_) => {
                "on the rubric's own text use upper, lower, trim, length, first, last, join or round".into()
            }
            Self::FencedArguments => "write `fenced(output.text)` or `fenced(output.text, \"answer\")`".into(),
            Self::TrialRender { .. } => {
                "add what it needs to `requires`, or guard it: `{% if system.text %}…{% endif %}`".into()
            }
            Self::Case(_) => {
                "write one JSON object a line: {\"name\", \"content\": {…}, \"expect\": {\"score\"|\"label\"|\"pass\"|\
                 \"abstain\"}}"
                    .into()
            }
            Self::CaseMisfit { .. } => "correct the case so that it fits the newest version of the rubric".into(),
        }
    }
}

fn scale_remedy(error: &ScaleError) -> String {
    match error {
        ScaleError::TooFewLevels(_) | ScaleError::TooFewLabels(_) => "declare at least two".into(),
        ScaleError::RepeatedLevel(_) | ScaleError::RepeatedLabel(_) => "keep one of the two".into(),
        ScaleError::UnknownPassLabel(_) => "name only labels that the scale declares".into(),
        ScaleError::EmptyRange { .. } => "give `min` and `max` so that min < max".into(),
        ScaleError::PassOutside(_) => "choose a `pass` between the lowest and the highest score".into(),
    }
}

/// Something that works, but is probably not what the author wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file or folder.
    pub path: PathBuf,
    /// Where in it.
    pub place: Option<Place>,
    /// What to look at.
    pub concern: Concern,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_located(f, &self.path, self.place, &format_args!("warning: {}", self.concern))
    }
}

/// What a warning is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Concern {
    /// Versions are not numbered without a gap.
    #[error("v{missing} is missing between v1 and v{newest}: was it deleted? published versions stay valid")]
    VersionGap {
        /// The first missing version.
        missing: u32,
        /// The newest version.
        newest: u32,
    },
    /// Something is required that the template never shows.
    #[error("`{0}` is required, but the template never shows it: subjects are filtered for nothing")]
    UnusedRequirement(&'static str),
    /// The judge is not told the scale in the words that human labellers read.
    #[error("the template never shows `scale.text`: judge and human labellers may read different levels")]
    ScaleNotShown,
    /// A file that judged does not read.
    #[error("this file is ignored: rubrics are named v1.md, v2.md, …, their cases cases.jsonl")]
    StrayFile,
    /// A rubric without golden cases.
    #[error("there are no golden cases (cases.jsonl): nothing shows that a judge understands this rubric")]
    NoCases,
    /// A folder without a version.
    #[error("there is no version in this folder: add v1.md")]
    NoVersion,
}
