//! A human's verdict.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::named::named_enum;
use super::{Probability, Score, SubjectId};

named_enum! {
    /// How the subject of a label was chosen; it decides which statistics may use the label.
    pub enum LabelStream {
        /// Drawn uniformly: exchangeable, feeds drift tests.
        Uniform = "uniform",
        /// Drawn with unequal, recorded probabilities.
        Targeted = "targeted",
        /// Not known: shown and counted, excluded from guarantees.
        Unknown = "unknown",
    }
}

/// A human's verdict on a subject for a rubric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// What was judged.
    pub subject: SubjectId,
    /// Under which rubric.
    pub rubric: String,
    /// By whom.
    pub annotator: String,
    /// The verdict, on the rubric's scale; `None` from someone who could not judge it.
    pub score: Option<Score>,
    /// Why, when told.
    pub rationale: Option<String>,
    /// How the subject was chosen.
    pub stream: LabelStream,
    /// The probability with which it was chosen, where known.
    pub probability: Option<Probability>,
    /// When the label was given, milliseconds since the Unix epoch.
    pub labelled_at_ms: i64,
    /// Which way it came in; `None` of labels stored by an earlier version.
    pub via: Option<LabelWay>,
    /// Whether it settles what several people said differently, and what they had said.
    pub instead_of: Option<Vec<Replaced>>,
}

/// Which way a label came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum LabelWay {
    /// The labelling page.
    Page,
    /// `POST /api/labels`.
    Api,
    /// A file.
    Import,
    /// The export of an annotation tool.
    Tool(String),
    /// The backend of a sink.
    Backend(String),
    /// A way that only another version knows.
    Other(String),
}

const TOOL: &str = "import:";
const BACKEND: &str = "pull:";

impl fmt::Display for LabelWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page => f.write_str("page"),
            Self::Api => f.write_str("api"),
            Self::Import => f.write_str("import"),
            Self::Tool(name) => write!(f, "{TOOL}{name}"),
            Self::Backend(name) => write!(f, "{BACKEND}{name}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl From<LabelWay> for String {
    fn from(way: LabelWay) -> Self {
        way.to_string()
    }
}

impl From<String> for LabelWay {
    fn from(text: String) -> Self {
        match text.as_str() {
            "page" => Self::Page,
            "api" => Self::Api,
            "import" => Self::Import,
            _ => match (text.strip_prefix(TOOL), text.strip_prefix(BACKEND)) {
                (Some(name), _) => Self::Tool(name.to_owned()),
                (None, Some(name)) => Self::Backend(name.to_owned()),
                (None, None) => Self::Other(text),
            },
        }
    }
}

/// A verdict in whose place another has been agreed on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replaced {
    /// Whose it was.
    pub annotator: String,
    /// What it was; none of somebody who could not judge.
    pub score: Option<Score>,
    /// When it was given, milliseconds since the Unix epoch.
    pub labelled_at_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_read_as_it_was_written() {
        for text in ["page", "api", "import", "import:label-studio", "pull:phoenix", "carrier pigeon"] {
            assert_eq!(LabelWay::from(text.to_owned()).to_string(), text);
        }
        assert_eq!(LabelWay::from("pull:x".to_owned()), LabelWay::Backend("x".to_owned()));
    }
}
