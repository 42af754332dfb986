//! What to do about a cause.

use crate::model::Attribution;

impl Attribution {
    /// What to do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::JudgePrompt => {
                "compare the rubric versions on the anchors; keep the older one until the new one agrees"
            }
            Self::JudgeModel => "pin the model or return to the earlier one; re-judge what was scored since",
            Self::JudgedUpgrade => {
                "judged itself reads or renders answers otherwise since an upgrade: look at what judges are shown before and since, and re-judge what was scored since or set its scores apart"
            }
            Self::Raters => "have the annotators label the anchors together and settle the rubric's wording",
            Self::InputMix => {
                "the judge is as good as it was on either kind of input: read scores by segment, and improve it on the segment that grew"
            }
            Self::NewContent => {
                "read the disagreements since then: the judge is weak on something new; extend the rubric and its cases"
            }
            Self::Answers => {
                "the judge stands still, so it is the answers: read the failing ones since then, and see what changed in the application (prompt, model, retrieval)"
            }
            Self::Ambiguous => {
                "judge the anchors again, and have 20 of them labelled again (`judged labels queue --anchors -n 20`), to tell the causes apart"
            }
        }
    }
}
