//! The Rogan–Gladen correction: a judge's pass rate corrected by its known error rates.

use super::distribution::two_sided_z;
use super::{CONFIDENCE, Estimate, Interval, Reason};

/// Below this `TPR + TNR - 1` the judge carries too little information to be corrected.
pub const MIN_INFORMATION: f64 = 0.2;

/// What is known about the judge, from labels of another period, and what it said now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Human positives among the calibration labels.
    pub positives: u64,
    /// Of these, how many the judge called positive.
    pub true_positives: u64,
    /// Human negatives among the calibration labels.
    pub negatives: u64,
    /// Of these, how many the judge called negative.
    pub true_negatives: u64,
}

/// The corrected rate `(p + TNR - 1) / (TPR + TNR - 1)` of `passed` of `judged` subjects, with +1 smoothing of both
/// error rates and the delta-method interval, cut to [0, 1] (Rogan and Gladen 1978).
///
/// Over-covers, and is wider than labels of the same period alone: use it only when the calibration labels come from
/// another period.
pub fn rogan_gladen(passed: u64, judged: u64, calibration: &Calibration) -> Estimate {
    if judged == 0 || calibration.positives == 0 || calibration.negatives == 0 {
        return Reason::NoPairs.into();
    }
    if passed > judged
        || calibration.true_positives > calibration.positives
        || calibration.true_negatives > calibration.negatives
    {
        return Reason::InvalidInput.into();
    }
    let (n1, n0) = (calibration.positives as f64, calibration.negatives as f64);
    let tpr = (calibration.true_positives as f64 + 1.0) / (n1 + 2.0);
    let tnr = (calibration.true_negatives as f64 + 1.0) / (n0 + 2.0);
    let information = tpr + tnr - 1.0;
    if information < MIN_INFORMATION {
        return Reason::JudgeUninformative.into();
    }
    let n = judged as f64;
    let p = passed as f64 / n;
    let corrected = (p + tnr - 1.0) / information;
    let variance = (p * (1.0 - p) / n
        + corrected.powi(2) * tpr * (1.0 - tpr) / n1
        + (1.0 - corrected).powi(2) * tnr * (1.0 - tnr) / n0)
        / information.powi(2);
    let interval = Interval::around(corrected, two_sided_z(CONFIDENCE) * variance.sqrt()).clamped(0.0, 1.0);
    Estimate::new(Ok(corrected.clamp(0.0, 1.0)), Ok(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lenient_judge_is_corrected_downwards() {
        let lenient = Calibration { positives: 200, true_positives: 190, negatives: 200, true_negatives: 120 };
        let corrected = rogan_gladen(800, 1_000, &lenient);
        assert!(corrected.value().unwrap() < 0.75);
        assert!(corrected.interval().unwrap().contains(corrected.value().unwrap()));
    }

    #[test]
    fn a_guessing_judge_is_refused() {
        let guessing = Calibration { positives: 100, true_positives: 55, negatives: 100, true_negatives: 50 };
        assert_eq!(rogan_gladen(5, 10, &guessing), Reason::JudgeUninformative.into());
    }
}
