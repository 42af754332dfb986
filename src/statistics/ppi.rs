//! Prediction-powered inference: a few human labels and many judge scores into one honest rate (PPI++).
//!
//! Angelopoulos, Duchi, Zrnic 2023. The judge's scores may be as biased as they like; the labels correct them, and the
//! tuning `lambda` decides how much the scores are trusted. For simple random labels only.

use super::distribution::two_sided_z;
use super::{CONFIDENCE, Estimate, Interval, Reason, wilson};

/// Labels needed for the prediction-powered interval.
pub const MIN_LABELS: usize = 100;
/// Labels of the rarer class needed; below, measured coverage falls under 0.92.
pub const MIN_MINORITY: usize = 20;

/// A prediction-powered mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PpiMean {
    /// The estimate.
    pub mean: f64,
    pub standard_error: f64,
    /// The tuning used; 0 means that the judge did not help.
    pub lambda: f64,
}

impl PpiMean {
    /// The normal interval.
    pub fn interval(&self, confidence: f64) -> Interval {
        Interval::around(self.mean, two_sided_z(confidence) * self.standard_error)
    }
}

/// The PPI++ mean of `labels`, with the judge's `scores` of the same subjects and of `unlabelled` others.
///
/// `mean y + λ (mean f_U - mean f_L)`, variance `[var y + λ² var f - 2 λ cov]/n + λ² var f_U / N`,
/// `λ = cov / ((1 + n/N) var f)`, all moments with `n - 1`. The variance-minimising `λ` is clipped to [0, 1]: outside it
/// explodes at small n.
pub fn ppi_mean(labels: &[f64], scores: &[f64], unlabelled: &[f64]) -> Result<PpiMean, Reason> {
    let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
    if labels.len() != scores.len() || !finite(labels) || !finite(scores) || !finite(unlabelled) {
        return Err(Reason::InvalidInput);
    }
    if labels.is_empty() {
        return Err(Reason::NoPairs);
    }
    if labels.len() < 2 || unlabelled.len() < 2 {
        return Err(Reason::TooFew);
    }
    let (n, others) = (labels.len() as f64, unlabelled.len() as f64);
    let covariance = covariance(labels, scores);
    let pooled: Vec<f64> = scores.iter().chain(unlabelled).copied().collect();
    let spread = (1.0 + n / others) * variance(&pooled);
    let lambda = if spread > 0.0 { (covariance / spread).clamp(0.0, 1.0) } else { 0.0 };
    let rectified = variance(labels) + lambda * lambda * variance(scores) - 2.0 * lambda * covariance;
    Ok(PpiMean {
        mean: mean(labels) + lambda * (mean(unlabelled) - mean(scores)),
        standard_error: (rectified.max(0.0) / n + lambda * lambda * variance(unlabelled) / others).sqrt(),
        lambda,
    })
}

/// Which estimator a quality rate came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// PPI++.
    PredictionPowered,
    /// Human labels alone, with Wilson's interval.
    LabelsOnly,
}

/// The share of good answers as a report shows it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct QualityRate {
    pub rate: Estimate,
    /// How it was estimated.
    pub method: Method,
    /// The tuning; `None` without PPI++.
    pub lambda: Option<f64>,
}

/// PPI++ behind its gate (at least 100 binary labels, 20 of the rarer class), else human labels alone with Wilson's
/// interval: with rare failures the shorter interval of PPI++ is partly under-coverage.
pub fn quality_rate(labels: &[bool], scores: &[f64], unlabelled: &[f64]) -> QualityRate {
    let n = labels.len();
    let good = labels.iter().filter(|label| **label).count();
    let labels_only = || {
        let value = if n == 0 { Err(Reason::NoPairs) } else { Ok(good as f64 / n as f64) };
        let rate = Estimate::new(value, wilson(good as f64, n as f64, CONFIDENCE));
        QualityRate { rate, method: Method::LabelsOnly, lambda: None }
    };
    if n < MIN_LABELS || good.min(n - good) < MIN_MINORITY {
        return labels_only();
    }
    let numbers: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
    match ppi_mean(&numbers, scores, unlabelled) {
        Ok(ppi) => QualityRate {
            rate: Estimate::new(Ok(ppi.mean), Ok(ppi.interval(CONFIDENCE).clamped(0.0, 1.0))),
            method: Method::PredictionPowered,
            lambda: Some(ppi.lambda),
        },
        Err(_) => labels_only(),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    covariance(values, values)
}

fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / (a.len() as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_that_guesses_is_given_no_weight() {
        let labels = [1.0, 0.0, 1.0, 0.0];
        let ppi = ppi_mean(&labels, &[0.0, 0.0, 1.0, 1.0], &[1.0, 0.0, 1.0]).unwrap();
        assert_eq!(ppi.lambda, 0.0);
        assert_eq!(ppi.mean, 0.5);
    }

    #[test]
    fn few_failures_fall_back_to_the_labels() {
        let labels: Vec<bool> = (0..200).map(|index| index >= 15).collect();
        let scores: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
        assert_eq!(quality_rate(&labels, &scores, &scores).method, Method::LabelsOnly);
        let labels: Vec<bool> = (0..200).map(|index| index >= 20).collect();
        assert_eq!(quality_rate(&labels, &scores, &scores).method, Method::PredictionPowered);
    }

    #[test]
    fn no_labels_no_rate() {
        assert_eq!(quality_rate(&[], &[], &[0.5]).rate, Reason::NoPairs.into());
    }
}
