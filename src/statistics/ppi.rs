//! Prediction-powered inference: a few human labels and many judge scores into one honest rate (PPI++).
//!
//! Angelopoulos, Duchi, Zrnic 2023. The judge's scores may be as biased as they like; the labels correct them, and the
//! tuning `lambda` decides how much the scores are trusted. Items of one cluster (a conversation) count as one draw, as in
//! Bates, Angelopoulos and others' clustered form; an item that depends on no other is a cluster of its own.

use super::distribution::two_sided_t;
use super::proportion::wilson_at;
use super::{ClusterShare, Interval, Reason};

/// Labels needed for the prediction-powered interval.
pub const MIN_LABELS: usize = 100;
/// Labels of the rarer class needed; below, measured coverage falls under 0.92.
pub const MIN_MINORITY: usize = 20;

/// The labelled items of one cluster.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LabelledCluster {
    /// Sum of their weights.
    pub weight: f64,
    /// Sum of weight × label.
    pub labels: f64,
    /// Sum of weight × the judge's score.
    pub scores: f64,
}

/// The judge's scores of items without a label, summed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unlabelled {
    /// The number of clusters.
    pub clusters: f64,
    /// The weighted mean.
    pub mean: f64,
    /// The variance between clusters: that of the mean, times their number.
    pub variance: f64,
}

impl Unlabelled {
    /// From the sums `Σ A`, `Σ W`, `Σ A²`, `Σ A W`, `Σ W²` over clusters, `A` the weighted sum of a cluster's scores and `W`
    /// that of its weights.
    pub fn of_sums(clusters: f64, [a, w, aa, aw, ww]: [f64; 5]) -> Result<Self, Reason> {
        if clusters < 2.0 || w <= 0.0 {
            return Err(Reason::TooFew);
        }
        let mean = a / w;
        let squares = (aa - 2.0 * mean * aw + mean * mean * ww).max(0.0);
        Ok(Self { clusters, mean, variance: squares * clusters * clusters / (w * w) / (clusters - 1.0) })
    }

    /// From clusters of scores; `hits` are the weighted sums of the scores.
    pub fn of(clusters: &[ClusterShare]) -> Result<Self, Reason> {
        let mut sums = [0.0; 5];
        for ClusterShare { items: w, hits: a } in clusters {
            for (sum, amount) in sums.iter_mut().zip([*a, *w, a * a, a * w, w * w]) {
                *sum += amount;
            }
        }
        Self::of_sums(clusters.len() as f64, sums)
    }
}

/// A prediction-powered mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PpiMean {
    /// The estimate.
    pub mean: f64,
    pub standard_error: f64,
    /// The tuning used; 0 means that the judge did not help.
    pub lambda: f64,
    /// One less than there are clusters of labelled items.
    pub degrees_of_freedom: f64,
}

impl PpiMean {
    /// Wilson's limits at the number of draws that would have this error, with the quantile of t: of symmetric limits the
    /// one towards the nearer end holds too seldom.
    pub fn interval(&self, confidence: f64) -> Result<Interval, Reason> {
        let mean = self.mean.clamp(0.0, 1.0);
        let draws = mean * (1.0 - mean) / self.standard_error.powi(2);
        wilson_at(mean, draws, two_sided_t(confidence, self.degrees_of_freedom))
    }
}

/// The PPI++ mean of labels, with the judge's scores of the same items and of others.
///
/// `mean y + λ (mean f_U - mean f_L)`, variance `[var y + λ² var f - 2 λ cov]/n + λ² var f_U / N`,
/// `λ = cov / ((1 + n/N) var f)` with `var f` over both, all moments between clusters and with `n - 1`. The
/// variance-minimising `λ` is clipped to [0, 1]: outside it explodes at small n.
pub fn ppi_mean(labelled: &[LabelledCluster], unlabelled: &Unlabelled) -> Result<PpiMean, Reason> {
    let sum = |of: fn(&LabelledCluster) -> f64| labelled.iter().map(of).sum::<f64>();
    let (weight, n) = (sum(|one| one.weight), labelled.len() as f64);
    if labelled.is_empty() || weight <= 0.0 {
        return Err(Reason::NoPairs);
    }
    if labelled.len() < 2 {
        return Err(Reason::TooFew);
    }
    let (label, score) = (sum(|one| one.labels) / weight, sum(|one| one.scores) / weight);
    if !(label.is_finite() && score.is_finite() && unlabelled.mean.is_finite() && unlabelled.variance.is_finite()) {
        return Err(Reason::InvalidInput);
    }
    // What a cluster adds to the error of a mean, times their number: its own deviation, where all weigh the same.
    let of_labels = |one: &LabelledCluster| n * (one.labels - label * one.weight) / weight;
    let of_scores = |one: &LabelledCluster| n * (one.scores - score * one.weight) / weight;
    let squares = |a: &dyn Fn(&LabelledCluster) -> f64, b: &dyn Fn(&LabelledCluster) -> f64| {
        labelled.iter().map(|one| a(one) * b(one)).sum::<f64>()
    };
    let moment = |squares: f64| squares / (n - 1.0);
    let covariance = moment(squares(&of_labels, &of_scores));
    let (of_label, of_score) = (moment(squares(&of_labels, &of_labels)), moment(squares(&of_scores, &of_scores)));
    let others = unlabelled.clusters;
    let apart = n * others / (n + others) * (score - unlabelled.mean).powi(2);
    let pooled = ((n - 1.0) * of_score + (others - 1.0) * unlabelled.variance + apart) / (n + others - 1.0);
    let spread = (1.0 + n / others) * pooled;
    let lambda = if spread > 0.0 { (covariance / spread).clamp(0.0, 1.0) } else { 0.0 };
    let rectified = of_label + lambda * lambda * of_score - 2.0 * lambda * covariance;
    Ok(PpiMean {
        mean: label + lambda * (unlabelled.mean - score),
        standard_error: (rectified.max(0.0) / n + lambda * lambda * unlabelled.variance / others).sqrt(),
        lambda,
        degrees_of_freedom: n - 1.0,
    })
}

/// Which estimator a quality rate came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// PPI++.
    PredictionPowered,
    /// Human labels alone.
    LabelsOnly,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_that_guesses_is_given_no_weight() {
        let labelled = [(1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(labels, scores)| LabelledCluster {
            weight: 1.0,
            labels,
            scores,
        });
        let others = [1.0, 0.0, 1.0].map(|hits| ClusterShare { items: 1.0, hits });
        let ppi = ppi_mean(&labelled, &Unlabelled::of(&others).unwrap()).unwrap();
        assert_eq!((ppi.lambda, ppi.mean), (0.0, 0.5));
    }

    /// By scipy: Wilson's limits at 100 draws with the quantile of t at 39 degrees of freedom.
    #[test]
    fn limits_are_wilsons_at_as_many_draws_as_have_this_error_with_the_quantile_of_t() {
        let ppi = PpiMean { mean: 0.8, standard_error: 0.04, lambda: 0.5, degrees_of_freedom: 39.0 };
        let interval = ppi.interval(0.95).unwrap();
        assert!((interval.low - 0.708_035_067_9).abs() < 1e-9 && (interval.high - 0.868_382_100_1).abs() < 1e-9);
        let beyond = PpiMean { mean: 1.02, ..ppi };
        assert!(beyond.interval(0.95).is_err(), "no draws have no error and no variance");
    }

    #[test]
    fn no_labels_no_mean() {
        let others = Unlabelled { clusters: 10.0, mean: 0.5, variance: 0.2 };
        assert_eq!(ppi_mean(&[], &others), Err(Reason::NoPairs));
        assert_eq!(Unlabelled::of(&[]), Err(Reason::TooFew));
    }
}
