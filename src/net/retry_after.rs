//! How long a server that refuses for the moment asks to be left alone.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Some judge APIs say it in milliseconds as well, which is more precise.
const RETRY_AFTER_MS: &str = "retry-after-ms";

/// A longer wait is a mistake, or an outage that the next attempt may test.
const LONGEST: Duration = Duration::from_hours(1);

/// The wait that the headers of a response ask for: seconds or an HTTP date (RFC 9110, section 10.2.3), or milliseconds
/// where `retry-after-ms` gives them. A date in the past asks for no wait; what cannot be read asks for nothing.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let milliseconds = || seconds(text(RETRY_AFTER_MS)?).map(|value| value / 1000);
    let plain = || {
        let text = text(RETRY_AFTER.as_str())?;
        seconds(text).or_else(|| until(text, now))
    };
    milliseconds().or_else(plain).map(|wait| wait.min(LONGEST))
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let moment = Timestamp::try_from(httpdate::parse_http_date(date).ok()?).ok()?;
    Some(Duration::try_from(moment.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn asked(headers: &[(&'static str, &'static str)]) -> Option<Duration> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        retry_after(&headers.collect(), "1994-11-06T08:49:07Z".parse().unwrap())
    }

    #[test]
    fn a_server_asks_in_seconds_in_milliseconds_or_by_date() {
        assert_eq!(asked(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(asked(&[("retry-after", " 1.5 ")]), Some(Duration::from_millis(1500)));
        assert_eq!(asked(&[("retry-after-ms", "250"), ("retry-after", "7")]), Some(Duration::from_millis(250)));
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(asked(&[("retry-after", date)]), Some(Duration::from_secs(30)), "{date}");
        }
    }

    #[test]
    fn a_moment_that_has_passed_is_no_wait_and_a_long_wait_is_cut() {
        assert_eq!(asked(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(Duration::ZERO));
        assert_eq!(asked(&[("retry-after", "Sun, 06 Nov 2044 08:00:00 GMT")]), Some(LONGEST));
        assert_eq!(asked(&[("retry-after", "99999999")]), Some(LONGEST));
    }

    #[test]
    fn nonsense_asks_for_nothing() {
        for nonsense in ["", "soon", "-1", "NaN", "inf", "1e300", "Sun, 31 Feb 1994 08:49:37 GMT"] {
            assert_eq!(asked(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(asked(&[("retry-after-ms", "soon"), ("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(asked(&[]), None);
    }
}
