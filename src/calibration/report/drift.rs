//! The report's place for drift: what the detectors flagged, in the format of `judged drift`.

use serde::{Deserialize, Serialize};

/// Labels that a baseline of agreement needs before anything can be said to have fallen from it.
pub const BASELINE_LABELS: u64 = 200;

/// A number with its interval, as a flag carries it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The estimate.
    pub value: f64,
    /// Lower limit.
    pub low: Option<f64>,
    /// Upper limit.
    pub high: Option<f64>,
}

/// Why a detector is sure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it measured.
    pub statistic: f64,
    /// From which value it speaks.
    pub threshold: f64,
    /// What that promises.
    pub guarantee: String,
}

/// Something that moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flag {
    /// The rubric it is about; absent for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rubric: Option<String>,
    /// `agreement`, `judge`, `score`, `input_mix` or `rater`.
    pub kind: String,
    /// The segment, if it is one.
    pub segment: Option<String>,
    /// Since when, RFC 3339.
    pub since: String,
    /// When it was noticed, RFC 3339.
    pub detected_at: String,
    /// Labels between the change and its detection.
    pub labels_to_detection: Option<u64>,
    /// By how much.
    pub effect: Effect,
    /// How sure.
    pub evidence: Evidence,
    /// What moved it: `judge_prompt`, `judge_model`, `raters`, `input_mix`, `new_content` or `ambiguous`.
    pub attribution: String,
    /// What to do.
    pub advice: String,
}

/// What a report says of drift.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// Rubrics with fewer uniform labels than a baseline needs: nothing can be flagged there yet.
    pub watching: Vec<Watch>,
    /// What moved.
    pub flags: Vec<Flag>,
}

/// How far the agreement of a rubric can be watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Watch {
    /// The rubric.
    pub rubric: String,
    /// Uniformly drawn labels on its current series.
    pub labels: u64,
    /// How many a baseline needs.
    pub needed: u64,
}

impl Watch {
    /// Whether there are enough to say that agreement fell.
    pub fn can_see(&self) -> bool {
        self.labels >= self.needed
    }
}
