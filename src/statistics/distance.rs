//! Two histograms over the same bins: are they different?

use super::Reason;
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

fn totals(reference: &[f64], current: &[f64]) -> Result<(f64, f64), Reason> {
    let valid = |counts: &[f64]| counts.iter().all(|count| count.is_finite() && *count >= 0.0);
    if reference.len() != current.len() || !valid(reference) || !valid(current) {
        return Err(Reason::InvalidInput);
    }
    let (n, m): (f64, f64) = (reference.iter().sum(), current.iter().sum());
    if n > 0.0 && m > 0.0 { Ok((n, m)) } else { Err(Reason::NoPairs) }
}
