//! By how much the share of good answers of two sides differs: what the judge says, freed of its errors and of the mix.
//!
//! A judge with the true positive rate TPR and the true negative rate TNR passes the share `p = q TPR + (1 - q)(1 - TNR)` of
//! answers of which the share `q` is good (Rogan and Gladen 1978). Where both sides are judged with the same error rates,
//! `q₁ - q₀ = (p₁ - p₀) / (TPR + TNR - 1)`.

use super::distribution::{two_sided_t, two_sided_z};
use super::judge_errors::ErrorRates;
use super::{Interval, always_valid};

/// What the judge says of one side of one group of answers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Judged {
    /// The share that it passes.
    pub rate: f64,
    /// Of that share.
    pub variance: f64,
    /// How many answers they stand for.
    pub weight: f64,
    /// As many equally weighted independent answers would say as much.
    pub effective: f64,
}

/// A group of answers, such as a segment value, on both sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    pub old: Judged,
    pub new: Judged,
}

/// A number and the variance of its estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    pub value: f64,
    pub variance: f64,
}

impl Moment {
    pub fn standard_error(self) -> f64 {
        self.variance.max(0.0).sqrt()
    }

    fn plus(self, other: Self) -> Self {
        Self { value: self.value + other.value, variance: self.variance + other.variance }
    }
}

/// `new - old` of what the judge passes.
pub fn judged_difference(Group { old, new }: &Group) -> Moment {
    Moment { value: new.rate - old.rate, variance: new.variance + old.variance }
}

/// What is left of the difference when both sides have the average mix of the groups: Kitagawa's (1955) part within groups,
/// `Σ (w₀ + w₁)/2 (p₁ - p₀)`, `w` the share of a group among the groups on its side. The variance holds that of the
/// shares.
pub fn within_groups(groups: &[Group]) -> Option<Moment> {
    let total = |of: fn(&Group) -> &Judged| groups.iter().map(|group| of(group).weight).sum::<f64>();
    let effective = |of: fn(&Group) -> &Judged| groups.iter().map(|group| of(group).effective).sum::<f64>();
    let (old, new) = (total(|group| &group.old), total(|group| &group.new));
    if !(old > 0.0 && new > 0.0) {
        return None;
    }
    let mut within = Moment { value: 0.0, variance: 0.0 };
    // Of the differences, weighted by the shares of each side: their mean, and that of their squares.
    let mut spread = [(0.0, 0.0); 2];
    for group in groups {
        let shares = [group.old.weight / old, group.new.weight / new];
        let own = judged_difference(group);
        let weight = f64::midpoint(shares[0], shares[1]);
        within = within.plus(Moment { value: weight * own.value, variance: weight * weight * own.variance });
        for (sums, share) in spread.iter_mut().zip(shares) {
            *sums = (sums.0 + share * own.value, sums.1 + share * own.value * own.value);
        }
    }
    for ((mean, square), size) in spread.into_iter().zip([effective(|group| &group.old), effective(|group| &group.new)])
    {
        within.variance += (square - mean * mean).max(0.0) / size / 4.0;
    }
    Some(within)
}

/// A difference of shares of good answers: `d / J`, `d` the difference of what the judge passes and `J` Youden's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corrected {
    judged: Moment,
    youden: Moment,
    /// Of the quantile: the rarer kind of labels tells how far the variance of `J` is known.
    degrees_of_freedom: f64,
}

impl Corrected {
    /// None where the judge cannot be told from one that guesses.
    pub fn of(judged: Moment, errors: &ErrorRates) -> Option<Self> {
        const LEAST_YOUDEN: f64 = 0.1;
        let youden = Moment { value: errors.youden(), variance: errors.youden_variance() };
        let is_told = youden.value - two_sided_z(0.9) * youden.standard_error() > LEAST_YOUDEN;
        let degrees_of_freedom = (errors.tpr.clusters.min(errors.tnr.clusters) - 1.0).max(1.0);
        is_told.then_some(Self { judged, youden, degrees_of_freedom })
    }

    pub fn value(&self) -> f64 {
        self.judged.value / self.youden.value
    }

    /// At a true difference of `difference`: that of `d - difference J`, over `J` (Fieller 1954).
    fn standard_error_at(&self, difference: f64) -> f64 {
        (self.judged.variance + difference * difference * self.youden.variance).max(0.0).sqrt() / self.youden.value
    }

    pub fn standard_error(&self) -> f64 {
        self.standard_error_at(self.value())
    }

    /// By how many standard errors what the judge passes differs.
    pub fn judged_z(&self) -> f64 {
        self.judged.value / self.judged.standard_error()
    }

    /// The interval of one look: every difference that the data do not speak against. Whether 0 is among them does not depend on
    /// how well `J` is known.
    pub fn interval(&self, confidence: f64) -> Interval {
        let (z, t) = (two_sided_z(confidence), two_sided_t(confidence, self.degrees_of_freedom));
        self.limits(|difference| {
            let of_youden = difference * difference * self.youden.variance;
            let share = of_youden / (of_youden + self.judged.variance);
            (z + (t - z) * share) * self.standard_error_at(difference)
        })
    }

    /// The interval that holds at every look at once.
    pub fn always_valid(&self, confidence: f64) -> Interval {
        self.limits(|difference| always_valid::half_width(self.standard_error_at(difference), confidence))
    }

    /// The differences between -1 and 1 that lie no farther from the estimate than `reach` of each allows.
    fn limits(&self, reach: impl Fn(f64) -> f64) -> Interval {
        let value = self.value();
        let limit = |end: f64| {
            if (end - value).abs() <= reach(end) {
                return end;
            }
            let (mut inside, mut outside) = (value, end);
            for _ in 0..60 {
                let middle = f64::midpoint(inside, outside);
                *(if (middle - value).abs() <= reach(middle) { &mut inside } else { &mut outside }) = middle;
            }
            outside
        };
        let (low, high) = (limit(-1.0), limit(1.0));
        Interval { low: low.min(high), high: high.max(low) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::judge_errors::{ErrorCluster, Rate};
    use crate::statistics::mix_decomposition::{SegmentChange, decompose};

    fn errors(tpr: f64, tnr: f64, labels: f64) -> ErrorRates {
        let rate = |value: f64| Rate { value, variance: value * (1.0 - value) / labels, clusters: labels };
        ErrorRates { tpr: rate(tpr), tnr: rate(tnr), covariance: 0.0 }
    }

    #[test]
    fn a_difference_of_the_judge_is_stretched_by_what_it_misses() {
        let judged = Moment { value: -0.07, variance: 1e-4 };
        let corrected = Corrected::of(judged, &errors(0.9, 0.8, 1e9)).unwrap();
        assert!((corrected.value() + 0.1).abs() < 1e-9);
        let interval = corrected.interval(0.95);
        assert!((interval.low + 0.1 + 1.96 * 0.01 / 0.7).abs() < 1e-4, "{interval:?}");
    }

    #[test]
    fn how_well_the_judge_is_known_does_not_decide_whether_there_is_a_difference() {
        for value in [-0.03, -0.018, 0.0, 0.018, 0.03] {
            let judged = Moment { value, variance: 1e-4 };
            let with = |labels| Corrected::of(judged, &errors(0.9, 0.8, labels)).unwrap();
            for (many, few) in [
                (with(1e9).interval(0.95), with(60.0).interval(0.95)),
                (with(1e9).always_valid(0.95), with(60.0).always_valid(0.95)),
            ] {
                let holds = |interval: Interval| interval.low <= 0.0 && interval.high >= 0.0;
                assert_eq!(holds(many), holds(few), "{value}: {many:?} {few:?}");
                assert!(few.high - few.low >= many.high - many.low - 1e-12);
            }
        }
    }

    #[test]
    fn a_judge_that_may_be_guessing_corrects_nothing() {
        let judged = Moment { value: 0.1, variance: 1e-4 };
        assert_eq!(Corrected::of(judged, &errors(0.55, 0.5, 100.0)), None);
        assert_eq!(Corrected::of(judged, &errors(0.8, 0.5, 10.0)), None, "too few labels to tell");
    }

    #[test]
    fn what_is_left_without_the_mix_is_kitagawas_part() {
        let judged =
            |rate: f64, weight: f64| Judged { rate, variance: rate * (1.0 - rate) / weight, weight, effective: weight };
        let groups = [
            Group { old: judged(0.9, 800.0), new: judged(0.85, 500.0) },
            Group { old: judged(0.6, 200.0), new: judged(0.62, 500.0) },
        ];
        let of = |group: &Group| SegmentChange {
            share: (group.old.weight / 1_000.0, group.new.weight / 1_000.0),
            rate: (group.old.rate, group.new.rate),
        };
        let parts = decompose(&groups.iter().map(of).collect::<Vec<_>>()).unwrap();
        let within = within_groups(&groups).unwrap();
        assert!((within.value - parts.within).abs() < 1e-12, "{within:?} {parts:?}");
        assert!(within.variance > 0.0);
        assert_eq!(within_groups(&[]), None);
    }

    #[test]
    fn rates_come_from_the_labels_that_there_are() {
        let clusters = [ErrorCluster { good: 1.0, good_passed: 1.0, ..ErrorCluster::default() }; 50];
        assert!(ErrorRates::of(&clusters).is_none(), "nobody knows what the judge makes of bad answers");
    }
}
