//! Since when, and by how much: what is said of a fall beside that it was seen.
//!
//! The labels that raise an alarm are the unlucky ones: a size estimated from them overstates the fall. So the size comes from
//! the labels after it, and until there are enough of them it is said to be provisional. The date is a set that holds
//! the change with a stated probability; as long as it rests on the unlucky labels alone it is asked for more certainty.

use super::baseline::Baseline;
use super::stream::Fall;
use super::weights::Observation;
use crate::statistics::change_point::{ChangePoint, Counted, change_point, plausibility};
use crate::statistics::{CONFIDENCE, Estimate, Reason};

/// Observations after an alarm that the size of a fall is told from.
pub(super) const SETTLED: usize = 30;
/// Observations after an alarm from which on a set of dates needs no margin.
const DATED: usize = 50;
/// What is asked of a set of dates before so many of them have come.
const CONFIDENCE_BEFORE: (f64, f64) = (0.99, 0.97);

impl Fall {
    /// The observations after the alarm, until it was likely back.
    pub(super) fn after(&self) -> &[Observation] {
        let start = self.seen.partition_point(|one| one.index <= self.alarm.detected);
        let end = self.back.map_or(self.seen.len(), |back| self.seen.partition_point(|one| one.index < back.since));
        &self.seen[start..end.max(start)]
    }

    /// By how much, and whether that is provisional.
    pub(super) fn size(&self) -> (Estimate, bool) {
        let after = self.after();
        if after.len() >= SETTLED {
            return (self.baseline.effect(after), false);
        }
        let value = self.alarm.effect.value();
        (value.map_or(self.alarm.effect, |value| Estimate::Bare(value, Reason::Provisional)), true)
    }

    /// The entries at one of which it likely fell.
    pub(super) fn dates(&self) -> Option<Dates> {
        let confidence = match self.after().len() {
            0..SETTLED => CONFIDENCE_BEFORE.0,
            SETTLED..DATED => CONFIDENCE_BEFORE.1,
            _ => CONFIDENCE,
        };
        Dates::of(self, confidence)
    }
}

/// Entries at which a fall may have begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dates {
    /// What came before the first of them: the fall began behind it.
    pub(super) behind: Option<usize>,
    pub(super) first: usize,
    pub(super) likeliest: usize,
    pub(super) last: usize,
}

impl Fall {
    /// The observations up to the return, and how many of them came until the alarm.
    fn fallen(&self) -> (&[Observation], usize) {
        let until = self.seen.partition_point(|one| one.index <= self.alarm.detected);
        (&self.seen[..until + self.after().len()], until)
    }

    /// How likely it is that it began with the observation that follows an entry, as a fraction of the likeliest date.
    pub(super) fn plausibility(&self) -> impl Fn(usize) -> f64 {
        let (fallen, until) = self.fallen();
        let of_places = plausibility(counted_baseline(&self.baseline), &counted(fallen), until);
        let indices: Vec<usize> = fallen[..until].iter().map(|one| one.index).collect();
        move |entry| of_places.get(indices.partition_point(|index| *index < entry)).copied().unwrap_or(0.0)
    }
}

impl Dates {
    pub(super) fn of(fall: &Fall, confidence: f64) -> Option<Self> {
        let (fallen, until) = fall.fallen();
        let ChangePoint { first, likeliest, last } =
            change_point(counted_baseline(&fall.baseline), &counted(fallen), until, confidence)?;
        let index = |place: usize| fallen[place].index;
        let behind = first.checked_sub(1).map(index);
        Some(Self { behind, first: index(first), likeliest: index(likeliest), last: index(last) })
    }
}

fn counted_baseline(baseline: &Baseline) -> Counted {
    Counted { successes: baseline.mean * baseline.size, failures: (1.0 - baseline.mean) * baseline.size }
}

/// Observations as counts: together as many as they are worth where they count differently (Kish).
fn counted(observations: &[Observation]) -> Vec<Counted> {
    let (sum, squares) =
        observations.iter().fold((0.0, 0.0), |(sum, squares), one| (sum + one.stake, squares + one.stake * one.stake));
    let worth = if squares > 0.0 { sum / squares } else { 1.0 };
    let counted = |one: &Observation| {
        let counts = one.stake * worth;
        Counted { successes: counts * one.closeness, failures: counts * (1.0 - one.closeness) }
    };
    observations.iter().map(counted).collect()
}
