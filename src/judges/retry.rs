//! When to try again: exponential backoff with full jitter. Pure.

use std::time::Duration;

/// The bound of the first wait; doubles with every failure.
const FIRST: Duration = Duration::from_millis(500);
/// The largest bound.
const LONGEST: Duration = Duration::from_secs(30);

/// The wait after the `failures`-th failure in a row (from 1): `unit` of the bound, `unit` being uniform in [0, 1).
pub(super) fn backoff(failures: u32, unit: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let bound = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    bound.mul_f64(unit.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_spread_over_all_of_it() {
        let bounds: Vec<u128> = (1..=9).map(|failures| backoff(failures, 1.0).as_millis()).collect();
        assert_eq!(bounds, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(backoff(3, 0.25), Duration::from_millis(500));
        assert_eq!(backoff(u32::MAX, 0.0), Duration::ZERO);
    }
}
