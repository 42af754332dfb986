//! What a judge said, and what became of an evaluation.

use serde::{Deserialize, Serialize};

use super::Score;
use super::named::named_enum;

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
        /// The judge found the subject undecidable, as the rubric allows.
        Abstained = "abstained",
        /// The model declined to judge. As long as a worker of a release that cannot read it is alive, it is stored as a
        /// failure with the reason `refused`.
        Refused = "refused",
        /// The judge could not be brought to a verdict.
        Failed = "failed",
        /// Its deadline passed before a judge was free.
        Expired = "expired",
        /// Late spans changed what the rubric sees; a newer evaluation took its place.
        Superseded = "superseded",
    }
}

impl Outcome {
    /// Whether a judge was asked and gave neither a score nor an abstention.
    pub fn is_without_verdict(self) -> bool {
        matches!(self, Self::Refused | Self::Failed)
    }
}
