//! A human's verdict.

use serde::{Deserialize, Serialize};

use super::{Probability, Score, SubjectId};

/// How the subject of a label was chosen; it decides which statistics may use the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelStream {
    /// Drawn uniformly: exchangeable, feeds drift tests.
    Uniform,
    /// Drawn with unequal, recorded probabilities.
    Targeted,
    /// Not known: shown and counted, excluded from guarantees.
    Unknown,
}

impl LabelStream {
    /// The name as the store and files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Targeted => "targeted",
            Self::Unknown => "unknown",
        }
    }

    /// Reads back [`LabelStream::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Uniform, Self::Targeted, Self::Unknown].into_iter().find(|stream| stream.as_str() == name)
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
    /// The verdict, on the rubric's scale.
    pub score: Score,
    /// Why, when told.
    pub rationale: Option<String>,
    /// How the subject was chosen.
    pub stream: LabelStream,
    /// The probability with which it was chosen, where known.
    pub probability: Option<Probability>,
    /// When the label was given, milliseconds since the Unix epoch.
    pub labelled_at_ms: i64,
}
