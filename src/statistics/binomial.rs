//! Random draws that the standard generator crate leaves to others.

use rand::{Rng, RngExt};
use statrs::function::factorial::ln_factorial;

/// Draws from Binomial(n, p).
///
/// Small means by inversion, others by transformed rejection (Hörmann 1993, BTRS): constant time, so that one
/// bootstrap resample of a table costs as much for a hundred thousand pairs as for a hundred.
pub(super) fn binomial(n: u64, p: f64, rng: &mut impl Rng) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    if p > 0.5 {
        return n - binomial(n, 1.0 - p, rng);
    }
    if n as f64 * p < 10.0 { by_inversion(n, p, rng) } else { by_rejection(n, p, rng) }
}

fn by_inversion(n: u64, p: f64, rng: &mut impl Rng) -> u64 {
    let odds = p / (1.0 - p);
    let mut left: f64 = rng.random();
    let mut mass = (n as f64 * (-p).ln_1p()).exp();
    let mut k = 0;
    while left > mass && k < n {
        left -= mass;
        k += 1;
        mass *= odds * (n - k + 1) as f64 / k as f64;
    }
    k
}

fn by_rejection(n: u64, p: f64, rng: &mut impl Rng) -> u64 {
    let trials = n as f64;
    let spread = (trials * p * (1.0 - p)).sqrt();
    let slope = 1.15 + 2.53 * spread;
    let tail = -0.0873 + 0.0248 * slope + 0.01 * p;
    let centre = trials * p + 0.5;
    let quick = 0.92 - 4.2 / slope;
    let hat = (2.83 + 5.1 / slope) * spread;
    let log_odds = (p / (1.0 - p)).ln();
    let mode = ((trials + 1.0) * p).floor();
    let log_weight = |k: f64| k * log_odds - ln_factorial(k as u64) - ln_factorial((trials - k) as u64);
    let peak = log_weight(mode);
    loop {
        let position = rng.random::<f64>() - 0.5;
        let height: f64 = rng.random();
        let edge = 0.5 - position.abs();
        let k = ((2.0 * tail / edge + slope) * position + centre).floor();
        if !(0.0..=trials).contains(&k) {
            continue;
        }
        let inside = edge >= 0.07 && height <= quick;
        if inside || (height * hat / (tail / (edge * edge) + slope)).ln() <= log_weight(k) - peak {
            return k as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    #[test]
    fn mean_and_variance_are_binomial_in_both_regimes() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        for (n, p) in [(40_u64, 0.1), (40, 0.9), (5_000, 0.3), (100_000, 0.7)] {
            let draws: Vec<f64> = (0..20_000).map(|_| binomial(n, p, &mut rng) as f64).collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64;
            let (expected, spread) = (n as f64 * p, n as f64 * p * (1.0 - p));
            assert!((mean - expected).abs() < 4.0 * (spread / 20_000.0).sqrt(), "{n} {p}: {mean}");
            assert!((variance / spread - 1.0).abs() < 0.05, "{n} {p}: {variance}");
        }
    }
}
