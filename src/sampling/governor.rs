//! How far rates are lowered so that a budget lasts until it renews. Pure.
//!
//! Without this a budget that ends at noon is spent on the morning, and the mean of a day is that of its morning. Lowered rates
//! keep every hour in it, each answer with its true probability.

use crate::model::{Amounts, Probability};

/// The lowest factor: what has no probability cannot be weighed.
const LOWEST: f64 = 0.001;

/// The share of a budget that is kept back: for what anchors, repeats and calls that are made twice take.
const RESERVE: f64 = 0.02;

/// What one evaluation takes on average.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Each {
    /// Billionths of a US dollar.
    pub nano_usd: f64,
    /// Read and written.
    pub tokens: f64,
    pub calls: f64,
}

impl Each {
    /// Of what so many evaluations took together.
    pub fn of(total: Amounts, evaluations: f64) -> Option<Self> {
        let share = |amount: i64| amount as f64 / evaluations;
        (evaluations > 0.0).then(|| Self {
            nano_usd: share(total.nano_usd),
            tokens: share(total.tokens),
            calls: share(total.calls),
        })
    }
}

/// What a rubric wants of a judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Evaluations an hour that would be planned if no rate were lowered.
    pub per_hour: f64,
    /// Planned, and not judged yet.
    pub pending: f64,
    /// What one takes.
    pub each: Each,
}

/// What is left of a budget, and for how long it has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Left {
    /// [`i64::MAX`] of what has no limit.
    pub amounts: Amounts,
    /// Until it renews.
    pub hours: f64,
}

/// The factor on the rates of all that share the budgets: the largest at most 1 with which none ends before it renews, if the
/// demand stays as it is.
pub fn factor(budgets: &[Left], demands: &[Demand]) -> Probability {
    let parts: [(fn(Amounts) -> i64, fn(Each) -> f64); 3] = [
        (|amounts| amounts.nano_usd, |each| each.nano_usd),
        (|amounts| amounts.tokens, |each| each.tokens),
        (|amounts| amounts.calls, |each| each.calls),
    ];
    let mut lowest = 1.0_f64;
    for budget in budgets {
        for (left, each) in parts {
            let left = left(budget.amounts);
            if left == i64::MAX {
                continue;
            }
            let sum = |of: fn(&Demand) -> f64| demands.iter().map(|one| of(one) * each(one.each)).sum::<f64>();
            let (backlog, wanted) = (sum(|one| one.pending), sum(|one| one.per_hour) * budget.hours);
            if wanted > 0.0 {
                lowest = lowest.min((left as f64 * (1.0 - RESERVE) - backlog) / wanted);
            }
        }
    }
    Probability::try_from(lowest.clamp(LOWEST, 1.0)).unwrap_or(Probability::ONE)
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::model::Limits;

    /// A day minute by minute: busy by day and quiet at night; answers get worse in the afternoon.
    struct Day {
        /// Value and probability of what was judged.
        judged: Vec<(f64, f64)>,
        /// The mean of all answers.
        truth: f64,
        /// When the budget ended, in minutes.
        ended: Option<usize>,
        calls: i64,
    }

    fn day(seed: u64, budget: u64, governed: bool) -> Day {
        const RATE: f64 = 0.5;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let limits = Limits::new(None, None, Some(budget));
        let mut day = Day { judged: Vec::new(), truth: 0.0, ended: None, calls: 0 };
        let (mut sum, mut number, mut now) = (0.0, 0.0, Probability::ONE);
        // What was planned in each minute, divided by its factor.
        let mut wanted: Vec<f64> = Vec::new();
        for minute in 0..1_440_usize {
            if governed && minute > 10 {
                let used = Amounts { calls: day.calls, ..Amounts::default() };
                let recent = &wanted[minute.saturating_sub(60)..];
                let per_hour = recent.iter().sum::<f64>() / recent.len() as f64 * 60.0;
                let demand = Demand { per_hour, pending: 0.0, each: Each { calls: 1.0, ..Each::default() } };
                let left = Left { amounts: limits.left(used), hours: (1_440 - minute) as f64 / 60.0 };
                now = factor(&[left], &[demand]);
            }
            let busy = 2.0 + 8.0 * (std::f64::consts::PI * minute as f64 / 1_440.0).sin().powi(2);
            let answers = busy.floor() as usize + usize::from(rng.random::<f64>() < busy.fract());
            let quality = if minute < 720 { 0.9 } else { 0.5 };
            let mut planned = 0.0;
            for _ in 0..answers {
                let value = f64::from(u8::from(rng.random::<f64>() < quality));
                (sum, number) = (sum + value, number + 1.0);
                let probability = RATE * now.get();
                if rng.random::<f64>() >= probability {
                    continue;
                }
                planned += 1.0 / now.get();
                if day.calls < budget as i64 {
                    day.calls += 1;
                    day.judged.push((value, probability));
                } else {
                    day.ended = day.ended.or(Some(minute));
                }
            }
            wanted.push(planned);
        }
        day.truth = sum / number;
        day
    }

    /// The mean weighted by the inverse of each probability.
    fn estimate(day: &Day) -> f64 {
        let (sum, weight) =
            day.judged.iter().fold((0.0, 0.0), |(sum, weight), (value, p)| (sum + value / p, weight + 1.0 / p));
        sum / weight
    }

    /// Scenario: a day's budget covers what comes until noon. Guarantee: with lowered rates nothing is left over for want of budget, nearly
    /// all of it is used, and the mean of the day is unbiased; without them it is that of the morning.
    #[test]
    fn a_budget_that_would_end_at_noon_lasts_and_the_day_is_estimated_without_bias() {
        const BUDGET: u64 = 2_100;
        let (mut errors, mut ends) = (Vec::new(), 0);
        for seed in 0..40 {
            let governed = day(seed, BUDGET, true);
            assert!(governed.ended.is_none_or(|minute| minute > 1_380), "{:?}", governed.ended);
            assert!(governed.calls as f64 > 0.9 * BUDGET as f64, "{}", governed.calls);
            errors.push(estimate(&governed) - governed.truth);
            let plain = day(seed, BUDGET, false);
            assert!(plain.ended.is_some_and(|minute| (600..840).contains(&minute)), "{:?}", plain.ended);
            ends += usize::from(estimate(&plain) - plain.truth > 0.1);
        }
        assert_eq!(ends, 40, "what nobody lowers is far off every day");
        let (number, mean) = (errors.len() as f64, errors.iter().sum::<f64>() / errors.len() as f64);
        let spread = (errors.iter().map(|error| (error - mean).powi(2)).sum::<f64>() / (number - 1.0)).sqrt();
        assert!(mean.abs() < 3.0 * spread / number.sqrt(), "bias {mean} of a spread of {spread}");
    }

    #[test]
    fn the_narrowest_of_all_limits_counts_and_what_waits_is_paid_for_first() {
        let each = Each { nano_usd: 1e6, tokens: 100.0, calls: 1.0 };
        let demand = |pending: f64| Demand { per_hour: 100.0, pending, each };
        let left = |usd, tokens, calls| Limits::new(usd, tokens, calls).left(Amounts::default());
        let of = |amounts, hours, pending| factor(&[Left { amounts, hours }], &[demand(pending)]).get();
        assert_eq!(of(left(None, None, None), 10.0, 1e9), 1.0, "no limit");
        assert_eq!(of(left(None, None, Some(1_100)), 10.0, 0.0), 1.0, "it lasts");
        assert!((of(left(None, None, Some(500)), 10.0, 0.0) - 0.49).abs() < 1e-9);
        assert!((of(left(None, None, Some(500)), 10.0, 90.0) - 0.40).abs() < 1e-9);
        assert!((of(left(Some(0.5), Some(25_000), Some(500)), 10.0, 0.0) - 0.245).abs() < 1e-9, "tokens");
        assert_eq!(of(left(None, None, Some(1)), 10.0, 90.0), LOWEST, "never 0: it could not be weighed");
        assert_eq!(factor(&[Left { amounts: left(None, None, Some(1)), hours: 5.0 }], &[]).get(), 1.0, "nobody asks");
    }
}
