//! Choosing the threshold of a judge's probability on labels, and what it gains where it was not chosen.
//!
//! A figure never uses the labels that a threshold was chosen on: the gain is cross-fitted over folds of whole clusters.

use std::collections::BTreeMap;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::bca::quantile;
use super::bootstrap::Plan;
use super::calibration::Graded;
use super::distribution::two_sided_t;
use super::{CONFIDENCE, Estimate, Interval, Reason};
use crate::model::named_enum;

/// The threshold that needs no labels.
const EVEN_ODDS: f64 = 0.5;
const FOLDS: usize = 10;
/// Fewer labels, or fewer of the rarer kind, choose nothing.
pub const FEWEST: usize = 50;
pub const FEWEST_OF_A_KIND: usize = 10;
const RESAMPLES: usize = 400;

named_enum! {
    /// How a threshold is found.
    pub enum Method {
        /// The one that agrees with most labels.
        Agreement = "agreement",
        /// Where the isotonic regression of the labels on the probability reaches one half (Zadrozny and Elkan 2002).
        Isotonic = "isotonic",
        /// Where the logistic regression of the labels on the log odds reaches one half (Platt 1999).
        Platt = "platt",
    }
}

/// A threshold and how sure it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    pub method: Method,
    /// The threshold; its interval is where it lies on resamples of the labels.
    pub threshold: Estimate,
    pub labels: usize,
    /// Agreement of the threshold with labels that it was not chosen on.
    pub agreement: Estimate,
    /// The same of even odds, on the same labels.
    pub at_even_odds: Estimate,
    /// What it gains; an interval that holds 0 means that it may gain nothing.
    pub gain: Estimate,
}

/// The threshold that `method` finds on `items`.
pub fn threshold(items: &[Graded], method: Method) -> f64 {
    match method {
        Method::Agreement => most_agreement(items),
        Method::Isotonic => isotonic(items),
        Method::Platt => platt(items),
    }
}

/// Chooses a threshold, and cross-fits what it gains over even odds.
pub fn choose(items: &[Graded], method: Method, plan: &Plan) -> Result<Chosen, Reason> {
    let passing = items.iter().filter(|item| item.passes).count();
    if items.is_empty() {
        return Err(Reason::NoPairs);
    }
    if items.len() < FEWEST || passing.min(items.len() - passing) < FEWEST_OF_A_KIND {
        return Err(Reason::Thin);
    }
    let clusters: Vec<Vec<Graded>> = by_cluster(items);
    if clusters.len() < FOLDS {
        return Err(Reason::TooFew);
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(plan.seed);
    let crossed = cross_fitted(&clusters, method, &mut rng);
    let right = |of: fn(&Crossed) -> f64| mean_of_clusters(&crossed, of);
    Ok(Chosen {
        method,
        threshold: Estimate::new(Ok(threshold(items, method)), resampled(&clusters, method, &mut rng)),
        labels: items.len(),
        agreement: right(|item| f64::from(u8::from(item.chosen))),
        at_even_odds: right(|item| f64::from(u8::from(item.even))),
        gain: right(|item| f64::from(u8::from(item.chosen)) - f64::from(u8::from(item.even))),
    })
}

fn by_cluster(items: &[Graded]) -> Vec<Vec<Graded>> {
    let mut clusters: BTreeMap<usize, Vec<Graded>> = BTreeMap::new();
    for item in items {
        clusters.entry(item.cluster).or_default().push(*item);
    }
    clusters.into_values().collect()
}

/// An item under a threshold that was chosen without its fold.
struct Crossed {
    cluster: usize,
    weight: f64,
    /// Whether that threshold agrees with the label, and whether even odds do.
    chosen: bool,
    even: bool,
}

fn cross_fitted(clusters: &[Vec<Graded>], method: Method, rng: &mut Xoshiro256PlusPlus) -> Vec<Crossed> {
    let mut order: Vec<usize> = (0..clusters.len()).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    let mut crossed = Vec::new();
    for fold in 0..FOLDS {
        let (mut outside, mut inside) = (Vec::new(), Vec::new());
        for (place, cluster) in order.iter().enumerate() {
            let side = if place % FOLDS == fold { &mut inside } else { &mut outside };
            side.extend(clusters[*cluster].iter().copied());
        }
        let chosen = threshold(&outside, method);
        crossed.extend(inside.into_iter().map(|item| Crossed {
            cluster: item.cluster,
            weight: item.weight,
            chosen: (item.probability >= chosen) == item.passes,
            even: (item.probability >= EVEN_ODDS) == item.passes,
        }));
    }
    crossed
}

/// A weighted mean with cluster-robust t limits (Taylor linearisation).
fn mean_of_clusters(items: &[Crossed], of: impl Fn(&Crossed) -> f64) -> Estimate {
    let mut clusters: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for item in items {
        let cluster = clusters.entry(item.cluster).or_default();
        cluster.0 += item.weight;
        cluster.1 += item.weight * of(item);
    }
    let weight: f64 = clusters.values().map(|cluster| cluster.0).sum();
    let mean = clusters.values().map(|cluster| cluster.1).sum::<f64>() / weight;
    let number = clusters.len() as f64;
    let scatter: f64 = clusters.values().map(|(weight, sum)| (sum - mean * weight).powi(2)).sum();
    let variance = number / (number - 1.0) * scatter / (weight * weight);
    if !(variance.is_finite() && mean.is_finite()) {
        return Reason::InvalidInput.into();
    }
    let half = two_sided_t(CONFIDENCE, number - 1.0) * variance.sqrt();
    Estimate::new(Ok(mean), Ok(Interval::around(mean, half).clamped(-1.0, 1.0)))
}

fn resampled(clusters: &[Vec<Graded>], method: Method, rng: &mut Xoshiro256PlusPlus) -> Result<Interval, Reason> {
    let mut found: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<Graded> = (0..clusters.len())
                .flat_map(|_| clusters[rng.random_range(0..clusters.len())].iter().copied())
                .collect();
            threshold(&drawn, method)
        })
        .collect();
    found.sort_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let limits = quantile(&found, tail).zip(quantile(&found, 1.0 - tail));
    limits.map(|(low, high)| Interval { low, high }).ok_or(Reason::Unstable)
}

/// Weights of what fails and passes at each probability, ascending.
fn levels(items: &[Graded]) -> Vec<(f64, [f64; 2])> {
    let mut sorted: Vec<&Graded> = items.iter().collect();
    sorted.sort_by(|a, b| a.probability.total_cmp(&b.probability));
    let mut levels: Vec<(f64, [f64; 2])> = Vec::new();
    for item in sorted {
        if levels.last().is_none_or(|(probability, _)| *probability < item.probability) {
            levels.push((item.probability, [0.0; 2]));
        }
        if let Some((_, weights)) = levels.last_mut() {
            weights[usize::from(item.passes)] += item.weight;
        }
    }
    levels
}

/// Of thresholds that agree with the same weight of labels, the one nearest to even odds.
fn most_agreement(items: &[Graded]) -> f64 {
    let levels = levels(items);
    // At a threshold of 0 everything passes; each level above lets what lies at the one below fail.
    let mut agreeing: f64 = levels.iter().map(|(_, weights)| weights[1]).sum();
    let mut best = (agreeing, nearest(0.0, levels.first().map_or(1.0, |level| level.0)));
    for (index, (probability, weights)) in levels.iter().enumerate() {
        agreeing += weights[0] - weights[1];
        let next = levels.get(index + 1).map_or(1.0 + f64::EPSILON, |level| level.0);
        let candidate = nearest(*probability, next);
        let is_better = agreeing > best.0 + 1e-9
            || (agreeing > best.0 - 1e-9 && (candidate - EVEN_ODDS).abs() < (best.1 - EVEN_ODDS).abs());
        if is_better {
            best = (agreeing, candidate);
        }
    }
    best.1
}

/// A threshold above `low` and up to `high`: even odds where these lie between, else the middle.
fn nearest(low: f64, high: f64) -> f64 {
    if low < EVEN_ODDS && EVEN_ODDS <= high { EVEN_ODDS } else { f64::midpoint(low, high).min(1.0) }
}

/// Pool-adjacent-violators; the middle between the last level that maps below one half and the first that does not.
fn isotonic(items: &[Graded]) -> f64 {
    // Each block: first and last probability, weight that passes, weight in all.
    let mut blocks: Vec<(f64, f64, f64, f64)> = Vec::new();
    for (probability, [fails, passes]) in levels(items) {
        blocks.push((probability, probability, passes, fails + passes));
        while let [.., before, last] = blocks.as_slice() {
            if before.2 * last.3 <= last.2 * before.3 {
                break;
            }
            let joined = (before.0, last.1, before.2 + last.2, before.3 + last.3);
            blocks.truncate(blocks.len() - 2);
            blocks.push(joined);
        }
    }
    let first = blocks.iter().position(|block| block.2 >= block.3 / 2.0);
    match first {
        None => 1.0,
        Some(0) => nearest(0.0, blocks[0].0),
        Some(index) => nearest(blocks[index - 1].1, blocks[index].0),
    }
}

/// Newton's method on `P(passes) = 1/(1 + exp(−(a·logit(p) + b)))`, with Platt's smoothed targets.
fn platt(items: &[Graded]) -> f64 {
    let total = |passes: bool| items.iter().filter(|item| item.passes == passes).map(|item| item.weight).sum::<f64>();
    let (good, bad) = (total(true), total(false));
    let target = |passes: bool| if passes { (good + 1.0) / (good + 2.0) } else { 1.0 / (bad + 2.0) };
    let logit = |probability: f64| {
        let inside = probability.clamp(1e-6, 1.0 - 1e-6);
        (inside / (1.0 - inside)).ln()
    };
    let loss = |slope: f64, intercept: f64| {
        let of = |item: &Graded| {
            let score = slope * logit(item.probability) + intercept;
            // ln(1 + exp(score)) − target · score, without overflow.
            item.weight * (score.max(0.0) + (-score.abs()).exp().ln_1p() - target(item.passes) * score)
        };
        items.iter().map(of).sum::<f64>()
    };
    let (mut slope, mut intercept) = (1.0, 0.0);
    let mut least = loss(slope, intercept);
    for _ in 0..50 {
        let (mut gradient, mut hessian) = ([0.0; 2], [[1e-9, 0.0], [0.0, 1e-9]]);
        for item in items {
            let x = logit(item.probability);
            let fitted = 1.0 / (1.0 + (-(slope * x + intercept)).exp());
            let (error, spread) = (item.weight * (target(item.passes) - fitted), item.weight * fitted * (1.0 - fitted));
            gradient[0] += error * x;
            gradient[1] += error;
            hessian[0][0] += spread * x * x;
            hessian[0][1] += spread * x;
            hessian[1][1] += spread;
        }
        let determinant: f64 = hessian[0][0] * hessian[1][1] - hessian[0][1] * hessian[0][1];
        let step = [
            (hessian[1][1] * gradient[0] - hessian[0][1] * gradient[1]) / determinant,
            (hessian[0][0] * gradient[1] - hessian[0][1] * gradient[0]) / determinant,
        ];
        // The loss is convex: some part of the step lessens it, unless it is least already.
        let mut part = 1.0;
        while part > 1e-9 && loss(slope + part * step[0], intercept + part * step[1]) >= least {
            part /= 2.0;
        }
        if part <= 1e-9 {
            break;
        }
        slope += part * step[0];
        intercept += part * step[1];
        least = loss(slope, intercept);
    }
    if slope <= 0.0 {
        // The probabilities say the opposite, or nothing: all pass or all fail.
        return if good >= bad { 0.0 } else { 1.0 };
    }
    1.0 / (1.0 + (intercept / slope).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Named as _;

    /// A judge whose probabilities are too high by a factor of the odds: the right threshold lies above one half.
    fn biased(number: usize, bias: f64, seed: u64) -> Vec<Graded> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..number)
            .map(|cluster| {
                let truth = rng.random::<f64>();
                let odds = bias * truth / (1.0 - truth);
                Graded { cluster, weight: 1.0, probability: odds / (1.0 + odds), passes: rng.random::<f64>() < truth }
            })
            .collect()
    }

    #[test]
    fn every_method_finds_the_threshold_of_a_biased_judge() {
        let items = biased(8_000, 3.0, 7);
        for method in Method::ALL {
            let found = threshold(&items, *method);
            assert!((found - 0.75).abs() < 0.05, "{method:?}: {found}");
        }
        for method in Method::ALL {
            assert!((threshold(&biased(8_000, 1.0, 8), *method) - 0.5).abs() < 0.05, "{method:?}");
        }
    }

    #[test]
    fn a_gain_is_shown_where_there_is_one_and_not_where_there_is_none() {
        let plan = Plan::default();
        let gained = choose(&biased(800, 4.0, 3), Method::Agreement, &plan).unwrap();
        assert!(gained.gain.interval().unwrap().low > 0.0, "{gained:?}");
        assert!(gained.agreement.value() > gained.at_even_odds.value());
        let mut claimed = 0;
        for seed in 0..20 {
            let none = choose(&biased(150, 1.0, 100 + seed), Method::Agreement, &plan).unwrap();
            claimed += u32::from(none.gain.interval().unwrap().low > 0.0);
        }
        assert!(claimed <= 2, "{claimed} of 20 claim a gain where there is none");
    }

    #[test]
    fn few_labels_choose_nothing() {
        let plan = Plan::default();
        assert_eq!(choose(&[], Method::Platt, &plan), Err(Reason::NoPairs));
        assert_eq!(choose(&biased(49, 1.0, 1), Method::Platt, &plan), Err(Reason::Thin));
        let one_kind: Vec<Graded> =
            biased(100, 1.0, 1).into_iter().map(|item| Graded { passes: true, ..item }).collect();
        assert_eq!(choose(&one_kind, Method::Agreement, &plan), Err(Reason::Thin));
    }

    #[test]
    fn labels_that_speak_for_no_threshold_leave_even_odds() {
        let item = |probability, passes, cluster| Graded { cluster, weight: 1.0, probability, passes };
        let apart = [item(0.2, false, 0), item(0.8, true, 1)];
        assert_eq!(threshold(&apart, Method::Agreement), 0.5);
        assert_eq!(threshold(&apart, Method::Isotonic), 0.5);
        let opposite = [item(0.9, false, 0), item(0.1, true, 1), item(0.95, false, 2)];
        assert_eq!(threshold(&opposite, Method::Platt), 1.0);
    }
}
