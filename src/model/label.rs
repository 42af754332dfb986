//! A human's verdict.

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
}
