//! The comparison as data: what its JSON holds and the text is written from.

use serde::Serialize;

use crate::model::{EvaluationId, Moment, Revisions, TraceId};
use crate::statistics::{Estimate, Interval};

/// Two releases, by rubric.
#[derive(Debug, Clone, Serialize)]
pub struct ReleaseComparison {
    /// What tells the sides apart.
    pub by: String,
    pub old: String,
    pub new: String,
    /// Worse by no more than this is not called worse.
    pub margin: f64,
    /// The level of every interval.
    pub confidence: f64,
    /// The worst of the rubrics' verdicts.
    pub verdict: ReleaseVerdict,
    pub rubrics: Vec<RubricComparison>,
}

/// What can be said of the new side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseVerdict {
    /// Its answers are better.
    Better,
    /// They are not worse by more than the margin.
    NotWorse,
    /// Nobody can say yet.
    CannotTell,
    /// They are worse by more than the margin.
    Worse,
}

/// What one rubric says.
#[derive(Debug, Clone, Serialize)]
pub struct RubricComparison {
    pub rubric: String,
    /// Of the series that has scored both sides; none where no series has.
    pub series: Option<SeriesName>,
    pub verdict: ReleaseVerdict,
    /// Why nobody can say, where nobody can.
    pub because: Option<Unknown>,
    pub sides: Option<[SideReport; 2]>,
    /// `new - old` of the share of good answers, freed of the judge's errors, with the interval of this one look.
    pub difference: Option<Estimate>,
    /// What is left of it without the change of mix; the verdict rests on this where there is a mix.
    pub without_mix: Option<Mix>,
    /// The interval that holds at every look, of what the verdict rests on.
    pub always_valid: Option<Interval>,
    /// A difference as large as this would be seen in one look with a probability of 80 %.
    pub detectable: Option<f64>,
    /// How far the judge is right, by labels.
    pub errors: Option<ErrorReport>,
    /// The segment values with enough scores on both sides, the worst first.
    pub segments: Vec<SegmentDifference>,
    /// Answers that carry the difference: failed ones of the new side, passed ones of the old.
    pub examples: Vec<Example>,
}

/// Why nobody can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The scale does not say what passes.
    NoThreshold,
    /// No version and judge has scored answers of both sides.
    NoCommonSeries,
    /// A side has fewer than 30 scores, or scores that weigh as few.
    FewScores,
    /// Too few labels tell how often the judge is right.
    FewLabels,
    /// By its labels the judge is close to guessing.
    JudgeUninformative,
    /// The interval holds both what is worse and what is not.
    Undecided,
}

/// Which scores were compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeriesName {
    pub version: u32,
    pub judge: String,
    pub judge_model: Option<String>,
    pub revisions: Option<Revisions>,
}

/// One side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SideReport {
    /// Scores.
    pub scored: u64,
    /// The share that the judge passes.
    pub judge_passes: Estimate,
    /// Labelled answers.
    pub labels: u64,
    /// When the newest of them was labelled.
    pub newest_label: Option<Moment>,
}

/// A difference in two parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mix {
    /// The segment whose shares changed.
    pub segment: String,
    /// What the changed shares explain.
    pub mix: f64,
    /// What is left.
    pub within: Estimate,
    /// The share of the new side's answers that has no counterpart on the old side, and is not compared.
    pub uncompared: f64,
}

/// How far the judge is right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorReport {
    /// Of what people pass, the share that the judge passes.
    pub tpr: f64,
    /// Of what people fail, the share that the judge fails.
    pub tnr: f64,
    pub labels: u64,
    pub basis: Basis,
    /// Whether labels were chosen by somebody rather than drawn.
    pub selection_unknown: bool,
}

/// How labels free the difference of the judge's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// With the error rates of both sides together, which labels do not tell apart.
    SameErrors,
    /// The same, where a side has too few labels to test it.
    SameErrorsAssumed,
    /// With the error rates of other releases: these have too few labels.
    OtherReleases,
    /// Each side by its own labels, because the judge errs differently on the two.
    OwnLabels,
}

/// A segment value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentDifference {
    pub segment: String,
    pub value: String,
    pub difference: Estimate,
    /// Whether it became worse, at a false discovery rate of 5 % over all of them.
    pub worse: bool,
    /// Scores on each side.
    pub scored: [u64; 2],
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    pub side: &'static str,
    pub evaluation: EvaluationId,
    pub trace_id: TraceId,
    pub label: Option<String>,
    pub question: Option<String>,
    pub rationale: Option<String>,
}
