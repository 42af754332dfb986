//! Proportions and their differences.

use super::distribution::two_sided_z;
use super::{CONFIDENCE, Estimate, Interval, Reason};

/// Wilson's score interval for `successes` of `n`.
///
/// `(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)` (Wilson 1927). Keeps its level near 0 and 1, where the
/// textbook interval collapses to a point. Counts may be fractional: an effective sample size.
pub fn wilson(successes: f64, n: f64, confidence: f64) -> Result<Interval, Reason> {
    if n <= 0.0 {
        return Err(Reason::NoPairs);
    }
    if !(0.0..=n * (1.0 + 1e-12)).contains(&successes) || !(0.0..1.0).contains(&confidence) {
        return Err(Reason::InvalidInput);
    }
    wilson_at((successes / n).min(1.0), n, two_sided_z(confidence))
}

/// Wilson's interval around the share `p` of `n` with a quantile of the caller's choice.
pub(super) fn wilson_at(p: f64, n: f64, z: f64) -> Result<Interval, Reason> {
    if !(n > 0.0 && n.is_finite() && z.is_finite()) {
        return Err(Reason::InvalidInput);
    }
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    let mut interval = Interval::around(centre, half).clamped(0.0, 1.0);
    // At the ends one limit is the end itself; rounding must not move it.
    if p == 0.0 {
        interval.low = 0.0;
    }
    if p == 1.0 {
        interval.high = 1.0;
    }
    Ok(interval)
}

/// A proportion with its Wilson interval at the default confidence.
pub fn proportion(successes: f64, n: f64) -> Estimate {
    if n <= 0.0 {
        return Reason::NoPairs.into();
    }
    Estimate::new(Ok(successes / n), wilson(successes, n, CONFIDENCE))
}

/// Newcombe's interval for the difference `x1/n1 - x2/n2` of two independent proportions (his method 10: the two
/// Wilson intervals, squared and added).
pub fn newcombe(x1: f64, n1: f64, x2: f64, n2: f64, confidence: f64) -> Result<Interval, Reason> {
    let (first, second) = (wilson(x1, n1, confidence)?, wilson(x2, n2, confidence)?);
    let (p1, p2) = (x1 / n1, x2 / n2);
    Ok(Interval {
        low: p1 - p2 - (p1 - first.low).hypot(second.high - p2),
        high: p1 - p2 + (first.high - p1).hypot(p2 - second.low),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wilson_stays_inside_0_1_and_covers_the_proportion(n in 1_u32..5_000, share in 0.0..=1.0_f64) {
            let successes = (f64::from(n) * share).floor();
            let interval = wilson(successes, f64::from(n), 0.95).unwrap();
            prop_assert!((0.0..=1.0).contains(&interval.low) && (0.0..=1.0).contains(&interval.high));
            prop_assert!((interval.low..=interval.high).contains(&(successes / f64::from(n))));
        }
    }

    #[test]
    fn nothing_observed_is_no_interval() {
        assert_eq!(wilson(0.0, 0.0, 0.95), Err(Reason::NoPairs));
        assert_eq!(wilson(3.0, 2.0, 0.95), Err(Reason::InvalidInput));
    }
}
