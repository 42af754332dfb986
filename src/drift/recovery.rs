//! Is what fell back? The mirror image of the detector that saw the fall.
//!
//! The return is a change like the fall, at a time that nobody knows, so that it takes a detector of changes and not an
//! interval over all labels since the fall, which the bad ones would hold down for long. The detector bets that the mean
//! has risen above a level: halfway between what was usual and what it fell to, and at most twice the tolerance below the
//! usual. While it stays at or below that level, on average at least the promised run length passes before it is wrongly
//! called back (Shin, Ramdas, Rinaldo 2024). What is above that level and by the estimate still short of the usual by the
//! tolerance or more is not back.

use crate::statistics::Estimate;
use crate::statistics::e_detector::Detector;

use super::weights::Observation;

/// What fell is back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Back {
    /// Index of the entry at which it had likely fallen.
    pub(super) fell: usize,
    /// Index of the entry at which it likely came back.
    pub(super) since: usize,
    /// Index of the entry that showed it.
    pub(super) detected: usize,
    /// Labels from the one to the other, both included.
    pub(super) labels: usize,
    /// What remains of the fall.
    pub(super) effect: Estimate,
    pub(super) statistic: f64,
    pub(super) threshold: f64,
    /// The level above which it is shown to be.
    pub(super) level: f64,
    /// Whether it was not shown of this part but of the whole, which had fallen with it.
    pub(super) of_whole: bool,
}

/// When something fell, and when it was seen to be back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) since: usize,
    pub(super) until: Option<usize>,
}

impl Period {
    pub(super) fn overlaps(self, other: Self) -> bool {
        let before_end = |from: usize, until: Option<usize>| until.is_none_or(|until| from <= until);
        before_end(self.since, other.until) && before_end(other.since, self.until)
    }
}

/// Watches for the return of a mean.
pub(super) struct Recovery {
    fell: usize,
    usual: f64,
    tolerance: f64,
    level: f64,
    detector: Detector,
    seen: Vec<Observation>,
    /// Weight and weighted sum before each of `seen`, so that asking after each costs no more the longer it takes.
    before: Vec<(f64, f64)>,
    total: (f64, f64),
}

impl Recovery {
    /// From `fallen`, where it is since the entry `fell`, to `usual`; none where nothing lies between them.
    pub(super) fn new(fell: usize, usual: f64, fallen: f64, tolerance: f64) -> Option<Self> {
        let level = f64::midpoint(usual, fallen).max(usual - 2.0 * tolerance);
        let detector = Detector::new(1.0 - level).ok()?;
        let (seen, before, total) = (Vec::new(), Vec::new(), (0.0, 0.0));
        Some(Self { fell, usual, tolerance, level, detector, seen, before, total })
    }

    /// Whether what remains of the fall lies above the level that a return must exceed.
    pub(super) fn is_above_level(&self, remains: Estimate) -> bool {
        remains.value().is_some_and(|remains| remains > self.level - self.usual)
    }

    /// Takes the next observation. `effect` says of what was observed since the likely return how far it is from the usual.
    pub(super) fn observe(
        &mut self,
        label: Observation,
        threshold: f64,
        effect: impl FnOnce(&[Observation]) -> Estimate,
    ) -> Option<Back> {
        self.seen.push(label);
        self.before.push(self.total);
        self.total = (self.total.0 + label.weight, self.total.1 + label.weight * label.closeness);
        let statistic = self.detector.observe_weighted(1.0 - label.closeness, label.stake);
        let since = self.detector.since() as usize;
        let (weight, sum) = self.before.get(since)?;
        let mean = (self.total.1 - sum) / (self.total.0 - weight);
        if statistic < threshold || mean <= self.usual - self.tolerance {
            return None;
        }
        let recent = self.seen.get(since..)?;
        Some(Back {
            fell: self.fell,
            since: recent.first()?.index,
            detected: recent.last()?.index,
            labels: recent.iter().map(|one| one.labels).sum(),
            effect: effect(recent),
            statistic,
            threshold,
            level: self.level,
            of_whole: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_touch_or_do_not() {
        let (first, second) = (Period { since: 3, until: Some(9) }, Period { since: 10, until: None });
        assert!(!first.overlaps(second) && !second.overlaps(first));
        assert!(
            first.overlaps(Period { since: 0, until: None }) && Period { since: 0, until: Some(3) }.overlaps(first)
        );
    }
}
