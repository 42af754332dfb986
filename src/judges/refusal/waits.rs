//! How long an endpoint wants to be left alone, wherever it says so: in `Retry-After`, in the headers of its rate limits,
//! in members of the body, or in words. Pure.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use reqwest::header::HeaderMap;

use crate::net;
use crate::net::error_words::ErrorWords;

/// A month and a day; anything later is no moment to wait for.
const LONGEST: Duration = Duration::from_hours(24 * 32);

/// Where no clock tells it.
const LONGEST_DAY: Duration = Duration::from_hours(24);

/// What is left of a limit, and when it is filled up again: header pairs of OpenAI and what is compatible, Anthropic,
/// Cerebras, OpenRouter, and the IETF draft.
const LIMITS: [(&str, &str); 12] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day"),
    ("x-ratelimit-remaining-tokens-day", "x-ratelimit-reset-tokens-day"),
    ("x-ratelimit-remaining-requests-minute", "x-ratelimit-reset-requests-minute"),
    ("x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
];

/// What stands before a time span in words.
const BEFORE_SPAN: [&str; 11] = [
    "try again in ",
    "retry in ",
    "retry after ",
    "again after ",
    "please wait ",
    "wait for ",
    "replenished in ",
    "resets in ",
    "reset in ",
    "reset after ",
    "available in ",
];

/// The wait that headers ask for: `Retry-After` in all its forms, else the reset of every limit that has nothing left.
pub(in crate::judges) fn of_headers(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let resets = || {
        let used_up = |(remaining, reset): &(&str, &str)| {
            let left: f64 = text(remaining)?.parse().ok()?;
            if left > 0.0 { None } else { moment(text(reset)?, now) }
        };
        LIMITS.iter().filter_map(used_up).max()
    };
    net::retry_after(headers, now).or_else(resets)
}

/// Until the next day begins, by UTC.
pub(super) fn until_next_day(now: Timestamp) -> Duration {
    let now = now.to_zoned(TimeZone::UTC);
    let next = now.tomorrow().and_then(|next| next.start_of_day());
    let wait = next.ok().and_then(|next| Duration::try_from(next.timestamp().duration_since(now.timestamp())).ok());
    wait.unwrap_or(LONGEST_DAY)
}

/// The wait that the body asks for.
pub(super) fn of_words(words: &ErrorWords, lowered: &str, now: Timestamp) -> Option<Duration> {
    let member = words.waits.iter().filter_map(|(name, value)| match name.as_str() {
        "retry_after_ms" => value.parse::<f64>().ok().and_then(|value| seconds(value / 1000.0)),
        _ => moment(value, now),
    });
    member.max().or_else(|| span_in(lowered)).or_else(|| date_in(lowered, now))
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| *wait <= LONGEST)
}

/// `20s`, `6m0s`, `17` (seconds), a Unix time in seconds or milliseconds, or a moment in RFC 3339.
fn moment(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(number) = text.parse::<f64>() {
        return match number {
            _ if number > 1e11 => until(Timestamp::from_millisecond(number as i64).ok()?, now),
            _ if number > 1e9 => until(Timestamp::from_second(number as i64).ok()?, now),
            _ => seconds(number),
        };
    }
    match text.parse::<Timestamp>() {
        Ok(moment) => until(moment, now),
        Err(_) => span(&text.to_lowercase()),
    }
}

fn until(moment: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(moment.duration_since(now)).ok().filter(|wait| *wait <= LONGEST)
}

fn span_in(words: &str) -> Option<Duration> {
    BEFORE_SPAN
        .iter()
        .filter_map(|before| {
            let (_, behind) = words.split_once(before)?;
            span(behind.trim_start_matches("about ").trim_start_matches("for "))
        })
        .max()
}

/// `7m0s`, `20 seconds`, `1 hour 5 minutes`, `18:23:12` and `3.20:13:10` (days before the stop), `12` (seconds) at the
/// beginning of `text`.
fn span(text: &str) -> Option<Duration> {
    let (number, mut rest) = leading(text)?;
    if rest.starts_with(':') {
        return clock(&text[..text.find(|c: char| !matches!(c, '0'..='9' | ':' | '.')).unwrap_or(text.len())]);
    }
    let Some((first, behind)) = unit(rest) else { return seconds(number) };
    let mut sum = number * first;
    rest = behind;
    while let Some((more, scale, behind)) =
        leading(rest.trim_start()).and_then(|(number, rest)| unit(rest).map(|(scale, rest)| (number, scale, rest)))
    {
        sum += more * scale;
        rest = behind;
    }
    seconds(sum)
}

fn leading(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    Some((number.parse().ok()?, &text[number.len()..]))
}

/// The seconds of a unit at the beginning of `text`.
fn unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim_start();
    let end = text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let seconds = match &text[..end] {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    };
    Some((seconds, &text[end..]))
}

fn clock(text: &str) -> Option<Duration> {
    let (days, time) = match text.trim_end_matches('.').split_once('.') {
        Some((days, time)) if time.contains(':') => (days.parse::<f64>().ok()?, time),
        _ => (0.0, text.trim_end_matches('.')),
    };
    let parts: Vec<f64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [hours, minutes, second] => seconds(days * 86_400.0 + hours * 3600.0 + minutes * 60.0 + second),
        _ => None,
    }
}

/// A date and perhaps a time, both taken as UTC, that is still to come: `2026-12-01 at 00:00 utc`, `2026-12-01t00:00:00z`.
fn date_in(words: &str, now: Timestamp) -> Option<Duration> {
    let candidates = words.match_indices("20").filter_map(|(at, _)| {
        let date = words.get(at..at + 10)?;
        let is_date = date.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        is_date.then(|| (date, &words[at + 10..]))
    });
    let waits = candidates.filter_map(|(date, behind)| {
        let behind = behind.trim_start_matches(" at").trim_start_matches(['t', ' ']);
        let time = behind.get(..5).filter(|time| time.as_bytes()[2] == b':').unwrap_or("00:00");
        let moment: DateTime = format!("{date}T{time}:00").parse().ok()?;
        until(moment.to_zoned(TimeZone::UTC).ok()?.timestamp(), now)
    });
    waits.max()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-28T12:00:00Z".parse().unwrap()
    }

    fn in_headers(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        of_headers(&headers.collect(), now()).map(|wait| wait.as_secs())
    }

    fn in_body(body: &str) -> Option<u64> {
        let words = ErrorWords::of_body(body.as_bytes());
        let lowered = words.said.join("; ").to_lowercase();
        of_words(&words, &lowered, now()).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_reset_of_the_limit_that_is_used_up_is_waited_for() {
        let requests = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "20s")];
        assert_eq!(in_headers(&requests), Some(20));
        assert_eq!(in_headers(&[requests[0], ("x-ratelimit-reset-requests", "1m30s")]), Some(90));
        assert_eq!(
            in_headers(&[
                requests[0],
                requests[1],
                ("x-ratelimit-remaining-tokens", "5000"),
                ("x-ratelimit-reset-tokens", "9m")
            ]),
            Some(20),
            "the other limit has room"
        );
        assert_eq!(in_headers(&[requests[0], requests[1], ("retry-after", "7")]), Some(7), "the header for it wins");
        for (remaining, reset, value) in [
            ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset", "2026-11-28T12:01:00Z"),
            ("x-ratelimit-remaining", "x-ratelimit-reset", "1795867260000"),
            ("x-ratelimit-remaining", "x-ratelimit-reset", "1795867260"),
            ("ratelimit-remaining", "ratelimit-reset", "60"),
        ] {
            let headers = [(remaining, "0"), (reset, value)];
            assert_eq!(in_headers(&headers), Some(60), "{reset}: {value}");
        }
        assert_eq!(in_headers(&[]), None);
    }

    #[test]
    fn a_wait_in_the_body_is_read_in_words_and_members() {
        for (body, seconds) in [
            (r#"{"error":{"message":"Please try again in 7m0s. Visit the console."}}"#, 420),
            (r#"{"error":{"message":"Please try again in 20ms."}}"#, 0),
            (r#"{"error":{"message":"Please try again in 1.5s."}}"#, 1),
            (r#"{"error":{"message":"have exceeded token rate limit. Please retry after 20 seconds."}}"#, 20),
            (r#"{"error":{"message":"Please wait 40321 seconds before retrying."}}"#, 40321),
            (r#"{"message":"Rate limit is exceeded. Try again in 12 seconds.","statusCode":429}"#, 12),
            (r#"{"message":"Out of call volume quota. Quota will be replenished in 18:23:12."}"#, 66_192),
            (r#"{"message":"Quota will be replenished in 3.20:13:10."}"#, 331_990),
            (r#"[{"error":{"details":[{"@type":"x/google.rpc.RetryInfo","retryDelay":"20s"}]}}]"#, 20),
            (r#"{"error":"Model is currently loading","estimated_time":20.5}"#, 20),
            (r#"{"error":{"metadata":{"headers":{"X-RateLimit-Reset":"1795867260000"}}}}"#, 60),
            (r#"{"error":{"message":"You will regain access on 2026-12-01 at 00:00 UTC."}}"#, 216_000),
            (r#"{"error":{"message":"Limit resets at: 2026-11-28 12:10:00 UTC"}}"#, 600),
            (r#"{"error":{"message":"Try again in 1 hour 5 minutes"}}"#, 3900),
        ] {
            assert_eq!(in_body(body), Some(seconds), "{body}");
        }
    }

    #[test]
    fn what_is_no_moment_to_wait_for_is_no_wait() {
        for body in [
            r#"{"error":{"message":"Please try again later."}}"#,
            r#"{"error":{"message":"model gpt-4o-2024-08-06 is overloaded"}}"#,
            r#"{"error":{"message":"regain access on 2031-01-01"}}"#,
            r#"{"error":{"message":"try again in a few seconds"}}"#,
        ] {
            assert_eq!(in_body(body), None, "{body}");
        }
    }
}
