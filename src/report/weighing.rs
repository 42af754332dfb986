//! Means and shares of scores that were drawn with unequal probabilities, as the report shows them.

use std::collections::HashMap;

use crate::statistics::distribution::two_sided_z;
use crate::statistics::survey::{Design, MIN_EFFECTIVE, effective_size, hajek_mean, weighted_share};
use crate::statistics::{CONFIDENCE, Estimate, Interval, Reason, wilson};

/// Observations with their probabilities, and which of them belong together.
#[derive(Debug, Clone, Default)]
pub(super) struct Observations {
    pub(super) y: Vec<f64>,
    pub(super) probability: Vec<f64>,
    clusters: Vec<usize>,
    known: HashMap<String, usize>,
    shared: bool,
}

impl Observations {
    /// Adds one. `cluster` names what makes it depend on others: its conversation.
    pub(super) fn push(&mut self, y: f64, probability: f64, cluster: Option<&str>) {
        let next = self.clusters.len();
        let unit = match cluster {
            None => next,
            Some(name) => {
                let unit = *self.known.entry(name.to_owned()).or_insert(next);
                self.shared |= unit != next;
                unit
            }
        };
        self.clusters.push(unit);
        self.y.push(y);
        self.probability.push(probability);
    }

    /// Kish's effective size.
    pub(super) fn effective(&self) -> f64 {
        effective_size(self.probability.iter().map(|p| 1.0 / p))
    }

    fn with_design<T>(&self, use_design: impl FnOnce(Design<'_>) -> T) -> T {
        if self.shared {
            let strata = vec![0; self.clusters.len()];
            use_design(Design::Strata { strata: &strata, units: &self.clusters })
        } else {
            use_design(Design::Independent)
        }
    }

    /// The weighted mean of values in [0, 1].
    pub(super) fn mean(&self) -> Estimate {
        self.with_design(|design| weighted_share(&self.y, &self.probability, design))
    }

    /// The weighted share of ones: Wilson's interval at the effective size, the between-conversation one where
    /// conversations hold several items.
    pub(super) fn share(&self) -> Estimate {
        if self.shared {
            return self.mean();
        }
        let mean = hajek_mean(&self.y, &self.probability, Design::Independent);
        let interval = mean.and_then(|mean| {
            let effective = self.effective();
            wilson(mean.value.clamp(0.0, 1.0) * effective, effective, CONFIDENCE)
        });
        Estimate::new(mean.map(|mean| mean.value.clamp(0.0, 1.0)), interval)
    }

    /// The mean with its standard error, where there are enough for one.
    fn moments(&self) -> Result<(f64, f64), Reason> {
        let mean = self.with_design(|design| hajek_mean(&self.y, &self.probability, design))?;
        if self.effective() < MIN_EFFECTIVE {
            return Err(Reason::FewEffective);
        }
        Ok((mean.value, mean.standard_error))
    }

    /// The difference `self - before` of two independent means.
    pub(super) fn difference(&self, before: &Self) -> Estimate {
        match (self.moments(), before.moments()) {
            (Ok((mean, error)), Ok((old_mean, old_error))) => {
                let spread = two_sided_z(CONFIDENCE) * error.hypot(old_error);
                let interval =
                    if spread > 0.0 { Ok(Interval::around(mean - old_mean, spread)) } else { Err(Reason::NoVariance) };
                Estimate::new(Ok(mean - old_mean), interval)
            }
            (Err(reason), _) | (_, Err(reason)) => reason.into(),
        }
    }
}

/// The quantile `q` of numbers in any order, with the interval between the order statistics that enclose it with 95 %.
pub(super) fn quantile(mut numbers: Vec<f64>, q: f64) -> Estimate {
    if numbers.is_empty() {
        return Reason::NoPairs.into();
    }
    numbers.sort_by(f64::total_cmp);
    let n = numbers.len() as f64;
    let at = |rank: f64| numbers.get((rank as usize).clamp(1, numbers.len()) - 1).copied();
    let value = at((n * q).ceil());
    let spread = two_sided_z(CONFIDENCE) * (n * q * (1.0 - q)).sqrt();
    let (low, high) = ((n * q - spread).floor(), (n * q + spread).ceil() + 1.0);
    let interval = match (at(low), at(high)) {
        // Beyond the sample there is no order statistic to bound the quantile.
        (Some(low_value), Some(high_value)) if low >= 1.0 && high <= n => {
            Ok(Interval { low: low_value, high: high_value })
        }
        _ => Err(Reason::TooFew),
    };
    Estimate::new(value.ok_or(Reason::NoPairs), interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_is_all_ones_keeps_an_interval() {
        let mut observations = Observations::default();
        for _ in 0..40 {
            observations.push(1.0, 0.15, None);
        }
        let share = observations.share();
        assert_eq!(share.value(), Some(1.0));
        assert!(share.interval().is_some_and(|interval| interval.low > 0.9 && interval.high == 1.0));
    }

    #[test]
    fn items_of_one_conversation_count_less_than_independent_ones() {
        let (mut apart, mut together) = (Observations::default(), Observations::default());
        for item in 0..120 {
            let y = f64::from(u8::from(item / 4 % 3 == 0));
            apart.push(y, 0.2, None);
            together.push(y, 0.2, Some(&format!("conversation {}", item / 4)));
        }
        let width = |estimate: Estimate| estimate.interval().map(|interval| interval.high - interval.low).unwrap();
        assert!(width(together.share()) > 1.5 * width(apart.share()));
    }

    #[test]
    fn a_tail_quantile_of_few_numbers_has_no_upper_limit_to_show() {
        let few = quantile((1..=20).map(f64::from).collect(), 0.95);
        assert_eq!(few.value(), Some(19.0));
        assert_eq!(few.reason(), Some(Reason::TooFew));
        let many = quantile((1..=1000).map(f64::from).collect(), 0.5);
        let interval = many.interval().unwrap();
        assert!((interval.low..=interval.high).contains(&500.0));
    }
}
