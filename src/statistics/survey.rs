//! Means of samples drawn with unequal, recorded probabilities, in the form for rows: what follows from sums (`cells`) is held
//! against it.
//!
//! Each observation stands for `1 / probability` others. The probability is the one stored at the draw, never one
//! inferred later.

#[cfg(test)]
use std::collections::BTreeMap;

use super::distribution::two_sided_t;
use super::{Interval, Reason};

/// Below this effective size an interval is suppressed.
pub const MIN_EFFECTIVE: f64 = 30.0;

/// How the sample was drawn; it decides the variance.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Design<'a> {
    /// Independent draws of unequal weight: with-replacement (Taylor) linearisation.
    Independent,
    /// Whole primary units (conversations) drawn within strata. A stratum with one primary unit is taken as certain
    /// and adds no variance.
    Strata {
        /// Stratum of each observation.
        strata: &'a [usize],
        /// Primary unit of each observation; units are distinct within a stratum.
        units: &'a [usize],
    },
}

/// A mean with its standard error and degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighted {
    /// The estimate.
    pub value: f64,
    pub standard_error: f64,
    /// Degrees of freedom of a t interval.
    pub degrees_of_freedom: f64,
}

impl Weighted {
    /// The t interval.
    pub fn interval(&self, confidence: f64) -> Result<Interval, Reason> {
        if self.degrees_of_freedom < 1.0 {
            return Err(Reason::TooFew);
        }
        Ok(Interval::around(self.value, two_sided_t(confidence, self.degrees_of_freedom) * self.standard_error))
    }
}

/// Hájek's mean `Σ w y / Σ w`, `w = 1/probability`.
///
/// Variance: [`Design::Independent`] `n/(n-1) Σ z²`, `z = w (y - mean) / Σ w`; [`Design::Strata`] the
/// between-primary-unit form `Σ_h n_h/(n_h - 1) Σ (z_hi - z̄_h)²`.
#[cfg(test)]
pub fn hajek_mean(y: &[f64], probability: &[f64], design: Design<'_>) -> Result<Weighted, Reason> {
    check(y, probability)?;
    let n = y.len() as f64;
    let total: f64 = probability.iter().map(|p| 1.0 / p).sum();
    let mean = y.iter().zip(probability).map(|(y, p)| y / p).sum::<f64>() / total;
    let z: Vec<f64> = y.iter().zip(probability).map(|(y, p)| (y - mean) / p / total).collect();
    let (variance, degrees_of_freedom) = match design {
        Design::Independent => (n / (n - 1.0).max(1.0) * z.iter().map(|z| z * z).sum::<f64>(), n - 1.0),
        Design::Strata { strata, units } => between_units(&z, strata, units)?,
    };
    Ok(Weighted { value: mean, standard_error: variance.sqrt(), degrees_of_freedom })
}

/// Kish's effective sample size `(Σ w)² / Σ w²`; 0 without weights.
pub fn effective_size(weights: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, squares) = weights.into_iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

#[cfg(test)]
fn check(y: &[f64], probability: &[f64]) -> Result<(), Reason> {
    let valid = probability.iter().all(|p| *p > 0.0 && *p <= 1.0) && y.iter().all(|y| y.is_finite());
    match y.len() {
        0 => Err(Reason::NoPairs),
        n if n != probability.len() || !valid => Err(Reason::InvalidInput),
        _ => Ok(()),
    }
}

#[cfg(test)]
fn between_units(z: &[f64], strata: &[usize], units: &[usize]) -> Result<(f64, f64), Reason> {
    if strata.len() != z.len() || units.len() != z.len() {
        return Err(Reason::InvalidInput);
    }
    let mut sums: BTreeMap<usize, BTreeMap<usize, f64>> = BTreeMap::new();
    for ((z, stratum), unit) in z.iter().zip(strata).zip(units) {
        *sums.entry(*stratum).or_default().entry(*unit).or_default() += z;
    }
    let variance = sums.values().filter(|units| units.len() > 1).map(|units| {
        let n = units.len() as f64;
        let mean = units.values().sum::<f64>() / n;
        n / (n - 1.0) * units.values().map(|sum| (sum - mean).powi(2)).sum::<f64>()
    });
    let units: usize = sums.values().map(BTreeMap::len).sum();
    Ok((variance.sum(), (units - sums.len()) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_probabilities_give_the_plain_mean() {
        let y = [1.0, 0.0, 1.0, 1.0];
        let weighted = hajek_mean(&y, &[0.1; 4], Design::Independent).unwrap();
        assert!((weighted.value - 0.75).abs() < 1e-12);
        assert!((weighted.standard_error - (0.25_f64 * 0.75 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_probability_of_0_cannot_have_been_drawn() {
        assert_eq!(hajek_mean(&[1.0], &[0.0], Design::Independent), Err(Reason::InvalidInput));
        assert_eq!(hajek_mean(&[], &[], Design::Independent), Err(Reason::NoPairs));
    }
}
