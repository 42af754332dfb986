//! Whether probabilities are what they say: reliability, expected calibration error, Brier score, and the area under the ROC
//! curve, each over clusters of items that depend on each other.
//!
//! All are functions of a few totals (by bins of equal width), so that the bootstrap resamples clusters cheaply.

use std::collections::BTreeMap;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use super::bootstrap::{Contribution, Plan, Sample, bootstrap};
use super::clustered::{ClusterShare, clustered_share};
use super::{CONFIDENCE, Estimate, Reason};

/// Bins of the reliability diagram and of the expected calibration error.
pub const BINS: usize = 10;
/// Steps in which probabilities are told apart for the area under the curve.
const STEPS: usize = 200;
/// Fewer labels, or fewer of the rarer kind, give no interval.
const FEWEST: usize = 30;
const FEWEST_OF_A_KIND: usize = 10;
/// Samples of a perfectly calibrated judge.
const PERFECT: usize = 200;

/// An item: what the judge gave as the probability that it passes, and what a person said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Graded {
    /// Items of one cluster depend on each other.
    pub cluster: usize,
    pub weight: f64,
    /// Between 0 and 1.
    pub probability: f64,
    /// Whether a person passed it.
    pub passes: bool,
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    pub low: f64,
    pub high: f64,
    pub items: usize,
    /// The mean probability that the judge gave, weighted.
    pub probability: f64,
    /// The share that people passed.
    pub passing: Estimate,
}

/// How good probabilities are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    pub items: usize,
    /// Those bins that hold anything.
    pub bins: Vec<Bin>,
    /// `Σ w |mean probability − share that passes|` over the bins.
    pub ece: Estimate,
    /// What the expected calibration error would be on as many labels if the probabilities were right: it is never 0.
    pub ece_if_right: f64,
    /// The mean of `(probability − passes)²`.
    pub brier: Estimate,
    /// How probable it is that an answer which passes got a higher probability than one which does not.
    pub auc: Estimate,
}

fn bin_of(probability: f64) -> usize {
    ((probability * BINS as f64) as usize).min(BINS - 1)
}

fn step_of(probability: f64) -> usize {
    (probability * STEPS as f64).round() as usize
}

const BRIER: usize = 3 * BINS;
const ROC: usize = BRIER + 2;
const TOTALS: usize = ROC + 2 * (STEPS + 1);

fn contributions(items: &[Graded]) -> Vec<Contribution> {
    let mut clusters: BTreeMap<usize, BTreeMap<u32, f64>> = BTreeMap::new();
    for item in items {
        let (bin, weight) = (bin_of(item.probability), item.weight);
        let passes = f64::from(u8::from(item.passes));
        let cluster = clusters.entry(item.cluster).or_default();
        let mut add = |cell: usize, amount: f64| *cluster.entry(cell as u32).or_default() += amount;
        add(3 * bin, weight);
        add(3 * bin + 1, weight * item.probability);
        add(3 * bin + 2, weight * passes);
        add(BRIER, weight);
        add(BRIER + 1, weight * (item.probability - passes).powi(2));
        add(ROC + 2 * step_of(item.probability) + usize::from(item.passes), weight);
    }
    clusters.into_values().map(|cells| cells.into_iter().collect()).collect()
}

fn ece(totals: &[f64]) -> f64 {
    let all: f64 = (0..BINS).map(|bin| totals[3 * bin]).sum();
    (0..BINS).map(|bin| (totals[3 * bin + 1] - totals[3 * bin + 2]).abs()).sum::<f64>() / all
}

/// Mann and Whitney's, ties counted half.
fn auc(totals: &[f64]) -> f64 {
    let (mut bad_below, mut won) = (0.0, 0.0);
    for pair in totals[ROC..].chunks_exact(2) {
        won += pair[1] * (bad_below + pair[0] / 2.0);
        bad_below += pair[0];
    }
    let good: f64 = totals[ROC..].chunks_exact(2).map(|pair| pair[1]).sum();
    won / (good * bad_below)
}

/// How good the probabilities of `items` are.
pub fn calibration(items: &[Graded], plan: &Plan) -> Calibration {
    let passing = items.iter().filter(|item| item.passes).count();
    let gate = if items.is_empty() {
        Err(Reason::NoPairs)
    } else if items.len() < FEWEST || passing.min(items.len() - passing) < FEWEST_OF_A_KIND {
        Err(Reason::Thin)
    } else {
        Ok(())
    };
    let sample = Sample::new(TOTALS, contributions(items));
    let statistics = |totals: &[f64]| vec![ece(totals), totals[BRIER + 1] / totals[BRIER], auc(totals)];
    let values = statistics(&sample.totals());
    let intervals = match gate {
        Ok(()) => bootstrap(&sample, plan, &statistics),
        Err(reason) => vec![Err(reason); values.len()],
    };
    let estimate = |index: usize| {
        if items.is_empty() {
            return Reason::NoPairs.into();
        }
        let value = Some(values[index]).filter(|value| value.is_finite());
        Estimate::new(value.ok_or(Reason::HumanConstant), intervals[index].map(|one| one.clamped(0.0, 1.0)))
    };
    Calibration {
        items: items.len(),
        bins: bins(items),
        ece: estimate(0),
        ece_if_right: ece_if_right(items, plan.seed),
        brier: estimate(1),
        auc: estimate(2),
    }
}

fn bins(items: &[Graded]) -> Vec<Bin> {
    (0..BINS)
        .filter_map(|bin| {
            let own: Vec<&Graded> = items.iter().filter(|item| bin_of(item.probability) == bin).collect();
            let weight: f64 = own.iter().map(|item| item.weight).sum();
            if own.is_empty() || weight <= 0.0 {
                return None;
            }
            let mut clusters: BTreeMap<usize, ClusterShare> = BTreeMap::new();
            for item in &own {
                let cluster = clusters.entry(item.cluster).or_default();
                cluster.items += item.weight;
                cluster.hits += item.weight * f64::from(u8::from(item.passes));
            }
            let squares: f64 = own.iter().map(|item| item.weight * item.weight).sum();
            let clusters: Vec<ClusterShare> = clusters.into_values().collect();
            let share = clusters.iter().map(|cluster| cluster.hits).sum::<f64>() / weight;
            let interval = clustered_share(&clusters, weight * weight / squares, CONFIDENCE);
            Some(Bin {
                low: bin as f64 / BINS as f64,
                high: (bin + 1) as f64 / BINS as f64,
                items: own.len(),
                probability: own.iter().map(|item| item.weight * item.probability).sum::<f64>() / weight,
                passing: Estimate::new(Ok(share), interval),
            })
        })
        .collect()
}

/// The mean over samples in which every item passes with just the probability that the judge gave.
fn ece_if_right(items: &[Graded], seed: u64) -> f64 {
    if items.is_empty() {
        return 0.0;
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let one = |rng: &mut Xoshiro256PlusPlus| {
        let mut totals = vec![0.0; 3 * BINS];
        for item in items {
            let bin = 3 * bin_of(item.probability);
            totals[bin] += item.weight;
            totals[bin + 1] += item.weight * item.probability;
            totals[bin + 2] += item.weight * f64::from(u8::from(rng.random::<f64>() < item.probability));
        }
        ece(&totals)
    };
    (0..PERFECT).map(|_| one(&mut rng)).sum::<f64>() / PERFECT as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(probability: f64, passes: bool, cluster: usize) -> Graded {
        Graded { cluster, weight: 1.0, probability, passes }
    }

    /// Probabilities over [0, 1], and answers that pass with `of` of them.
    fn sample(number: usize, seed: u64, of: impl Fn(f64) -> f64) -> Vec<Graded> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..number)
            .map(|item| {
                let probability = rng.random::<f64>();
                graded(probability, rng.random::<f64>() < of(probability), item)
            })
            .collect()
    }

    #[test]
    fn numbers_are_those_of_a_worked_example() {
        let items = [graded(0.15, false, 0), graded(0.15, true, 1), graded(0.85, true, 2), graded(0.85, true, 3)];
        let found = calibration(&items, &Plan::default());
        // Bins of two: |0.15 − 0.5| and |0.85 − 1|.
        assert!((found.ece.value().unwrap() - 0.25).abs() < 1e-12);
        assert!((found.brier.value().unwrap() - (0.0225 + 0.7225 + 2.0 * 0.0225) / 4.0).abs() < 1e-12);
        // One bad answer against three good ones: a tie and two wins.
        assert!((found.auc.value().unwrap() - 2.5 / 3.0).abs() < 1e-12);
        assert_eq!((found.bins.len(), found.bins[1].items), (2, 2));
        assert_eq!(found.ece.reason(), Some(Reason::Thin));
    }

    #[test]
    fn right_probabilities_have_an_error_that_is_chance_and_wrong_ones_more() {
        let right = calibration(&sample(600, 1, |probability| probability), &Plan::default());
        let chance = right.ece_if_right;
        assert!(chance > 0.02 && right.ece.value().unwrap() < chance * 2.0, "{chance} {:?}", right.ece);
        let wrong = calibration(&sample(600, 1, |probability| 0.5 + (probability - 0.5) / 3.0), &Plan::default());
        assert!(wrong.ece.interval().unwrap().low > chance * 1.5, "{:?}", wrong.ece);
        assert!(wrong.auc.value() < right.auc.value() && wrong.brier.value() > right.brier.value());
    }

    #[test]
    fn without_labels_of_both_kinds_there_is_no_curve() {
        let items: Vec<Graded> = (0..50).map(|item| graded(item as f64 / 50.0, true, item)).collect();
        let found = calibration(&items, &Plan::default());
        assert_eq!(found.auc, Estimate::Undefined(Reason::HumanConstant));
        assert_eq!(calibration(&[], &Plan::default()).brier, Estimate::Undefined(Reason::NoPairs));
    }

    #[test]
    fn intervals_hold_the_truth_in_most_samples() {
        // With uniform probabilities that are right: Brier 1/6, and AUC 5/6.
        let (mut brier, mut auc, runs) = (0, 0, 60);
        for seed in 0..runs {
            let plan = Plan { resamples: 200, ..Plan::default() };
            let found = calibration(&sample(300, 1_000 + seed, |probability| probability), &plan);
            let holds = |estimate: &Estimate, truth: f64| {
                estimate.interval().is_some_and(|one| (one.low..=one.high).contains(&truth))
            };
            brier += u32::from(holds(&found.brier, 1.0 / 6.0));
            auc += u32::from(holds(&found.auc, 5.0 / 6.0));
        }
        assert!(brier >= 53 && auc >= 53, "{brier} and {auc} of {runs}");
    }
}
