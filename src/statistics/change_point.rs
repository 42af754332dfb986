//! When did a rate change? A set of places that holds the change with a stated probability.
//!
//! Of a stream of values in [0, 1] the first ones have the rate that a baseline estimates, those from the change on another
//! one, which nobody knows. With Beta priors for both rates the likelihood of a change at each place is a product of two Beta
//! functions, and with every place as likely as another beforehand these likelihoods are the posterior of the place (Smith
//! 1975). What is left out of the shortest stretch that holds the wanted part of it is what the data speak against.

use statrs::function::beta::ln_beta;

/// A place for a change, and how much it counts: successes and failures of one observation, which may be fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    pub successes: f64,
    pub failures: f64,
}

/// Where a rate changed: places of the observations that may be the first ones of the new rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangePoint {
    pub first: usize,
    /// The likeliest one.
    pub likeliest: usize,
    pub last: usize,
}

/// The shortest stretch of places that holds the change with probability `confidence`. `before` counts what is known of the
/// old rate from elsewhere; the change lies at one of the first `places` observations. `None` without any.
pub fn change_point(before: Counted, stream: &[Counted], places: usize, confidence: f64) -> Option<ChangePoint> {
    let posterior = posterior(before, stream, places);
    let likeliest = (0..posterior.len()).max_by(|&a, &b| posterior[a].total_cmp(&posterior[b]))?;
    let (first, last) = shortest(&posterior, confidence);
    Some(ChangePoint { first, likeliest: likeliest.clamp(first, last), last })
}

/// How likely a change at each place is, as a fraction of the likeliest one.
pub fn plausibility(before: Counted, stream: &[Counted], places: usize) -> Vec<f64> {
    let posterior = posterior(before, stream, places);
    let most = posterior.iter().copied().fold(0.0, f64::max);
    posterior.into_iter().map(|one| one / most).collect()
}

fn posterior(before: Counted, stream: &[Counted], places: usize) -> Vec<f64> {
    let (mut old, mut new) = (before, Counted { successes: 0.0, failures: 0.0 });
    for one in stream {
        new = Counted { successes: new.successes + one.successes, failures: new.failures + one.failures };
    }
    let mut logarithms = Vec::with_capacity(places.min(stream.len()));
    for one in stream.iter().take(places) {
        logarithms.push(evidence(old) + evidence(new));
        old = Counted { successes: old.successes + one.successes, failures: old.failures + one.failures };
        // Rounding may leave less than nothing.
        let less = |all: f64, part: f64| (all - part).max(0.0);
        new = Counted { successes: less(new.successes, one.successes), failures: less(new.failures, one.failures) };
    }
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut posterior: Vec<f64> = logarithms.into_iter().map(|logarithm| (logarithm - most).exp()).collect();
    let all: f64 = posterior.iter().sum();
    for one in &mut posterior {
        *one /= all;
    }
    posterior
}

/// The logarithm of the likelihood of these counts under a uniform prior for their rate.
fn evidence(counted: Counted) -> f64 {
    ln_beta(counted.successes + 1.0, counted.failures + 1.0)
}

/// The shortest stretch that holds at least `wanted`.
fn shortest(posterior: &[f64], wanted: f64) -> (usize, usize) {
    let mut best = (0, posterior.len().saturating_sub(1));
    let (mut first, mut held) = (0, 0.0);
    for (last, one) in posterior.iter().enumerate() {
        held += one;
        while held - posterior[first] >= wanted && first < last {
            held -= posterior[first];
            first += 1;
        }
        if held >= wanted && last - first < best.1 - best.0 {
            best = (first, last);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn counted(success: bool) -> Counted {
        Counted { successes: f64::from(u8::from(success)), failures: f64::from(u8::from(!success)) }
    }

    fn stream(rng: &mut Xoshiro256PlusPlus, rates: &[(usize, f64)]) -> Vec<Counted> {
        rates
            .iter()
            .flat_map(|(number, rate)| vec![*rate; *number])
            .map(|rate| counted(rng.random::<f64>() < rate))
            .collect()
    }

    #[test]
    fn a_set_of_dates_holds_the_change_as_often_as_it_says() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        for (before, after) in [(0.9, 0.5), (0.9, 0.7), (0.9, 0.8), (0.8, 0.6)] {
            let held = (0..400).filter(|_| {
                let known = (0..200).filter(|_| rng.random::<f64>() < before).count() as f64;
                let stream = stream(&mut rng, &[(200, before), (100, after)]);
                let known = Counted { successes: known, failures: 200.0 - known };
                let found = change_point(known, &stream, stream.len(), 0.95).unwrap();
                (found.first..=found.last).contains(&200)
            });
            let held = held.count();
            assert!(held >= 370, "{before} to {after}: {held} of 400");
        }
    }

    #[test]
    fn what_is_plain_has_a_small_set() {
        let nothing = Counted { successes: 190.0, failures: 10.0 };
        let stream: Vec<Counted> = (0..60).map(|place| counted(place < 40)).collect();
        let found = change_point(nothing, &stream, 60, 0.95).unwrap();
        assert_eq!((found.likeliest, found.last), (40, 40));
        assert!(found.first >= 38, "{found:?}");
        assert_eq!(change_point(nothing, &[], 0, 0.95), None);
    }
}
