//! A change of agreement that a cause would make, with its error.

use crate::drift::baseline::Baseline;
use crate::drift::weights::Observation;
use crate::statistics::distribution::two_sided_z;
use crate::statistics::{CONFIDENCE, Estimate, Interval};

/// How many standard errors below 0 show that something moved: one look in 400 by chance.
pub(super) const SHOWN: f64 = 2.81;
/// How many exclude that it moved by all of the fall: one look in 80 by chance, which its interval has to confirm.
pub(super) const EXCLUDED: f64 = 2.25;

/// A difference of two means and its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    pub(super) value: f64,
    pub(super) error: f64,
}

impl Change {
    /// The mean of paired differences in [-1, 1]: an observation of either sign is added, so that a few that are all 0 do not
    /// claim certainty (Agresti and Min 2005).
    pub(super) fn of_pairs(differences: impl Iterator<Item = f64>) -> Option<Self> {
        let (n, sum, squares) =
            differences.fold((0.0, 0.0, 0.0), |(n, sum, squares), one| (n + 1.0, sum + one, squares + one * one));
        let all = n + 2.0;
        let variance = (squares + 1.0 - sum * sum / all) / (all * all);
        (n > 0.0).then(|| Self { value: sum / n, error: variance.max(0.0).sqrt() })
    }

    /// What was observed after less what was before.
    pub(super) fn between(before: &[Observation], after: &[Observation]) -> Option<Self> {
        Some(Rate::of(after)?.minus(Rate::of(before)?))
    }

    /// The same of another change, which is independent of it.
    pub(super) fn minus(self, other: Self) -> Self {
        Self { value: self.value - other.value, error: self.error.hypot(other.error) }
    }

    /// Whether it is negative beyond chance.
    pub(super) fn is_shown(self, errors: f64) -> bool {
        self.value + errors * self.error < 0.0
    }

    /// Whether it is too small to be all of `fall`, and its interval lies above half of it.
    pub(super) fn excludes(self, fall: Self) -> bool {
        let least = self.value - two_sided_z(CONFIDENCE) * self.error;
        fall.minus(self).is_shown(EXCLUDED) && least > fall.value / 2.0
    }

    /// Whether it makes up at least half of `fall`.
    pub(super) fn explains(self, fall: Self) -> bool {
        self.value <= fall.value / 2.0
    }

    /// Whether it is smaller than half of another fall.
    pub(super) fn explains_less_than(self, fall: Self) -> bool {
        self.value > fall.value / 2.0
    }

    pub(super) fn estimate(self) -> Estimate {
        Estimate::new(Ok(self.value), Ok(Interval::around(self.value, two_sided_z(CONFIDENCE) * self.error)))
    }
}

/// A mean and the number of observations that it is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    mean: f64,
    size: f64,
}

impl Rate {
    pub(super) fn of(observations: &[Observation]) -> Option<Self> {
        let Baseline { mean, size, .. } = Baseline::of(observations, 0.0).ok()?;
        Some(Self { mean, size })
    }

    /// A mean of values in [0, 1], worth so many.
    pub(super) fn new(mean: f64, size: f64) -> Self {
        Self { mean, size }
    }

    pub(super) fn minus(self, other: Self) -> Change {
        Change { value: self.mean - other.mean, error: (self.variance() + other.variance()).sqrt() }
    }

    pub(super) fn mean(self) -> f64 {
        self.mean
    }

    /// The middle between two means.
    pub(super) fn middle(self, other: Self) -> f64 {
        f64::midpoint(self.mean, other.mean)
    }

    /// With one observation of either kind added.
    fn variance(self) -> f64 {
        let size = self.size + 2.0;
        let mean = (self.mean * self.size + 1.0) / size;
        mean * (1.0 - mean) / size
    }
}
