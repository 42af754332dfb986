//! How often the intervals of agreement and of corrected quality hold the truth, also where conversations are labelled.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use super::{GOOD, pair};
use crate::agreement::{Clusters, LabelScale, Observation, Verdict, quality, raw_agreement};
use crate::statistics::ppi::Unlabelled;
use crate::statistics::{ClusterShare, Interval};

/// With this probability all turns of a conversation are alike: two of its answers correlate by as much.
const ALIKE: f64 = 0.5;

/// How often an interval held the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Of what.
    pub interval: &'static str,
    /// Labels in each sample.
    pub labels: usize,
    /// Answers of each conversation, all of which are labelled.
    pub turns: usize,
    /// The truth.
    pub truth: f64,
    /// Samples.
    pub samples: usize,
    /// The share of intervals that held the truth.
    pub covered: f64,
    /// Their mean width.
    pub width: f64,
}

/// Coverage of the agreement interval and of corrected quality at several sizes.
pub fn coverage(samples: usize, seed: u64) -> Vec<Coverage> {
    let mut found = Vec::new();
    for (labels, turns, truth) in
        [(50, 1, 0.9), (100, 1, 0.9), (200, 1, 0.9), (100, 1, 0.98), (200, 10, 0.9), (200, 5, 0.9), (200, 2, 0.9)]
    {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ (labels * turns) as u64);
        let interval = || {
            let observed = observed(labels, turns, truth, &mut rng);
            raw_agreement(&LabelScale::pass_fail(), &observed.iter().collect::<Vec<_>>()).interval()
        };
        found.push(covering("raw agreement", labels, turns, truth, samples, interval));
    }
    for (labels, turns) in [(100, 1), (200, 1), (400, 1), (200, 5), (400, 5), (400, 10)] {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ (labels as u64) << 8 ^ turns as u64);
        let interval = || {
            let labelled = observed(labels, turns, 0.9, &mut rng);
            let others = (0..labels * 10 / turns).map(|_| {
                let passes = conversation(turns, 0.9, &mut rng).iter().filter(|answer| answer.1).count();
                ClusterShare { items: turns as f64, hits: passes as f64 }
            });
            let others = Unlabelled::of(&others.collect::<Vec<_>>()).ok();
            quality(&labelled, |one| one.judge.pass().map(f64::from), others.as_ref()).rate.interval()
        };
        found.push(covering("answers that are good (PPI++ behind its gate)", labels, turns, GOOD, samples, interval));
    }
    found
}

/// What people and the judge say of the answers of a conversation.
fn conversation(turns: usize, agreement: f64, rng: &mut Xoshiro256PlusPlus) -> Vec<(bool, bool)> {
    if rng.random::<f64>() < ALIKE {
        vec![pair(agreement, rng); turns]
    } else {
        (0..turns).map(|_| pair(agreement, rng)).collect()
    }
}

/// Labels of whole conversations.
fn observed(labels: usize, turns: usize, agreement: f64, rng: &mut Xoshiro256PlusPlus) -> Vec<Observation> {
    let mut clusters = Clusters::default();
    let mut observed = Vec::with_capacity(labels);
    for id in 0..labels / turns {
        for (human, judge) in conversation(turns, agreement, rng) {
            let item = observed.len();
            clusters.push(Some(&id.to_string()), None);
            let (human, judge) = (Verdict::Side(human), Verdict::Side(judge));
            observed.push(Observation { item, cluster: clusters.of(item), weight: 1.0, judge, human });
        }
    }
    observed
}

fn covering(
    interval: &'static str,
    labels: usize,
    turns: usize,
    truth: f64,
    samples: usize,
    mut make: impl FnMut() -> Option<Interval>,
) -> Coverage {
    let (mut covered, mut width) = (0, 0.0);
    for interval in (0..samples).filter_map(|_| make()) {
        covered += usize::from((interval.low..=interval.high).contains(&truth));
        width += interval.high - interval.low;
    }
    let of = samples.max(1) as f64;
    Coverage { interval, labels, turns, truth, samples, covered: covered as f64 / of, width: width / of }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_hold_the_truth_whether_or_not_conversations_are_labelled() {
        for coverage in coverage(400, 3) {
            assert!(coverage.covered > 0.92, "{coverage:?}");
        }
    }
}
