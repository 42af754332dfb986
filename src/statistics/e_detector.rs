//! Sequential tests by betting: has the mean of a stream in [0, 1] fallen below `m`?
//!
//! A gambler who bets on low values multiplies his capital by `1 + L (m - x)` at each `x`. While the mean is at least
//! `m` no strategy earns in expectation, so that capital is evidence that may be looked at after every observation;
//! with a new stake at every step (Shiryaev–Roberts) it is an e-detector: on average at least `A` observations pass before
//! it reaches `A` without cause (Shin, Ramdas, Rinaldo 2024).
//!
//! The size of the drop is unknown, so twelve bets from timid to bold run side by side and their mean is the evidence.

use super::Reason;

/// Number of bets side by side.
const BETS: usize = 12;
/// The most timid and the boldest bet as fractions of the largest that cannot go bankrupt at x = 1.
const BET_RANGE: (f64, f64) = (0.08, 0.95);

/// A bound on the capital keeps sums finite on streams of any length.
const RICHEST: f64 = 1e290;

/// Evidence that the mean of a stream lies below a bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Detector {
    bound: f64,
    bets: [f64; BETS],
    capital: [f64; BETS],
    // CUSUM of each bet and the observation at which it last restarted: the likely time of a change.
    recent: [f64; BETS],
    start: [u64; BETS],
    observed: u64,
}

impl Detector {
    /// A detector of means below `bound`, which must lie strictly between 0 and 1.
    pub fn new(bound: f64) -> Result<Self, Reason> {
        if !(bound > 0.0 && bound < 1.0) {
            return Err(Reason::InvalidInput);
        }
        Ok(Self { bound, bets: bets(bound), capital: [0.0; BETS], recent: [1.0; BETS], start: [0; BETS], observed: 0 })
    }

    /// Takes the next observation, in [0, 1], and returns the evidence. Values outside are cut to the range.
    pub fn observe(&mut self, x: f64) -> f64 {
        self.observe_weighted(x, 1.0)
    }

    /// Takes an observation drawn with unequal probability: `weight` is its inverse probability as a fraction, in
    /// (0, 1], of the largest possible one. Betting in proportion keeps the guarantee for the mean of the whole
    /// population, not of the drawn sample.
    pub fn observe_weighted(&mut self, x: f64, weight: f64) -> f64 {
        let surprise = if x.is_nan() { 0.0 } else { weight.clamp(0.0, 1.0) * (self.bound - x.clamp(0.0, 1.0)) };
        for index in 0..BETS {
            let factor = 1.0 + self.bets[index] * surprise;
            // `M ← (M + 1) F`: Shiryaev–Roberts.
            self.capital[index] = ((self.capital[index] + 1.0) * factor).min(RICHEST);
            if self.recent[index] <= 1.0 {
                self.recent[index] = 1.0;
                self.start[index] = self.observed;
            }
            self.recent[index] = (self.recent[index] * factor).min(RICHEST);
        }
        self.observed += 1;
        self.evidence()
    }

    /// The evidence so far: the mean capital of the bets. Compare with the average run length that is promised.
    pub fn evidence(&self) -> f64 {
        self.capital.iter().sum::<f64>() / BETS as f64
    }

    /// The index of the observation at which the winning bet began to win: an estimate of when the change happened.
    pub fn since(&self) -> u64 {
        let winner = (0..BETS).max_by(|&a, &b| self.capital[a].total_cmp(&self.capital[b]));
        winner.map_or(0, |winner| self.start[winner])
    }
}

/// Geometric grid of bets: small drops need timid ones, large drops bold ones.
fn bets(bound: f64) -> [f64; BETS] {
    let ratio = (BET_RANGE.1 / BET_RANGE.0).powf(1.0 / (BETS - 1) as f64);
    std::array::from_fn(|index| BET_RANGE.0 * ratio.powi(index as i32) / (1.0 - bound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    fn flip(rng: &mut Xoshiro256PlusPlus, p: f64) -> f64 {
        f64::from(u8::from(rng.random::<f64>() < p))
    }

    proptest! {
        #[test]
        fn no_bet_can_go_bankrupt(bound in 0.01..0.99_f64, stream in prop::collection::vec(0.0..=1.0_f64, 1..200)) {
            let mut detector = Detector::new(bound).unwrap();
            for x in stream {
                prop_assert!(detector.observe(x) > 0.0);
            }
        }

        /// The expected factor at the bound is 1: what makes the product a martingale and its threshold a guarantee.
        #[test]
        fn a_fair_stream_neither_wins_nor_loses_in_expectation(bound in 0.05..0.95_f64) {
            for bet in bets(bound) {
                let (at_one, at_zero) = (1.0 + bet * (bound - 1.0), 1.0 + bet * bound);
                prop_assert!((bound * at_one + (1.0 - bound) * at_zero - 1.0).abs() < 1e-12);
                prop_assert!(at_one > 0.0);
            }
        }
    }

    #[test]
    fn the_e_detector_keeps_its_average_run_length() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(8);
        let run = |rng: &mut Xoshiro256PlusPlus| {
            let mut detector = Detector::new(0.85).unwrap();
            let mut observed = 1.0;
            while detector.observe(flip(rng, 0.85)) < 1_000.0 {
                observed += 1.0;
            }
            observed
        };
        let mean = (0..200).map(|_| run(&mut rng)).sum::<f64>() / 200.0;
        assert!(mean >= 1_000.0, "average run length {mean}");
    }

    #[test]
    fn a_fall_to_a_coin_toss_is_found_within_20_labels_at_the_median() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
        let mut delays: Vec<u64> = (0..400)
            .map(|_| {
                // The baseline of 0.9 less the tolerance of 0.05.
                let mut detector = Detector::new(0.85).unwrap();
                (0..200).for_each(|_| {
                    detector.observe(flip(&mut rng, 0.9));
                });
                let mut delay = 1;
                while detector.observe(flip(&mut rng, 0.5)) < 1_000.0 {
                    delay += 1;
                }
                delay
            })
            .collect();
        delays.sort_unstable();
        assert!(delays[200] <= 20, "median delay {}", delays[200]);
    }
}
