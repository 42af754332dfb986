//! When to try again: exponential backoff with full jitter, and what a server's `Retry-After` says. Pure.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// The bound of the first wait; doubles with every failure.
const FIRST: Duration = Duration::from_millis(500);
/// The largest bound.
const LONGEST: Duration = Duration::from_secs(30);
/// A wait longer than this that a server asks for is a mistake or an outage that the next attempt may test.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// The wait after the `failures`-th failure in a row (from 1): `unit` of the bound, `unit` being uniform in [0, 1).
pub(super) fn backoff(failures: u32, unit: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let bound = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    bound.mul_f64(unit.clamp(0.0, 1.0))
}

/// The wait that a response's headers ask for: `retry-after-ms`, then `retry-after` in seconds or as an HTTP date.
pub(super) fn asked_wait(retry_after_ms: Option<&str>, retry_after: Option<&str>, now: Timestamp) -> Option<Duration> {
    let milliseconds = retry_after_ms.and_then(|text| seconds(text).map(|value| value / 1000));
    milliseconds
        .or_else(|| seconds(retry_after?).or_else(|| until(retry_after?, now)))
        .map(|wait| wait.min(LONGEST_ASKED))
}

fn seconds(text: &str) -> Option<Duration> {
    let value: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(value).ok()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`; a moment in the past is no wait at all.
fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let moment = rfc2822::DateTimeParser::new().parse_timestamp(date.trim()).ok()?;
    Some(Duration::try_from(moment.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "1994-11-06T08:49:07Z".parse().unwrap()
    }

    #[test]
    fn waits_double_up_to_a_bound_and_spread_over_all_of_it() {
        let bounds: Vec<u128> = (1..=9).map(|failures| backoff(failures, 1.0).as_millis()).collect();
        assert_eq!(bounds, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(backoff(3, 0.25), Duration::from_millis(500));
        assert_eq!(backoff(u32::MAX, 0.0), Duration::ZERO);
    }

    #[test]
    fn a_server_asks_in_seconds_in_milliseconds_or_by_date() {
        assert_eq!(asked_wait(None, Some("7"), now()), Some(Duration::from_secs(7)));
        assert_eq!(asked_wait(Some("250"), Some("7"), now()), Some(Duration::from_millis(250)));
        assert_eq!(asked_wait(None, Some("Sun, 06 Nov 1994 08:49:37 GMT"), now()), Some(Duration::from_secs(30)));
        assert_eq!(asked_wait(None, Some("Sun, 06 Nov 1994 08:00:00 GMT"), now()), Some(Duration::ZERO));
        assert_eq!(asked_wait(None, Some("99999999"), now()), Some(LONGEST_ASKED));
    }

    #[test]
    fn nonsense_is_no_request() {
        for nonsense in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(asked_wait(None, Some(nonsense), now()), None, "{nonsense}");
        }
        assert_eq!(asked_wait(None, None, now()), None);
    }
}
