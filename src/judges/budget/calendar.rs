//! UTC days and months. Pure.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// The calendar ends in the year 9999; before that there is always a next day.
const BEYOND: Duration = Duration::from_hours(1);

/// Days since the Unix epoch, UTC.
pub fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(86_400)
}

/// The first day of the month of `now`, as [`day`] counts.
pub fn first_of_month(now: Timestamp) -> i64 {
    let date: Date = now.to_zoned(TimeZone::UTC).date();
    day(now) - i64::from(date.day() - 1)
}

pub(super) fn until_tomorrow(now: Timestamp) -> Duration {
    let now = now.to_zoned(TimeZone::UTC);
    wait_until(&now, now.start_of_day().and_then(|midnight| midnight.checked_add(1.day())))
}

pub(super) fn until_next_month(now: Timestamp) -> Duration {
    let now = now.to_zoned(TimeZone::UTC);
    let first = now.first_of_month().and_then(|first| first.start_of_day());
    wait_until(&now, first.and_then(|first| first.checked_add(1.month())))
}

fn wait_until(now: &Zoned, moment: Result<Zoned, jiff::Error>) -> Duration {
    moment.ok().and_then(|moment| Duration::try_from(now.duration_until(&moment)).ok()).unwrap_or(BEYOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_those_of_utc() {
        let now: Timestamp = "2026-11-28T23:00:00Z".parse().unwrap();
        assert_eq!(day(now) - first_of_month(now), 27);
        assert_eq!(day("1970-01-02T00:00:00Z".parse().unwrap()), 1);
        assert_eq!(until_tomorrow(now), Duration::from_hours(1));
        assert_eq!(until_next_month(now), Duration::from_hours(49));
    }
}
