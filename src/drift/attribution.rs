//! Why agreement fell: the judge, the humans, the mix of what comes in, or new content.
//!
//! Only the judge can move verdicts on fixed items, and only humans their labels; what remains is the input. Without
//! replays nothing can be told from the rest, and the answer is that it is ambiguous.

use std::collections::BTreeMap;

use crate::model::Attribution;
use crate::statistics::mix_decomposition::{Decomposition, SegmentChange, decompose};

use super::entry::{Entry, Series, Tag};
use super::mix::Shift;
use super::recovery::Period;
use super::replay::{MIN_REPLAYS, Replays};
use super::votes::Vote;

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
                "no repair of the judge is needed: read scores by segment and set a baseline for the new mix"
            }
            Self::NewContent => {
                "read the disagreements since then: the judge is weak on something new; extend the rubric and its cases"
            }
            Self::Answers => {
                "the judge stands still, so it is the answers: read the failing ones since then, and see what changed in the application (prompt, model, retrieval)"
            }
            Self::Ambiguous => {
                "replay the anchors with the old and the new prompt and model, and have some labelled again, to tell the causes apart"
            }
        }
    }
}

/// What is known beside an alarm.
pub(super) struct Evidence<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) judge: &'a Replays,
    pub(super) human: &'a Replays,
    pub(super) input: Option<&'a Shift>,
    /// Whether agreement fell within the segments of the attribute whose shares moved.
    pub(super) within: bool,
    /// Whether one annotator fell and the others did not.
    pub(super) one_rater: bool,
}

impl Evidence<'_> {
    /// Why agreement fell for a period, where `decomposition` splits the fall.
    pub(super) fn of_agreement(
        &self,
        period: Period,
        detected: usize,
        decomposition: Option<Decomposition>,
    ) -> Attribution {
        let quiet = self.judge.seen.iter().filter(|index| period.contains(**index)).count() >= MIN_REPLAYS;
        let by_mix = decomposition.is_some_and(|parts| parts.mix < 0.0 && parts.mix.abs() >= parts.within.abs());
        let by_part = decomposition.is_some_and(|parts| parts.mix < 0.0 && parts.mix.abs() * 3.0 >= parts.within.abs());
        match (self.judge.moved_in(period), self.human.moved_in(period) || self.one_rater) {
            (true, false) => self.of_judge(period.since, detected),
            (false, true) => Attribution::Raters,
            (false, false) if self.input.is_some() && by_mix && !self.within => Attribution::InputMix,
            // The mix moved and explains a good part of the fall, or nothing proves that anything else moved.
            (false, false) if self.input.is_some() && (by_part || !self.within) => Attribution::Ambiguous,
            // People whose labels changed more than they do may be the cause, though not yet proven to be.
            (false, false) if quiet && !self.human.is_restless(period) => Attribution::NewContent,
            // Both moved, or nothing that could tell the causes apart was replayed.
            (true, true) | (false, false) => Attribution::Ambiguous,
        }
    }

    /// What moved the judge between two entries.
    pub(super) fn of_judge(&self, since: usize, detected: usize) -> Attribution {
        let prompt = self.changed(0, detected, |series| series.rubric_version.as_ref());
        let model = self.changed(0, detected, |series| series.judge_model.as_ref());
        // Another revision long before is not what moved it now.
        let judged = self.changed(since, detected, |series| series.revision.as_ref());
        match (prompt, model, judged) {
            (true, true, _) | (true, false, true) | (false, true, true) => Attribution::Ambiguous,
            (true, false, false) => Attribution::JudgePrompt,
            (false, false, true) => Attribution::JudgedUpgrade,
            (false, _, false) => Attribution::JudgeModel,
        }
    }

    /// Whether a field differs between the last entry before `since` that has it (else the first one) and the last one up to
    /// `detected`.
    fn changed(&self, since: usize, detected: usize, field: impl Fn(&Series) -> Option<&Tag> + Copy) -> bool {
        let until = (detected + 1).min(self.entries.len());
        let known = |entries: std::ops::Range<usize>| self.entries[entries].iter().filter_map(|one| field(&one.series));
        known(0..since.min(until)).last().or_else(|| known(0..until).next()) != known(0..until).last()
    }
}

/// Splits the change of agreement between two sets of labels into mix and within; `None` unless every segment after
/// existed before.
pub(super) fn split(before: &[Vote], after: &[Vote], part: impl Fn(usize) -> Option<String>) -> Option<Decomposition> {
    let sums = |votes: &[Vote]| {
        let mut sums: BTreeMap<Option<String>, (f64, f64)> = BTreeMap::new();
        for (label, weight) in votes.iter().flat_map(Vote::shares) {
            let sum = sums.entry(part(label.index)).or_default();
            sum.0 += weight;
            sum.1 += weight * label.closeness;
        }
        sums
    };
    let (before, after) = (sums(before), sums(after));
    let total = |sums: &BTreeMap<_, (f64, f64)>| sums.values().map(|sum| sum.0).sum::<f64>();
    let (n, m) = (total(&before), total(&after));
    if after.keys().any(|segment| !before.contains_key(segment)) || n <= 0.0 || m <= 0.0 {
        return None;
    }
    let change = |(segment, old): (&Option<String>, &(f64, f64))| {
        let new = after.get(segment).copied().unwrap_or((0.0, 0.0));
        let rate = |sum: (f64, f64)| sum.1 / sum.0;
        // A segment that is gone kept its rate, as far as anyone knows.
        let rates = (rate(*old), if new.0 > 0.0 { rate(new) } else { rate(*old) });
        SegmentChange { share: (old.0 / n, new.0 / m), rate: rates }
    };
    decompose(&before.iter().map(change).collect::<Vec<_>>()).ok()
}
