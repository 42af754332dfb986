//! Means and shares with their intervals, as they follow from sums.
//!
//! Hájek's mean is `Σ w y / Σ w` over scores. Its variance between conversations is `n/(n-1) Σ (A - mean W)² / (Σ W)²`, which
//! multiplies out to the sums of squares that a cell keeps. Where no conversation has two scores, this is the variance of
//! independent draws.
//!
//! A conversation counts in the hour of its first score: over part of the time, the scores and the conversations are not those
//! of each other. The mean is that of the scores; its variance is taken from the conversations that began, and not less than
//! if their scores were as few as those at hand.

use super::fixed::{number, number_squared};
use super::sums::{LevelSums, Sums};
use crate::statistics::distribution::two_sided_z;
use crate::statistics::quality_difference::Judged;
use crate::statistics::survey::{MIN_EFFECTIVE, Weighted};
use crate::statistics::{CONFIDENCE, Estimate, Interval, Reason, wilson};

/// Below this part of what it is the difference of, a variance is rounding.
const ROUNDING: f64 = 1e-9;

/// Sums of one quantity Y beside the weights.
struct Quantity {
    /// Over scores.
    rows: i128,
    /// Over conversations.
    y: i128,
    /// Of Y², at most.
    yy: f64,
    yw: i128,
}

impl Sums {
    /// As many equally weighted scores would say as much: Kish's effective size.
    pub fn effective(&self) -> f64 {
        if self.rows_ww > 0 { number(self.rows_w).powi(2) / number_squared(self.rows_ww) } else { 0.0 }
    }

    /// The weighted mean of values in [0, 1].
    pub fn mean(&self) -> Estimate {
        if self.valued < self.weighted || self.valued == 0 {
            return Reason::NoPairs.into();
        }
        self.weighted_mean(&self.value())
    }

    /// The weighted share that passes; none on a scale without a threshold.
    pub fn pass_rate(&self) -> Estimate {
        if self.sided < self.weighted || self.sided == 0 {
            return Reason::NoPairs.into();
        }
        self.share(&Quantity { rows: self.rows_p, y: self.p, yy: number_squared(self.pp), yw: self.pw })
    }

    /// The weighted share that passes, with the variance between conversations: not less than that of as many independent
    /// scores, one of each kind added. None on a scale without a threshold, and without a weight.
    pub fn passing(&self) -> Option<Judged> {
        if self.sided < self.weighted || self.rows_w <= 0 {
            return None;
        }
        let of = Quantity { rows: self.rows_p, y: self.p, yy: number_squared(self.pp), yw: self.pw };
        let (rate, effective) = (self.mean_of(&of).ok()?.clamp(0.0, 1.0), self.effective());
        let moved = (rate * effective + 1.0) / (effective + 2.0);
        let least = moved * (1.0 - moved) / (effective + 2.0);
        let between = self.ratio(&of).map_or(0.0, |own| own.standard_error * own.standard_error);
        Some(Judged { rate, variance: between.max(least), weight: number(self.rows_w), effective })
    }

    /// How many scores lie on the levels that `of` names.
    pub fn level_count(&self, of: impl Fn(&str) -> bool) -> u64 {
        let own = self.levels.iter().filter(|(level, _)| of(level));
        own.map(|(_, sums)| sums.scores).sum::<i128>().max(0) as u64
    }

    /// The weighted share of the levels that `of` names.
    pub fn level_share(&self, of: impl Fn(&str) -> bool) -> Estimate {
        let own: Vec<_> = self.levels.iter().filter(|(level, _)| of(level)).map(|(_, sums)| sums).collect();
        let squares = own.iter().map(|sums| number_squared(sums.ll));
        // How often two levels meet in a conversation is not kept: at most so that they always do.
        let yy = if self.is_shared() { squares.map(f64::sqrt).sum::<f64>().powi(2) } else { squares.sum() };
        let sum = |of: fn(&LevelSums) -> i128| own.iter().map(|sums| of(sums)).sum();
        self.share(&Quantity { rows: sum(|one| one.rows), y: sum(|one| one.l), yy, yw: sum(|one| one.lw) })
    }

    /// The difference `self - before` of the means of two independent sets of conversations.
    pub fn difference(&self, before: &Self) -> Estimate {
        let moments = |sums: &Self| {
            let mean = sums.ratio(&sums.value())?;
            if sums.effective() < MIN_EFFECTIVE { Err(Reason::FewEffective) } else { Ok(mean) }
        };
        match (moments(self), moments(before)) {
            (Ok(now), Ok(old)) => {
                let spread = two_sided_z(CONFIDENCE) * now.standard_error.hypot(old.standard_error);
                let difference = now.value - old.value;
                let interval =
                    if spread > 0.0 { Ok(Interval::around(difference, spread)) } else { Err(Reason::NoVariance) };
                Estimate::new(Ok(difference), interval)
            }
            (Err(reason), _) | (_, Err(reason)) => reason.into(),
        }
    }

    /// The sums of weight times value and of weights, over scores.
    pub fn rows(&self) -> (f64, f64) {
        (number(self.rows_a), number(self.rows_w))
    }

    /// Conversations, and of them `Σ A`, `Σ W`, `Σ A²`, `Σ A W` and `Σ W²`.
    pub fn conversations(&self) -> (f64, [f64; 5]) {
        let squares = [self.aa, self.aw, self.ww].map(number_squared);
        (self.clusters as f64, [number(self.a), number(self.w), squares[0], squares[1], squares[2]])
    }

    fn value(&self) -> Quantity {
        Quantity { rows: self.rows_a, y: self.a, yy: number_squared(self.aa), yw: self.aw }
    }

    /// Whether a conversation has two scores.
    fn is_shared(&self) -> bool {
        self.clusters < self.weighted
    }

    /// The mean of scores.
    fn mean_of(&self, of: &Quantity) -> Result<f64, Reason> {
        if self.rows_w > 0 { Ok(number(of.rows) / number(self.rows_w)) } else { Err(Reason::NoPairs) }
    }

    fn ratio(&self, of: &Quantity) -> Result<Weighted, Reason> {
        let value = self.mean_of(of)?;
        if self.w <= 0 {
            // Every conversation of these scores began elsewhere.
            return Err(Reason::FewEffective);
        }
        let total = number(self.w);
        let mean = number(of.y) / total;
        let (yw, ww) = (number_squared(of.yw), number_squared(self.ww));
        let rest = mean.mul_add(mean * ww, (-2.0 * mean).mul_add(yw, of.yy));
        let rest = if rest <= ROUNDING * (of.yy + mean * mean * ww) { 0.0 } else { rest };
        let n = self.clusters as f64;
        let begun_per_row = (total / number(self.rows_w)).max(1.0);
        let variance = n / (n - 1.0).max(1.0) * rest / (total * total) * begun_per_row;
        Ok(Weighted { value, standard_error: variance.sqrt(), degrees_of_freedom: n - 1.0 })
    }

    fn weighted_mean(&self, of: &Quantity) -> Estimate {
        let value = self.mean_of(of).map(|mean| mean.clamp(0.0, 1.0));
        let interval = self.ratio(of).and_then(|weighted| {
            if self.effective() < MIN_EFFECTIVE {
                Err(Reason::FewEffective)
            } else if weighted.standard_error <= 0.0 {
                Err(Reason::NoVariance)
            } else {
                weighted.interval(CONFIDENCE).map(|interval| interval.clamped(0.0, 1.0))
            }
        });
        Estimate::new(value, interval)
    }

    /// Wilson's interval at the effective size; the one between conversations where they hold several scores.
    fn share(&self, of: &Quantity) -> Estimate {
        if self.is_shared() {
            return self.weighted_mean(of);
        }
        let mean = self.mean_of(of).map(|mean| mean.clamp(0.0, 1.0));
        let effective = self.effective();
        Estimate::new(mean, mean.and_then(|mean| wilson(mean * effective, effective, CONFIDENCE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::{ConversationSums, Fixed, FoldedScore, Weight};
    use crate::model::Probability;
    use crate::statistics::survey::{Design, hajek_mean};

    /// `size` scores a conversation, of which every third conversation fails.
    fn sums(conversations: usize, size: usize) -> (Sums, Vec<f64>, Vec<f64>, Vec<usize>) {
        let mut all = Sums::default();
        let (mut y, mut p, mut unit) = (Vec::new(), Vec::new(), Vec::new());
        for conversation in 0..conversations {
            let mut own = ConversationSums::default();
            for turn in 0..size {
                let value = if conversation % 3 == 0 { 0.0 } else { 0.5 + 0.5 * (turn % 2) as f64 };
                let probability = if turn == 0 { 0.5 } else { 0.2 };
                let score = FoldedScore {
                    level: format!("{value}"),
                    value: Some(Fixed::of(value)),
                    passes: Some(value > 0.7),
                    weight: Weight::of(Probability::try_from(probability).unwrap()),
                };
                own.add(&score, 1);
                all.add_score(&score, 1);
                y.push(value);
                p.push(probability);
                unit.push(conversation);
            }
            all.add_conversation(&own, 1);
        }
        (all, y, p, unit)
    }

    #[test]
    fn sums_give_the_mean_and_the_error_between_conversations_that_the_rows_give() {
        for size in [1, 5] {
            let (sums, y, p, units) = sums(60, size);
            let strata = vec![0; y.len()];
            let rows = hajek_mean(&y, &p, Design::Strata { strata: &strata, units: &units }).unwrap();
            let own = sums.ratio(&sums.value()).unwrap();
            assert!((own.value - rows.value).abs() < 1e-9, "{own:?} {rows:?}");
            assert!((own.standard_error - rows.standard_error).abs() < 1e-9, "{own:?} {rows:?}");
            assert!((own.degrees_of_freedom - rows.degrees_of_freedom).abs() < 1e-9);
        }
    }

    #[test]
    fn scores_that_are_all_the_same_have_no_variance_rather_than_a_tiny_one() {
        let mut all = Sums::default();
        for _ in 0..1_000 {
            let score = FoldedScore {
                level: "3".into(),
                value: Some(Fixed::of(1.0 / 3.0)),
                passes: None,
                weight: Weight::of(Probability::try_from(0.15).unwrap()),
            };
            let mut own = ConversationSums::default();
            own.add(&score, 1);
            all.add_score(&score, 1);
            all.add_conversation(&own, 1);
        }
        assert_eq!(all.mean().reason(), Some(Reason::NoVariance));
        assert_eq!(all.pass_rate().reason(), Some(Reason::NoPairs), "a scale without a threshold passes nothing");
    }

    #[test]
    fn scores_of_conversations_that_began_elsewhere_count_where_they_are() {
        let score = |value: f64| FoldedScore {
            level: format!("{value}"),
            value: Some(Fixed::of(value)),
            passes: Some(value > 0.5),
            weight: Weight::of(Probability::ONE),
        };
        let (mut first, mut second) = (Sums::default(), Sums::default());
        for conversation in 0..100 {
            // Good answers in the first hour, bad ones in the second.
            let (early, late) = (score(1.0), score(f64::from(u8::from(conversation % 10 == 0))));
            let mut own = ConversationSums::default();
            own.add(&early, 1);
            own.add(&late, 1);
            first.add_score(&early, 1);
            first.add_conversation(&own, 1);
            second.add_score(&late, 1);
        }
        assert_eq!((first.mean().value(), first.pass_rate().value()), (Some(1.0), Some(1.0)));
        assert_eq!((second.mean().value(), second.pass_rate().value()), (Some(0.1), Some(0.1)));
        assert_eq!(second.level_share(|level| level == "0").value(), Some(0.9));
        assert_eq!(second.mean().interval(), None, "no conversation tells how far they spread");
        let whole = {
            first.add(&second, 1);
            first
        };
        assert_eq!(whole.mean().value(), Some(0.55));
        assert!(whole.mean().interval().is_some());
    }

    #[test]
    fn a_few_heavy_scores_give_a_mean_and_no_interval() {
        let mut all = Sums::default();
        for number in 0..200 {
            let value = f64::from(u8::from(number % 3 > 0));
            let probability = if number < 10 { 0.001 } else { 1.0 };
            let score = FoldedScore {
                level: format!("{value}"),
                value: Some(Fixed::of(value)),
                passes: Some(value > 0.5),
                weight: Weight::of(Probability::try_from(probability).unwrap()),
            };
            let mut own = ConversationSums::default();
            own.add(&score, 1);
            all.add_score(&score, 1);
            all.add_conversation(&own, 1);
        }
        assert!(all.effective() < MIN_EFFECTIVE);
        assert!(all.mean().value().is_some());
        assert_eq!((all.mean().interval(), all.mean().reason()), (None, Some(Reason::FewEffective)));
        assert_eq!(all.difference(&all).reason(), Some(Reason::FewEffective));
    }

    #[test]
    fn the_share_of_a_level_is_that_of_its_weights() {
        let (sums, y, p, _) = sums(60, 1);
        let weights: f64 = p.iter().map(|p| 1.0 / p).sum();
        let zero: f64 = y.iter().zip(&p).filter(|(y, _)| **y == 0.0).map(|(_, p)| 1.0 / p).sum();
        let share = sums.level_share(|level| level == "0").value().unwrap();
        assert!((share - zero / weights).abs() < 1e-9);
        assert_eq!(sums.level_count(|level| level == "0"), 20);
    }
}
