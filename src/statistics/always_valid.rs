//! Intervals that hold at every look at once, so that looking after each deploy is allowed.
//!
//! A running estimate with standard error `s` moves like a Brownian motion in the information `1/s²` that it rests on. Mixing
//! the normal likelihood ratio over a normal prior of precision `r` gives a martingale, and by Ville's inequality an interval
//! that the truth leaves at any time with probability `α` at most (Robbins 1970; asymptotically for any estimator of this
//! kind: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024).

use super::{Interval, Reason};

/// Where the interval is narrowest, compared with that of a single look: at a standard error of two points of a hundred.
const NARROWEST_AT: f64 = 0.02;

/// Information over prior precision at which a mixture is narrowest, at `α` of 0.05; flat around it.
const RATIO: f64 = 8.5;

/// Half the width of the interval around an estimate with this standard error:
/// `s sqrt((1 + r s²) ln((1 + 1/(r s²)) / α²))`.
pub fn half_width(standard_error: f64, confidence: f64) -> f64 {
    let precision = 1.0 / (RATIO * NARROWEST_AT * NARROWEST_AT);
    let ratio = precision * standard_error * standard_error;
    let alpha = 1.0 - confidence;
    standard_error * ((1.0 + ratio) * ((1.0 + 1.0 / ratio).ln() - 2.0 * alpha.ln())).sqrt()
}

/// The interval around an estimate that may be looked at as often as one likes.
pub fn interval(estimate: f64, standard_error: f64, confidence: f64) -> Result<Interval, Reason> {
    if !(estimate.is_finite() && standard_error.is_finite() && confidence > 0.0 && confidence < 1.0) {
        return Err(Reason::InvalidInput);
    }
    if standard_error <= 0.0 {
        return Err(Reason::NoVariance);
    }
    Ok(Interval::around(estimate, half_width(standard_error, confidence)))
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::statistics::distribution::{normal_quantile, two_sided_z};

    #[test]
    fn it_is_at_most_half_as_wide_again_as_one_look_where_it_is_narrowest() {
        let times = |error: f64| half_width(error, 0.95) / (two_sided_z(0.95) * error);
        assert!(times(NARROWEST_AT) < 1.56, "{}", times(NARROWEST_AT));
        assert!(times(NARROWEST_AT) <= times(NARROWEST_AT / 3.0) && times(NARROWEST_AT) <= times(NARROWEST_AT * 3.0));
        assert!(times(NARROWEST_AT / 10.0) < 2.0 && times(NARROWEST_AT * 3.0) < 2.0);
    }

    #[test]
    fn an_estimate_that_is_looked_at_a_hundred_times_leaves_it_in_fewer_than_five_of_a_hundred_histories() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
        let (histories, mut left) = (1_000, 0);
        for _ in 0..histories {
            let (mut sum, mut seen) = (0.0, 0.0_f64);
            let leaves = (0..100).any(|_| {
                // A hundred answers more of a share that is 0.5.
                seen += 100.0;
                sum += 5.0 * normal_quantile(rng.random::<f64>().clamp(1e-12, 1.0 - 1e-12));
                (sum / seen).abs() > half_width(0.5 / seen.sqrt(), 0.95)
            });
            left += u32::from(leaves);
        }
        assert!(left <= 50, "{left} of {histories}");
        assert!(left > 2, "an interval that nothing leaves is wider than it promises: {left}");
    }

    #[test]
    fn without_an_error_there_is_no_interval() {
        assert_eq!(interval(0.1, 0.0, 0.95), Err(Reason::NoVariance));
        assert_eq!(interval(f64::NAN, 0.1, 0.95), Err(Reason::InvalidInput));
    }
}
