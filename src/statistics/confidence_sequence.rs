//! Confidence sequences: intervals for a mean that hold at all times at once, so that looking every day is allowed.
//!
//! Waudby-Smith and Ramdas 2023 (bounded observations), 2024 (asymptotic). All observations must lie in [0, 1] unless
//! said otherwise; none of the functions cuts the running intersection.

use super::{Interval, Reason};

/// The predictable plug-in bets of the empirical-Bernstein sequences:
/// `λ_t = sqrt(2 ln(1/α) / (t ln(1+t) σ²_{t-1}))`, with one imagined observation of mean 1/2 and variance 1/4.
pub fn predictable_bets(stream: &[f64], alpha: f64) -> Vec<f64> {
    let (mut sum, mut squares, mut variance) = (0.5, 0.25, 0.25);
    stream
        .iter()
        .enumerate()
        .map(|(index, x)| {
            let t = (index + 1) as f64;
            let bet = (2.0 * (1.0 / alpha).ln() / (t * (1.0 + t).ln() * variance)).sqrt();
            sum += x;
            squares += (x - sum / (t + 1.0)).powi(2);
            variance = squares / (t + 1.0);
            bet
        })
        .collect()
}

/// The hedged capital against "the mean is `m`": `max(θ K⁺, (1-θ) K⁻)`, bets cut to half of what cannot go bankrupt.
/// `theta` 0.5 is two-sided; 0 only bets on means below `m`.
pub fn hedged_capital(stream: &[f64], m: f64, alpha: f64, theta: f64) -> Vec<f64> {
    let side = |sign: f64, share: f64, limit: f64| -> Vec<f64> {
        if share == 0.0 {
            return vec![0.0; stream.len()];
        }
        let bets = predictable_bets(stream, alpha * share);
        let factors = stream.iter().zip(bets).map(|(x, bet)| 1.0 + sign * bet.min(limit) * (x - m));
        factors
            .scan(share, |capital, factor| {
                *capital *= factor;
                Some(*capital)
            })
            .collect()
    };
    // A one-sided process stakes everything; the halves of a two-sided one carry their share as capital.
    let above = side(1.0, theta, 0.5 / m);
    let below = side(-1.0, 1.0 - theta, 0.5 / (1.0 - m));
    above.into_iter().zip(below).map(|(above, below)| above.max(below)).collect()
}

/// The betting confidence interval after the whole stream: all means on a grid of `1/resolution` against which the
/// hedged capital has not reached `1/alpha`. The tightest for bounded observations; O(n · resolution).
pub fn hedged_interval(stream: &[f64], alpha: f64, resolution: u32) -> Result<Interval, Reason> {
    check(stream)?;
    let accepted = (0..=resolution)
        .map(|step| f64::from(step) / f64::from(resolution))
        .filter(|&m| hedged_capital(stream, m, alpha, 0.5).last().is_some_and(|capital| *capital < 1.0 / alpha));
    let (low, high) = accepted.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), m| (low.min(m), high.max(m)));
    if low > high {
        return Err(Reason::TooFew);
    }
    let step = 1.0 / f64::from(resolution);
    Ok(Interval { low: low - step, high: high + step }.clamped(0.0, 1.0))
}

/// The empirical-Bernstein sequence: an interval after every observation, narrow when the variance is small.
pub fn empirical_bernstein(stream: &[f64], alpha: f64) -> Result<Vec<Interval>, Reason> {
    two_sided(
        stream,
        |stream| {
            let bets = predictable_bets(stream, alpha / 2.0).into_iter().map(|bet| bet.min(0.5)).collect();
            let mut sum = 0.0;
            let variances = stream.iter().enumerate().map(|(index, x)| {
                let mean_before = if index == 0 { 0.0 } else { sum / index as f64 };
                sum += x;
                (x - mean_before).powi(2)
            });
            (bets, variances.collect(), |bet: f64| -(-bet).ln_1p() - bet)
        },
        alpha / 2.0,
    )
}

/// The Hoeffding sequence: wider, but needs nothing estimated.
pub fn hoeffding(stream: &[f64], alpha: f64) -> Result<Vec<Interval>, Reason> {
    two_sided(
        stream,
        |stream| {
            let bet = |t: f64| (8.0 * (2.0 / alpha).ln() / (t * (1.0 + t).ln())).sqrt().min(1.0);
            let bets = (1..=stream.len()).map(|t| bet(t as f64)).collect();
            (bets, vec![1.0; stream.len()], |bet: f64| bet * bet / 8.0)
        },
        alpha / 2.0,
    )
}

/// The asymptotic sequence of a running mean of batch estimates with known standard errors: after each batch
/// (running mean, one-sided lower bound). `tightest_at` is the batch at which it should be narrowest, from 1.
pub fn asymptotic_lower(
    estimates: &[f64],
    standard_errors: &[f64],
    alpha: f64,
    tightest_at: usize,
) -> Result<Vec<(f64, f64)>, Reason> {
    if estimates.len() != standard_errors.len() || !(alpha > 0.0 && alpha < 0.5) || tightest_at == 0 {
        return Err(Reason::InvalidInput);
    }
    if estimates.is_empty() {
        return Err(Reason::NoPairs);
    }
    let target: f64 = standard_errors.iter().take(tightest_at).map(|error| error * error).sum();
    if target <= 0.0 {
        return Err(Reason::NoVariance);
    }
    let doubled = 2.0 * alpha;
    let log_term = -2.0 * doubled.ln();
    let scale = (log_term + (log_term + 1.0).ln()) / target;
    let (mut sum, mut time) = (0.0, 0.0);
    Ok(estimates
        .iter()
        .zip(standard_errors)
        .enumerate()
        .map(|(index, (estimate, error))| {
            sum += estimate;
            time += error * error;
            let batches = (index + 1) as f64;
            let scaled = time * scale + 1.0;
            let width = 2.0 * scaled / (batches * batches * scale) * (1.0 + scaled.sqrt() / doubled).ln();
            (sum / batches, sum / batches - width.sqrt())
        })
        .collect())
}

/// (bets, variance increments, psi) of a one-sided predictable-mixture sequence.
type Mixture = (Vec<f64>, Vec<f64>, fn(f64) -> f64);

fn two_sided(stream: &[f64], mixture: impl Fn(&[f64]) -> Mixture, alpha: f64) -> Result<Vec<Interval>, Reason> {
    check(stream)?;
    let mirrored: Vec<f64> = stream.iter().map(|x| 1.0 - x).collect();
    let low = lower(stream, mixture(stream), alpha);
    let high = lower(&mirrored, mixture(&mirrored), alpha);
    Ok(low.into_iter().zip(high).map(|(low, high)| Interval { low, high: 1.0 - high }).collect())
}

/// `Σ λx / Σ λ - (ln(1/α) + Σ v ψ(λ)) / Σ λ`, at least 0.
fn lower(stream: &[f64], (bets, variances, psi): Mixture, alpha: f64) -> Vec<f64> {
    let (mut weighted, mut penalty, mut total) = (0.0, (1.0 / alpha).ln(), 0.0);
    stream
        .iter()
        .zip(bets)
        .zip(variances)
        .map(|((x, bet), variance)| {
            weighted += bet * x;
            penalty += variance * psi(bet);
            total += bet;
            ((weighted - penalty) / total).max(0.0)
        })
        .collect()
}

fn check(stream: &[f64]) -> Result<(), Reason> {
    if stream.is_empty() {
        return Err(Reason::NoPairs);
    }
    if stream.iter().all(|x| (0.0..=1.0).contains(x)) { Ok(()) } else { Err(Reason::InvalidInput) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn the_sequence_holds_at_all_times_at_once() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let missed = (0..400).filter(|_| {
            let stream: Vec<f64> = (0..300).map(|_| f64::from(u8::from(rng.random::<f64>() < 0.9))).collect();
            empirical_bernstein(&stream, 0.05).unwrap().iter().any(|interval| !interval.contains(0.9))
        });
        assert!(missed.count() <= 20);
    }

    #[test]
    fn values_outside_0_1_are_refused() {
        assert_eq!(hoeffding(&[0.5, 1.5], 0.05), Err(Reason::InvalidInput));
        assert_eq!(empirical_bernstein(&[], 0.05), Err(Reason::NoPairs));
    }
}
