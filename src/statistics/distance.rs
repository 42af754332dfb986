//! Two histograms over the same bins: are they different, and by how much?

use super::Reason;
use super::distribution::chi_squared_quantile;
use super::paired::ChiSquared;

/// The chi-squared test of a 2×k table; bins empty on both sides drop out.
pub fn chi_squared(reference: &[f64], current: &[f64]) -> Result<ChiSquared, Reason> {
    let (n, m) = totals(reference, current)?;
    let mut bins = 0.0;
    let mut statistic = 0.0;
    for (r, c) in reference.iter().zip(current).filter(|(r, c)| *r + *c > 0.0) {
        bins += 1.0;
        for (observed, total) in [(r, n), (c, m)] {
            let expected = (r + c) * total / (n + m);
            statistic += (observed - expected).powi(2) / expected;
        }
    }
    Ok(ChiSquared::new(statistic, bins - 1.0))
}

/// The Jensen–Shannon distance, base 2: the root of the divergence, in [0, 1]. Finite with empty bins.
pub fn jensen_shannon(reference: &[f64], current: &[f64]) -> Result<f64, Reason> {
    let (n, m) = totals(reference, current)?;
    let divergence: f64 = reference
        .iter()
        .zip(current)
        .map(|(r, c)| {
            let (p, q) = (r / n, c / m);
            let mean = f64::midpoint(p, q);
            relative_entropy(p, mean) + relative_entropy(q, mean)
        })
        .sum();
    Ok((divergence.max(0.0) / 2.0 / std::f64::consts::LN_2).sqrt())
}

/// Half the summed absolute differences of the shares, in [0, 1].
pub fn total_variation(reference: &[f64], current: &[f64]) -> Result<f64, Reason> {
    let (n, m) = totals(reference, current)?;
    Ok(reference.iter().zip(current).map(|(r, c)| (r / n - c / m).abs()).sum::<f64>() / 2.0)
}

/// The population stability index `Σ (p - q) ln(p/q)`, infinite with an empty bin; `smoothing` is added to every
/// count, 0.5 in reports. Informational: the usual cut-offs ignore the sample sizes, see [`psi_null_quantile`].
pub fn psi(reference: &[f64], current: &[f64], smoothing: f64) -> Result<f64, Reason> {
    let (n, m) = totals(reference, current)?;
    let added = smoothing * reference.len() as f64;
    let sum = reference.iter().zip(current).map(|(r, c)| {
        let (p, q) = ((r + smoothing) / (n + added), (c + smoothing) / (m + added));
        if p == q { 0.0 } else { (p - q) * (p / q).ln() }
    });
    Ok(sum.sum())
}

/// What [`psi`] exceeds with probability `1 - level` when nothing changed: `χ²_{level, k-1} (1/n + 1/m)`.
pub fn psi_null_quantile(n: f64, m: f64, bins: usize, level: f64) -> Result<f64, Reason> {
    if n <= 0.0 || m <= 0.0 || bins < 2 {
        return Err(Reason::TooFew);
    }
    Ok(chi_squared_quantile(level, (bins - 1) as f64) * (1.0 / n + 1.0 / m))
}

fn relative_entropy(p: f64, q: f64) -> f64 {
    if p > 0.0 { p * (p / q).ln() } else { 0.0 }
}

fn totals(reference: &[f64], current: &[f64]) -> Result<(f64, f64), Reason> {
    let valid = |counts: &[f64]| counts.iter().all(|count| count.is_finite() && *count >= 0.0);
    if reference.len() != current.len() || !valid(reference) || !valid(current) {
        return Err(Reason::InvalidInput);
    }
    let (n, m): (f64, f64) = (reference.iter().sum(), current.iter().sum());
    if n > 0.0 && m > 0.0 { Ok((n, m)) } else { Err(Reason::NoPairs) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_distance_is_symmetric_and_at_most_1(counts in prop::collection::vec((0_u16..50, 0_u16..50), 1..8)) {
            let (a, b): (Vec<f64>, Vec<f64>) = counts.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).unzip();
            if let (Ok(there), Ok(back)) = (jensen_shannon(&a, &b), jensen_shannon(&b, &a)) {
                prop_assert!((there - back).abs() < 1e-12);
                prop_assert!((0.0..=1.0 + 1e-12).contains(&there));
            }
        }
    }

    #[test]
    fn an_empty_bin_is_no_infinity_in_a_report() {
        assert_eq!(psi(&[50.0, 50.0], &[100.0, 0.0], 0.0), Ok(f64::INFINITY));
        assert!(psi(&[50.0, 50.0], &[100.0, 0.0], 0.5).unwrap().is_finite());
    }
}
