//! From bootstrap replicates to limits: BCa.

use super::distribution::{normal_cdf, normal_quantile};
use super::{Interval, Reason};

/// Replicates this close to the estimate are ties with it (they differ by rounding).
const TIE: f64 = 1e-13;

/// The empirical quantile by linear interpolation (Hyndman and Fan's type 7, numpy's default) of ascending values.
pub fn quantile(sorted: &[f64], level: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = level.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64))
}

/// The acceleration `Σ d³ / (6 (Σ d²)^1.5)`, `d = mean - value`, over jackknife values (value, multiplicity).
/// 0 when they do not vary.
pub fn acceleration(jackknife: &[(f64, f64)]) -> f64 {
    let number: f64 = jackknife.iter().map(|(_, number)| number).sum();
    if number <= 0.0 {
        return 0.0;
    }
    let mean = jackknife.iter().map(|(value, number)| value * number).sum::<f64>() / number;
    let moment = |power: i32| jackknife.iter().map(|(value, number)| number * (mean - value).powi(power)).sum::<f64>();
    let (squares, cubes) = (moment(2), moment(3));
    if squares <= 0.0 { 0.0 } else { cubes / (6.0 * squares.powf(1.5)) }
}

/// The levels at which BCa reads the replicates: `Φ(z0 + (z0 ± z)/(1 - a (z0 ± z)))`, with `z0` from the share of
/// replicates below the estimate, ties counted half.
pub fn bca_levels(estimate: f64, replicates: &[f64], acceleration: f64, confidence: f64) -> Result<(f64, f64), Reason> {
    let tie = TIE * estimate.abs().max(1.0);
    let below = replicates.iter().filter(|&&value| value < estimate - tie).count() as f64;
    let tied = replicates.iter().filter(|&&value| (value - estimate).abs() <= tie).count() as f64;
    let bias = normal_quantile((below + 0.5 * tied) / replicates.len() as f64);
    let z = normal_quantile(0.5 + confidence / 2.0);
    let level = |z: f64| normal_cdf(bias + (bias + z) / (1.0 - acceleration * (bias + z)));
    let (low, high) = (level(-z), level(z));
    if bias.is_finite() && low.is_finite() && high.is_finite() { Ok((low, high)) } else { Err(Reason::Unstable) }
}

/// The BCa interval of ascending replicates.
pub fn bca_interval(
    estimate: f64,
    replicates: &[f64],
    jackknife: &[(f64, f64)],
    confidence: f64,
) -> Result<Interval, Reason> {
    match (replicates.first(), replicates.last()) {
        (Some(first), Some(last)) if last - first <= TIE * estimate.abs().max(1.0) => return Err(Reason::NoVariance),
        (Some(_), Some(_)) => {}
        _ => return Err(Reason::TooFew),
    }
    let (low, high) = bca_levels(estimate, replicates, acceleration(jackknife), confidence)?;
    match (quantile(replicates, low), quantile(replicates, high)) {
        (Some(low), Some(high)) => Ok(Interval { low, high }),
        _ => Err(Reason::TooFew),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_and_stay_inside() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.25), Some(1.5));
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 1.0), Some(4.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn an_estimate_outside_all_replicates_has_no_interval() {
        assert_eq!(bca_interval(9.0, &[1.0, 2.0, 3.0], &[], 0.95), Err(Reason::Unstable));
    }
}
