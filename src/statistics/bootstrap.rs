//! The bootstrap: intervals for statistics whose formulas cannot be trusted at the sizes people have.
//!
//! A sample is a bag of independent units (items, or conversations when items of one are not independent). A unit adds
//! amounts to a vector of totals, and a statistic is a function of the totals: a table's cells, the cells of a
//! [`PairGrid`](super::PairGrid), a coincidence matrix. Equal units are kept once with their number; a resample of
//! 100,000 pairs on five levels is then 24 binomial draws instead of 100,000 index draws.
//!
//! Deterministic: generator by name (Xoshiro256++), one stream per block of resamples, whatever the number of threads.

use std::collections::HashMap;
use std::iter::repeat_n;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::bca::bca_interval;
use super::binomial::binomial;
use super::distribution::two_sided_t;
use super::{CONFIDENCE, Interval, Reason};

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Number of resamples; at least 2,000 for BCa limits.
    pub resamples: usize,
    /// Seed of the generator.
    pub seed: u64,
    /// Level of the intervals.
    pub confidence: f64,
    /// Threads to spread over; the result does not depend on it.
    pub threads: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { resamples: 2_000, seed: 20_240_229, confidence: CONFIDENCE, threads: 1 }
    }
}

/// What one unit adds: (index into the totals, amount).
pub type Contribution = Vec<(u32, f64)>;

/// A bag of units.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    dimensions: usize,
    kinds: Vec<(Contribution, u64)>,
    units: u64,
}

/// Above this many distinct units the jackknife leaves out groups of units instead of single ones.
const JACKKNIFE_KINDS: usize = 1_000;
/// How many groups then.
const JACKKNIFE_GROUPS: usize = 200;
/// Resamples that share one random stream; the grain of parallel work.
const BLOCK: usize = 50;
/// Share of undefined resamples above which no interval is given.
const MAX_UNDEFINED: f64 = 0.05;

impl Sample {
    /// The sample of these units over a vector of `dimensions` totals.
    pub fn new(dimensions: usize, units: impl IntoIterator<Item = Contribution>) -> Self {
        let mut index: HashMap<Vec<(u32, u64)>, usize> = HashMap::new();
        let mut sample = Self { dimensions, ..Self::default() };
        for unit in units {
            let key = unit.iter().map(|&(cell, amount)| (cell, amount.to_bits())).collect();
            let kind = *index.entry(key).or_insert(sample.kinds.len());
            sample.count(kind, || unit);
        }
        sample.in_order()
    }

    /// The sample of units that add to one total each: [`Sample::new`] without a list for every unit.
    pub fn of_single(dimensions: usize, units: impl IntoIterator<Item = (u32, f64)>) -> Self {
        let mut index: HashMap<(u32, u64), usize> = HashMap::new();
        let mut sample = Self { dimensions, ..Self::default() };
        for (cell, amount) in units {
            let kind = *index.entry((cell, amount.to_bits())).or_insert(sample.kinds.len());
            sample.count(kind, || vec![(cell, amount)]);
        }
        sample.in_order()
    }

    /// The kinds in an order of their own: the same units give the same resamples in whatever order they were read.
    fn in_order(mut self) -> Self {
        let key = |unit: &Contribution| unit.iter().map(|&(cell, amount)| (cell, amount.to_bits())).collect::<Vec<_>>();
        self.kinds.sort_by_cached_key(|(unit, _)| key(unit));
        self
    }

    /// Counts a unit of a kind, which is new when it follows the last one.
    fn count(&mut self, kind: usize, unit: impl FnOnce() -> Contribution) {
        if kind == self.kinds.len() {
            self.kinds.push((unit(), 0));
        }
        self.kinds[kind].1 += 1;
        self.units += 1;
    }

    /// The totals over all units.
    pub fn totals(&self) -> Vec<f64> {
        let mut totals = vec![0.0; self.dimensions];
        for (unit, number) in &self.kinds {
            add(&mut totals, unit, *number as f64);
        }
        totals
    }

    /// Totals of one resample, as many units as the sample has, with replacement.
    fn resample(&self, totals: &mut [f64], rng: &mut Xoshiro256PlusPlus) {
        totals.fill(0.0);
        if self.kinds.len() as u64 * 4 > self.units {
            return self.resample_by_index(totals, rng);
        }
        let (mut units_left, mut draws_left) = (self.units, self.units);
        for (unit, number) in &self.kinds {
            if draws_left == 0 {
                break;
            }
            let drawn = binomial(draws_left, *number as f64 / units_left as f64, rng);
            add(totals, unit, drawn as f64);
            units_left -= number;
            draws_left -= drawn;
        }
    }

    fn resample_by_index(&self, totals: &mut [f64], rng: &mut Xoshiro256PlusPlus) {
        let ends: Vec<u64> = self
            .kinds
            .iter()
            .scan(0, |end, kind| {
                *end += kind.1;
                Some(*end)
            })
            .collect();
        let all_single = self.kinds.len() as u64 == self.units;
        for _ in 0..self.units {
            let unit = rng.random_range(0..self.units);
            let kind = if all_single { unit as usize } else { ends.partition_point(|end| *end <= unit) };
            add(totals, &self.kinds[kind].0, 1.0);
        }
    }

    /// The number of distinct units.
    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// Leave-one-out values of every statistic with their multiplicities; groups of units when there are many kinds.
    fn jackknife<S: Statistics>(&self, plan: &Plan, statistics: &S) -> Vec<(Vec<f64>, u64)> {
        if self.kinds.len() > JACKKNIFE_KINDS {
            let groups = self.leave_out_groups(JACKKNIFE_GROUPS, plan, statistics);
            return groups.into_iter().map(|values| (values, 1)).collect();
        }
        let all = self.totals();
        self.kinds
            .iter()
            .map(|(unit, number)| (statistics.evaluate(&without(&all, std::iter::once(unit))), *number))
            .collect()
    }

    /// The statistics without each of `groups` groups of units. Groups are drawn at random: neighbours in a file are
    /// often alike.
    fn leave_out_groups<S: Statistics>(&self, groups: usize, plan: &Plan, statistics: &S) -> Vec<Vec<f64>> {
        let all = self.totals();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(plan.seed);
        let kinds = self.kinds.iter().enumerate();
        let mut units: Vec<usize> = kinds.flat_map(|(kind, (_, number))| repeat_n(kind, *number as usize)).collect();
        for last in (1..units.len()).rev() {
            units.swap(last, rng.random_range(0..=last));
        }
        in_parallel(groups, plan.threads, |group| {
            let members = units.iter().skip(group).step_by(groups).map(|&kind| &self.kinds[kind].0);
            statistics.evaluate(&without(&all, members))
        })
    }
}

/// Totals without some units.
fn without<'a>(all: &[f64], left_out: impl Iterator<Item = &'a Contribution>) -> Vec<f64> {
    let mut totals = all.to_vec();
    for unit in left_out {
        add(&mut totals, unit, -1.0);
    }
    // Subtraction leaves rounding where a cell is now empty.
    for total in totals.iter_mut().filter(|total| total.abs() < 1e-9) {
        *total = 0.0;
    }
    totals
}

/// `work(0..jobs)` in order, spread over threads.
fn in_parallel<T: Send>(jobs: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let share = jobs.div_ceil(threads.max(1)).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs)
            .step_by(share)
            .map(|start| scope.spawn(move || (start..(start + share).min(jobs)).map(work).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    })
}

/// Functions of the totals, evaluated together because they share work. NaN stands for undefined.
pub trait Statistics: Sync {
    /// The values, always in the same order and number.
    fn evaluate(&self, totals: &[f64]) -> Vec<f64>;
}

impl<F: Fn(&[f64]) -> Vec<f64> + Sync> Statistics for F {
    fn evaluate(&self, totals: &[f64]) -> Vec<f64> {
        self(totals)
    }
}

/// Bias-corrected and accelerated (BCa) intervals of several statistics over one sample (Efron 1987).
///
/// One result per statistic: [`Reason::TooFew`] below two units; [`Reason::Unstable`] when the statistic was undefined
/// in more than 5 % of the resamples, or all of them fell on one side of the estimate; [`Reason::NoVariance`] when no
/// resample moved it.
pub fn bootstrap<S: Statistics>(sample: &Sample, plan: &Plan, statistics: &S) -> Vec<Result<Interval, Reason>> {
    let estimates = statistics.evaluate(&sample.totals());
    if sample.units < 2 {
        return vec![Err(Reason::TooFew); estimates.len()];
    }
    let resamples = resample_values(sample, plan, statistics);
    let jackknife = sample.jackknife(plan, statistics);
    let interval = |(index, &estimate): (usize, &f64)| {
        if !estimate.is_finite() {
            return Err(Reason::Unstable);
        }
        let mut replicates: Vec<f64> =
            resamples.iter().map(|row| row[index]).filter(|value| value.is_finite()).collect();
        let undefined = resamples.len() - replicates.len();
        if undefined as f64 > MAX_UNDEFINED * resamples.len() as f64 {
            return Err(Reason::Unstable);
        }
        replicates.sort_by(f64::total_cmp);
        let left_out: Vec<(f64, f64)> = jackknife
            .iter()
            .map(|(row, number)| (row[index], *number as f64))
            .filter(|(value, _)| value.is_finite())
            .collect();
        bca_interval(estimate, &replicates, &left_out, plan.confidence)
    };
    estimates.iter().enumerate().map(interval).collect()
}

/// Delete-a-group jackknife: t intervals from leaving out one of `groups` groups at a time (Kott 2001).
///
/// For samples so large and so varied that thousands of evaluations would take minutes, and normality is no question.
pub fn grouped_jackknife<S: Statistics>(
    sample: &Sample,
    groups: usize,
    plan: &Plan,
    statistics: &S,
) -> Vec<Result<Interval, Reason>> {
    let estimates = statistics.evaluate(&sample.totals());
    if sample.units < groups as u64 || groups < 2 {
        return vec![Err(Reason::TooFew); estimates.len()];
    }
    let left_out = sample.leave_out_groups(groups, plan, statistics);
    let t = two_sided_t(plan.confidence, (groups - 1) as f64);
    let interval = |(index, &estimate): (usize, &f64)| {
        let values: Vec<f64> = left_out.iter().map(|row| row[index]).collect();
        if !estimate.is_finite() || values.iter().any(|value| !value.is_finite()) {
            return Err(Reason::Unstable);
        }
        let mean = values.iter().sum::<f64>() / groups as f64;
        let scatter: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        if scatter <= 0.0 {
            return Err(Reason::NoVariance);
        }
        Ok(Interval::around(estimate, t * (scatter * (groups - 1) as f64 / groups as f64).sqrt()))
    };
    estimates.iter().enumerate().map(interval).collect()
}

/// The statistics of every resample, in order.
fn resample_values<S: Statistics>(sample: &Sample, plan: &Plan, statistics: &S) -> Vec<Vec<f64>> {
    let block_values = |block: usize| {
        // A distinct seed for each block; seed_from_u64 mixes it through SplitMix64.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(plan.seed.wrapping_add(block as u64));
        let mut totals = vec![0.0; sample.dimensions];
        let size = BLOCK.min(plan.resamples - block * BLOCK);
        (0..size)
            .map(|_| {
                sample.resample(&mut totals, &mut rng);
                statistics.evaluate(&totals)
            })
            .collect::<Vec<_>>()
    };
    in_parallel(plan.resamples.div_ceil(BLOCK), plan.threads, block_values).into_iter().flatten().collect()
}

fn add(totals: &mut [f64], unit: &[(u32, f64)], times: f64) {
    for &(cell, amount) in unit {
        if let Some(total) = totals.get_mut(cell as usize) {
            *total += amount * times;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many units as the counts say, each of one cell.
    fn of_counts(counts: &[u32]) -> Sample {
        let units = counts.iter().enumerate().flat_map(|(cell, count)| (0..*count).map(move |_| (cell as u32, 1.0)));
        Sample::of_single(counts.len(), units)
    }

    fn share(totals: &[f64]) -> Vec<f64> {
        vec![totals[1] / (totals[0] + totals[1])]
    }

    #[test]
    fn the_result_does_not_depend_on_threads() {
        let sample = of_counts(&[30, 170]);
        let with = |threads| bootstrap(&sample, &Plan { threads, ..Plan::default() }, &share);
        assert_eq!(with(1), with(2));
        assert_eq!(with(1), with(7));
    }

    #[test]
    fn the_interval_of_a_share_is_close_to_wilsons() {
        let sample = of_counts(&[30, 170]);
        let bootstrapped = bootstrap(&sample, &Plan::default(), &share)[0].unwrap();
        let wilson = super::super::wilson(170.0, 200.0, CONFIDENCE).unwrap();
        assert!((bootstrapped.low - wilson.low).abs() < 0.01, "{bootstrapped:?} {wilson:?}");
        assert!((bootstrapped.high - wilson.high).abs() < 0.01, "{bootstrapped:?} {wilson:?}");
    }

    #[test]
    fn conversations_resampled_whole_widen_the_interval() {
        // Twenty conversations of ten items that all agree or all disagree.
        let conversations = (0..20).map(|conversation| vec![(u32::from(conversation % 4 != 0), 10.0)]);
        let clustered = bootstrap(&Sample::new(2, conversations), &Plan::default(), &share)[0].unwrap();
        let single = bootstrap(&of_counts(&[50, 150]), &Plan::default(), &share)[0].unwrap();
        assert!(clustered.high - clustered.low > 2.5 * (single.high - single.low));
    }

    #[test]
    fn a_thousand_different_units_agree_with_the_jackknife() {
        let units = (0..2_000).map(|unit| vec![(0, 1.0), (1, f64::from(unit % 997) / 997.0)]);
        let sample = Sample::new(2, units);
        let mean = |totals: &[f64]| vec![totals[1] / totals[0]];
        let bootstrapped = bootstrap(&sample, &Plan::default(), &mean)[0].unwrap();
        let jackknifed = grouped_jackknife(&sample, 100, &Plan::default(), &mean)[0].unwrap();
        let width = |interval: Interval| interval.high - interval.low;
        assert!((width(bootstrapped) / width(jackknifed) - 1.0).abs() < 0.25, "{bootstrapped:?} {jackknifed:?}");
    }

    #[test]
    fn no_interval_without_variation_or_values() {
        let plan = Plan::default();
        assert_eq!(bootstrap(&of_counts(&[0, 9]), &plan, &share), [Err(Reason::NoVariance)]);
        assert_eq!(bootstrap(&of_counts(&[0, 1]), &plan, &share), [Err(Reason::TooFew)]);
        let undefined = |_: &[f64]| vec![f64::NAN];
        assert_eq!(bootstrap(&of_counts(&[5, 9]), &plan, &undefined), [Err(Reason::Unstable)]);
    }
}
