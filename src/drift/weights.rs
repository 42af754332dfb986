//! What an observation counts for, by its probability and by what was drawn before it.

use std::collections::VecDeque;

/// Probabilities that say which are rare now.
const REMEMBERED: usize = 200;
/// The share of the remembered probabilities that counts as the rarest.
const RAREST: f64 = 0.02;
/// What no probability is taken to be below.
const LEAST: f64 = 1e-6;

/// How rare a draw may be before its weight is cut: by what was drawn before, so that no later label changes what an
/// earlier one counted for. One draw in a thousand would otherwise leave the others no weight for ever.
#[derive(Debug, Clone, Default)]
pub(super) struct Rarity {
    recent: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl Rarity {
    /// The rarest of these probabilities that counts in full.
    pub(super) fn of(probabilities: impl Iterator<Item = f64>) -> f64 {
        let mut sorted: Vec<f64> = probabilities.collect();
        sorted.sort_unstable_by(f64::total_cmp);
        rarest(&sorted).unwrap_or(1.0)
    }

    /// The rarest probability that counts in full at a draw of probability `p`, by what was drawn before it; remembers `p`.
    pub(super) fn next(&mut self, p: f64) -> f64 {
        let before = rarest(&self.sorted).unwrap_or_else(|| p.max(LEAST));
        let place = self.sorted.partition_point(|known| *known < p);
        self.sorted.insert(place, p);
        self.recent.push_back(p);
        if self.recent.len() > REMEMBERED
            && let Some(old) = self.recent.pop_front()
        {
            let place = self.sorted.partition_point(|known| *known < old);
            self.sorted.remove(place);
        }
        before
    }
}

fn rarest(sorted: &[f64]) -> Option<f64> {
    sorted.get((sorted.len() as f64 * RAREST) as usize).map(|rarest| rarest.max(LEAST))
}

/// The stake of a draw: its inverse probability as a fraction, in (0, 1], of the largest that counts.
pub(super) fn stake(probability: f64, rarest: f64) -> f64 {
    (rarest / probability.max(LEAST)).min(1.0)
}

/// One observation of a value in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Observation {
    /// Index of the entry that completed it.
    pub(super) index: usize,
    pub(super) closeness: f64,
    /// What a detector bets on it, in (0, 1].
    pub(super) stake: f64,
    /// What it counts for in a mean.
    pub(super) weight: f64,
    /// Labels that make it up.
    pub(super) labels: usize,
}

impl Observation {
    /// One that counts in full.
    pub(super) fn plain(index: usize, closeness: f64) -> Self {
        Self { index, closeness, stake: 1.0, weight: 1.0, labels: 1 }
    }

    /// One that was drawn with `probability` where `rarest` counts in full.
    pub(super) fn drawn(index: usize, closeness: f64, probability: f64, rarest: f64) -> Self {
        let stake = stake(probability, rarest);
        Self { index, closeness, stake, weight: stake / rarest, labels: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rare_draw_leaves_the_weight_of_those_before_and_after_it() {
        let mut rarity = Rarity::default();
        let stakes: Vec<f64> =
            [0.1, 0.1, 0.1, 0.001, 0.1, 0.1].into_iter().chain([0.1; 60]).map(|p| stake(p, rarity.next(p))).collect();
        assert!(stakes.iter().take(4).all(|stake| *stake == 1.0), "{stakes:?}");
        assert_eq!(stakes.last(), Some(&1.0));
    }
}
