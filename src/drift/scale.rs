//! The scale of a history: what it means that two verdicts are close.

use crate::agreement::{Kind, Place};

/// A scale on which every verdict of a history has its place.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftScale {
    pub kind: Kind,
    /// How many levels there are; of no meaning on a numeric scale.
    pub levels: usize,
    /// The ends of the numbers.
    pub low: f64,
    pub high: f64,
    /// In the form that `--scale` accepts.
    pub name: String,
    /// Whether nobody declared it.
    pub inferred: bool,
}

impl DriftScale {
    /// Difference of the extreme numbers of the scale; 1 when it has none.
    pub(super) fn range(&self) -> f64 {
        let range = self.high - self.low;
        if range > 0.0 { range } else { 1.0 }
    }

    /// Where a place lies between the ends of the scale, in [0, 1].
    pub(super) fn share(&self, place: Place) -> f64 {
        ((place.number - self.low) / self.range()).clamp(0.0, 1.0)
    }

    /// Agreement of human and judge in [0, 1]: equality of categories, as in raw agreement; closeness of numbers.
    pub(super) fn agreement(&self, human: Place, judge: Place) -> f64 {
        match self.kind {
            Kind::Numeric => self.closeness(human, judge),
            Kind::Nominal | Kind::Binary | Kind::Ordinal => f64::from(u8::from(human.category == judge.category)),
        }
    }

    /// Closeness of two places in [0, 1]: equality of categories, linear where they are ordered, so that the wobble of
    /// one level between two replays is not a change of mind.
    pub(super) fn closeness(&self, a: Place, b: Place) -> f64 {
        match self.kind {
            Kind::Nominal | Kind::Binary => f64::from(u8::from(a.category == b.category)),
            Kind::Ordinal | Kind::Numeric => 1.0 - ((a.number - b.number).abs() / self.range()).min(1.0),
        }
    }
}
