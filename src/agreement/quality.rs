//! The share of good answers: what the judge's scores say, corrected by human labels.

use std::collections::BTreeMap;

use super::clusters::ClusterId;
use super::intervals::{Counted, Evidence, Family};
use super::observation::Observation;
use crate::statistics::ppi::{LabelledCluster, MIN_LABELS, MIN_MINORITY, Method, Unlabelled, ppi_mean};
use crate::statistics::{CONFIDENCE, Estimate, Reason};

/// The share of good answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// The share that people would pass.
    pub rate: Estimate,
    /// How it was estimated.
    pub method: Method,
    /// How much the judge's scores count in it: 0 not at all, 1 fully; none with labels alone.
    pub lambda: Option<f64>,
    /// Labels behind it.
    pub labels: usize,
}

/// A labelled answer that has a score in [0, 1].
struct Labelled {
    cluster: ClusterId,
    weight: f64,
    good: bool,
    score: f64,
}

/// PPI++ with cluster-robust t limits, from 100 labels with 20 of the rarer kind; else the labels alone: with rare failures
/// the shorter interval of PPI++ is partly under-coverage.
pub fn quality(
    observations: &[Observation],
    score: impl Fn(&Observation) -> Option<f64>,
    unlabelled: Option<&Unlabelled>,
) -> Quality {
    let labelled = |one: &Observation| {
        let (good, score) = (one.human.pass()?, score(one)?);
        Some(Labelled { cluster: one.cluster, weight: one.weight, good, score })
    };
    let items: Vec<Labelled> = observations.iter().filter_map(labelled).collect();
    let labels = items.len();
    let evidence = Evidence::of(items.iter().map(|item| (item.cluster, item.weight)));
    let powered = unlabelled.and_then(|others| powered(&items, &evidence, others));
    if let Some((rate, lambda)) = powered {
        return Quality { rate, method: Method::PredictionPowered, lambda: Some(lambda), labels };
    }
    let counted: Vec<Counted> = items.iter().map(|item| Counted::new(item.cluster, item.weight, item.good)).collect();
    let rate = evidence.share(&counted, Reason::NoPairs);
    Quality { rate, method: Method::LabelsOnly, lambda: None, labels }
}

fn powered(items: &[Labelled], evidence: &Evidence, others: &Unlabelled) -> Option<(Estimate, f64)> {
    let good = items.iter().filter(|item| item.good).count();
    let enough = items.len() >= MIN_LABELS && good.min(items.len() - good) >= MIN_MINORITY;
    if !enough || evidence.gate(Family::Difference, false).is_err() {
        return None;
    }
    let mut clusters: BTreeMap<ClusterId, LabelledCluster> = BTreeMap::new();
    for item in items {
        let cluster = clusters.entry(item.cluster).or_default();
        cluster.weight += item.weight;
        cluster.labels += item.weight * f64::from(item.good);
        cluster.scores += item.weight * item.score;
    }
    let ppi = ppi_mean(&clusters.into_values().collect::<Vec<_>>(), others).ok()?;
    let interval = ppi.interval(CONFIDENCE).ok()?;
    Some((Estimate::Interval(ppi.mean.clamp(0.0, 1.0), interval), ppi.lambda))
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::super::clusters::Clusters;
    use super::super::observation::Verdict;
    use super::*;
    use crate::statistics::ClusterShare;

    fn number(pass: bool) -> f64 {
        f64::from(pass)
    }

    /// Observations of (conversation, human, judge), each of the same weight.
    fn observed(items: &[(usize, bool, bool)]) -> Vec<Observation> {
        let mut clusters = Clusters::default();
        for (conversation, ..) in items {
            clusters.push(Some(&conversation.to_string()), None);
        }
        let of = |(item, (_, human, judge)): (usize, &(usize, bool, bool))| Observation {
            item,
            cluster: clusters.of(item),
            weight: 1.0,
            judge: Verdict::Side(*judge),
            human: Verdict::Side(*human),
        };
        items.iter().enumerate().map(of).collect()
    }

    fn of(items: &[(usize, bool, bool)], unlabelled: Option<&Unlabelled>) -> Quality {
        quality(&observed(items), |one| one.judge.pass().map(number), unlabelled)
    }

    #[test]
    fn few_failures_fall_back_to_the_labels() {
        let others = Unlabelled { clusters: 1_000.0, mean: 0.9, variance: 0.09 };
        let items = |bad: usize| (0..200).map(|item| (item, item >= bad, item >= bad)).collect::<Vec<_>>();
        assert_eq!(of(&items(15), Some(&others)).method, Method::LabelsOnly);
        assert_eq!(of(&items(20), Some(&others)).method, Method::PredictionPowered);
        assert_eq!(of(&items(20), None).method, Method::LabelsOnly);
    }

    #[test]
    fn few_conversations_fall_back_to_the_labels() {
        let others = Unlabelled { clusters: 1_000.0, mean: 0.8, variance: 0.1 };
        let items: Vec<_> = (0..200).map(|item| (item / 20, item % 5 > 0, item % 7 > 0)).collect();
        assert_eq!(of(&items, Some(&others)).method, Method::LabelsOnly);
    }

    #[test]
    fn no_labels_no_rate() {
        assert_eq!(of(&[], None).rate, Reason::NoPairs.into());
    }

    /// Answers of one conversation of five turns; with probability `icc` all are alike. 80 % are good; the judge passes 90 % of
    /// the good ones and fails 75 % of the bad ones, and errs alike where they are alike.
    fn conversation(icc: f64, rng: &mut Xoshiro256PlusPlus) -> [(bool, bool); 5] {
        let answer = |rng: &mut Xoshiro256PlusPlus| {
            let good = rng.random::<f64>() < 0.8;
            let right = rng.random::<f64>() < if good { 0.9 } else { 0.75 };
            (good, good == right)
        };
        let alike = rng.random::<f64>() < icc;
        let first = answer(rng);
        [(); 5].map(|()| if alike { first } else { answer(rng) })
    }

    #[test]
    fn labels_of_whole_conversations_hold_the_true_rate_in_93_to_97_of_100_samples() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(20);
        for (conversations, icc) in [(40, 0.2), (40, 0.5), (150, 0.2)] {
            let (runs, mut held, mut powered) = (1_000, 0, 0);
            for _ in 0..runs {
                let labelled: Vec<_> = (0..conversations)
                    .flat_map(|id| conversation(icc, &mut rng).map(|(human, judge)| (id, human, judge)))
                    .collect();
                let others: Vec<ClusterShare> = (0..400)
                    .map(|_| conversation(icc, &mut rng).iter().map(|answer| number(answer.1)).sum::<f64>())
                    .map(|hits| ClusterShare { items: 5.0, hits })
                    .collect();
                let found = of(&labelled, Some(&Unlabelled::of(&others).unwrap()));
                powered += u32::from(found.method == Method::PredictionPowered);
                held += u32::from(found.rate.interval().is_some_and(|one| (one.low..=one.high).contains(&0.8)));
            }
            let share = f64::from(held) / f64::from(runs);
            assert!((0.93..=0.97).contains(&share), "{conversations} conversations, icc {icc}: {share}");
            assert!(powered > runs * 9 / 10, "{powered}");
        }
    }
}
