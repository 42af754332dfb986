//! What a judge said, and what became of an evaluation.

use serde::{Deserialize, Serialize};

use super::Scale;
use super::named::named_enum;

/// A point on a rubric's scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// On the rubric's own scale; `None` on a categorical one.
    pub score: Option<f64>,
    /// The category, or `pass`/`fail` where the scale declares a threshold.
    pub label: Option<String>,
    /// Normalised to [0, 1]; `None` for a category of a scale that declares no passing label.
    pub value: Option<f64>,
}

impl Score {
    /// Places a number on `scale`; `None` when the scale does not admit it.
    pub fn of_number(scale: &Scale, score: f64) -> Option<Self> {
        scale.admits(score).then(|| Self {
            score: Some(score),
            label: scale.label_of(score).map(str::to_owned),
            value: scale.value(Some(score), None),
        })
    }

    /// Places a label on `scale`: a category, or `pass`/`fail` on a binary scale; `None` when the scale has no such label.
    pub fn of_label(scale: &Scale, label: &str) -> Option<Self> {
        match scale {
            Scale::Binary { .. } => match label {
                super::scale::PASS => Self::of_number(scale, 1.0),
                super::scale::FAIL => Self::of_number(scale, 0.0),
                _ => None,
            },
            Scale::Categorical { labels, .. } => labels.iter().any(|(name, _)| name == label).then(|| Self {
                score: None,
                label: Some(label.to_owned()),
                value: scale.value(None, Some(label)),
            }),
            Scale::Ordinal { .. } | Scale::Numeric { .. } => None,
        }
    }

    /// Places a bare `pass` or `fail` on `scale`: on a binary scale it is the score; on an ordinal or numeric one only the
    /// label is known. `None` when the scale has no threshold, or cannot say which category is meant.
    pub fn of_pass(scale: &Scale, pass: bool) -> Option<Self> {
        let label = if pass { super::scale::PASS } else { super::scale::FAIL };
        match scale {
            Scale::Binary { .. } => Self::of_label(scale, label),
            Scale::Ordinal { pass: Some(_), .. } | Scale::Numeric { pass: Some(_), .. } => {
                Some(Self { score: None, label: Some(label.to_owned()), value: None })
            }
            Scale::Ordinal { .. } | Scale::Numeric { .. } | Scale::Categorical { .. } => None,
        }
    }
}

/// What a judge said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A score and why.
    Scored {
        /// Where on the scale.
        score: Score,
        /// The judge's reasons.
        rationale: String,
    },
    /// The judge declined, and why.
    Abstained {
        /// The judge's reasons.
        rationale: String,
    },
}

named_enum! {
    /// The state of an evaluation, in the order of the ledger. All but `Pending` are final.
    pub enum Outcome {
        /// Not judged, with a reason: nothing to judge, or the rubric does not apply.
        Filtered = "filtered",
        /// Not drawn.
        SampledOut = "sampled_out",
        /// Waiting for its judge.
        Pending = "pending",
        /// Judged.
        Scored = "scored",
        /// The judge declined.
        Abstained = "abstained",
        /// The judge could not be brought to a verdict.
        Failed = "failed",
        /// Its deadline passed before a judge was free.
        Expired = "expired",
        /// Late spans changed what the rubric sees; a newer evaluation took its place.
        Superseded = "superseded",
    }
}
