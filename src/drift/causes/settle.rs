//! What would tell apart the causes that are left.

use std::borrow::Cow;

use super::{Candidate, Conclusion, Standing};
use crate::model::Attribution;

impl Conclusion {
    /// A cause that is plain by itself.
    pub(in crate::drift) fn plain(attribution: Attribution) -> Self {
        Self { attribution, candidates: Vec::new(), pending: false }
    }

    /// Nothing tells.
    pub(in crate::drift) fn unknown() -> Self {
        Self::plain(Attribution::Ambiguous)
    }

    /// What to do: about the cause, or to find it.
    pub(in crate::drift) fn advice(&self) -> Cow<'static, str> {
        if self.attribution != Attribution::Ambiguous || self.candidates.is_empty() {
            return Cow::Borrowed(self.attribution.advice());
        }
        if self.pending {
            return Cow::Borrowed("a round of known items has begun: the cause is told when it is over");
        }
        let is_open = |cause: fn(Attribution) -> bool| {
            self.candidates.iter().any(|one| cause(one.cause) && one.standing == Standing::Possible)
        };
        let of_judge =
            |cause| matches!(cause, Attribution::JudgePrompt | Attribution::JudgeModel | Attribution::JudgedUpgrade);
        let unseen = |one: &Candidate| one.change.value().is_none();
        let unseen_judge = self.candidates.iter().any(|one| of_judge(one.cause) && unseen(one));
        let text = match (is_open(of_judge) && unseen_judge, is_open(|cause| cause == Attribution::Raters)) {
            (true, _) => {
                "choose anchors (`judged anchors choose`) and have 20 of them labelled again (`judged labels queue --anchors -n 20`): only known items tell the judge, the people and the content apart"
            }
            (false, true) => {
                "have 20 anchors labelled again (`judged labels queue --anchors -n 20`): that tells whether people have changed"
            }
            (false, false) => {
                "more labels and the next round of anchors will tell: several causes still explain the fall"
            }
        };
        Cow::Borrowed(text)
    }
}
