//! Shares of items that depend on each other, or count with different weights.

use super::distribution::{two_sided_t, two_sided_z};
use super::proportion::wilson_at;
use super::{Interval, Reason};

/// How much the two imagined clusters count that keep the design effect from being read off too few clusters.
const IMAGINED: f64 = 0.25;

/// One cluster: the weight of its items, and of those that count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClusterShare {
    /// Sum of the weights of its items.
    pub items: f64,
    /// Sum of `weight × value` with values in [0, 1]: of the items that count, for a share.
    pub hits: f64,
}

/// Cluster-robust limits of the share `Σ hits / Σ items`: Wilson's interval at the effective number of items, with the
/// quantile of Student's t at one degree of freedom less than there are clusters (Korn and Graubard 1998; Dean and Pagano
/// 2015 compare intervals of this kind).
///
/// The effective number is `p(1-p)/v`, `v` the between-cluster (Taylor) variance `m/(m-1) Σ (hits - p items)² / (Σ items)²`.
/// `v` is as unreliable as the clusters are few, and 0 where no item or every item counts. So it is taken with two
/// imagined clusters of weight [`IMAGINED`], as large as the one that an average item belongs to, one of which counts as a
/// whole and one not at all: in between, conversations are taken to be somewhat more alike than was seen. The effective
/// number is never above `effective`, Kish's number of items.
pub fn clustered_share(clusters: &[ClusterShare], effective: f64, confidence: f64) -> Result<Interval, Reason> {
    let sum = |of: fn(&ClusterShare) -> f64| clusters.iter().map(of).sum::<f64>();
    let (items, hits, squares) = (sum(|one| one.items), sum(|one| one.hits), sum(|one| one.items * one.items));
    let number = clusters.len() as f64;
    match () {
        () if clusters.is_empty() || items <= 0.0 => return Err(Reason::NoPairs),
        () if clusters.len() < 2 => return Err(Reason::TooFew),
        () if !(items.is_finite() && hits.is_finite() && effective > 0.0) => return Err(Reason::InvalidInput),
        () => {}
    }
    let size = squares / items;
    let all = items + 2.0 * IMAGINED * size;
    let share = (hits + IMAGINED * size) / all;
    let seen: f64 = clusters.iter().map(|one| (one.hits - share * one.items).powi(2)).sum();
    let imagined = IMAGINED * size * size * ((1.0 - share).powi(2) + share * share);
    let number_of_all = number + 2.0 * IMAGINED;
    let variance = number_of_all / (number_of_all - 1.0) * (seen + imagined) / (all * all);
    let robust = share * (1.0 - share) / variance * items / all;
    let n = robust.min(effective);
    let quantile = two_sided_t(confidence, number - 1.0).max(two_sided_z(confidence));
    wilson_at((hits / items).clamp(0.0, 1.0), n, quantile)
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::statistics::{CONFIDENCE, wilson};

    fn equal(number: usize, size: f64, right: usize) -> Vec<ClusterShare> {
        let hits = |index: usize| if index < right { size } else { 0.0 };
        (0..number).map(|index| ClusterShare { items: size, hits: hits(index) }).collect()
    }

    #[test]
    fn conversations_that_are_right_or_wrong_as_a_whole_count_once() {
        let clustered = clustered_share(&equal(60, 5.0, 48), 300.0, CONFIDENCE).unwrap();
        let of_conversations = wilson(48.0, 60.0, CONFIDENCE).unwrap();
        assert!((clustered.low - of_conversations.low).abs() < 0.01, "{clustered:?}");
        assert!((clustered.high - of_conversations.high).abs() < 0.01, "{clustered:?}");
    }

    #[test]
    fn all_right_is_as_certain_as_its_clusters_are_many() {
        let few = clustered_share(&equal(10, 20.0, 10), 200.0, CONFIDENCE).unwrap();
        let many = clustered_share(&equal(200, 1.0, 200), 200.0, CONFIDENCE).unwrap();
        assert!(few.low < 0.75 && many.low > 0.97, "{few:?} {many:?}");
        assert_eq!((few.high, many.high), (1.0, 1.0));
    }

    #[test]
    fn one_cluster_says_nothing_of_others() {
        assert_eq!(clustered_share(&equal(1, 50.0, 1), 50.0, CONFIDENCE), Err(Reason::TooFew));
        assert_eq!(clustered_share(&[], 1.0, CONFIDENCE), Err(Reason::NoPairs));
    }

    /// The share of simulated samples whose interval holds the true share. Conversations have a mean of their own, drawn
    /// so that two of its items correlate by `icc`: with probability `icc` all its items are alike.
    fn coverage(conversations: usize, turns: impl Fn(&mut Xoshiro256PlusPlus) -> usize, share: f64, icc: f64) -> f64 {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(13);
        let runs = 2_000;
        let mut held = 0;
        for _ in 0..runs {
            let clusters: Vec<ClusterShare> = (0..conversations)
                .map(|_| {
                    let turns = turns(&mut rng);
                    let alike = rng.random::<f64>() < icc;
                    let first = rng.random::<f64>() < share;
                    let right = (0..turns).filter(|_| if alike { first } else { rng.random::<f64>() < share }).count();
                    ClusterShare { items: turns as f64, hits: right as f64 }
                })
                .collect();
            let items: f64 = clusters.iter().map(|cluster| cluster.items).sum();
            let interval = clustered_share(&clusters, items, CONFIDENCE).unwrap();
            held += u32::from((interval.low..=interval.high).contains(&share));
        }
        f64::from(held) / f64::from(runs)
    }

    #[test]
    fn intervals_hold_the_truth_in_93_of_100_samples_of_conversations() {
        for (conversations, turns) in [(20, 10), (40, 5), (100, 2)] {
            for (share, icc) in [(0.9, 0.0), (0.9, 0.2), (0.9, 0.5), (0.7, 0.5)] {
                let held = coverage(conversations, |_| turns, share, icc);
                assert!(held >= 0.93, "{conversations} × {turns}, {share}, icc {icc}: {held}");
            }
        }
    }

    #[test]
    fn long_conversations_among_single_answers_are_not_forgotten() {
        let turns = |rng: &mut Xoshiro256PlusPlus| if rng.random::<f64>() < 0.1 { 20 } else { 1 };
        let held = coverage(50, turns, 0.9, 0.5);
        assert!(held >= 0.93, "{held}");
    }
}
