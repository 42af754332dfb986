//! Durations as people write them: `"10s"`, `"1m 30s"`, `"500ms"`, `"7d"`.
//!
//! Use as `#[serde(with = "crate::config::duration")]`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Unit names with their length in milliseconds, longest first: the order in which [`format()`] uses them.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration ({why}); write for example `10s`, `1m 30s`, `500ms` or `7d`")]
pub struct DurationError {
    text: String,
    why: &'static str,
}

/// Reads one or more whole numbers, each with a unit (`ms`, `s`, `m`, `h`, `d`, `w`), and adds them up.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let refuse = |why| DurationError { text: text.chars().take(40).collect(), why };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(refuse("it is empty"));
    }
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if number.is_empty() {
            return Err(refuse("a whole number is expected"));
        }
        let Some((_, unit_ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(refuse("a unit is missing or unknown"));
        };
        total_ms = number
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(*unit_ms))
            .and_then(|ms| total_ms.checked_add(ms))
            .ok_or_else(|| refuse("it is too long"))?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration so that [`parse`] reads it back; parts below a millisecond are dropped.
pub fn format(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut parts = Vec::new();
    for (name, unit_ms) in UNITS {
        if left >= unit_ms {
            parts.push(format!("{}{name}", left / unit_ms));
            left %= unit_ms;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Reads a duration written as text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Writes a duration as text.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse(" 1m 30s "), Ok(Duration::from_secs(90)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse("250 ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("2w"), Ok(Duration::from_hours(14 * 24)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_refusal_says_why_and_shows_the_remedy() {
        for (text, why) in [
            ("", "it is empty"),
            ("10", "a unit is missing or unknown"),
            ("10 parsecs", "a unit is missing or unknown"),
            ("-3s", "a whole number is expected"),
            ("1.5s", "a unit is missing or unknown"),
            ("99999999999999999999s", "it is too long"),
            ("99999999999999999w", "it is too long"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.why, why, "{text}");
            assert!(error.to_string().contains("write for example `10s`"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in 0..u64::MAX) {
            prop_assert_eq!(parse(&format(Duration::from_millis(ms))), Ok(Duration::from_millis(ms)));
        }

        #[test]
        fn the_parts_add_up_or_are_too_long(
            parts in prop::collection::vec((0..=u64::MAX, 0..64u32, 0..UNITS.len()), 1..5)
        ) {
            let parts: Vec<_> = parts.into_iter().map(|(count, shift, unit)| (count >> shift, UNITS[unit])).collect();
            let text = parts.iter().map(|(count, (unit, _))| format!("{count}{unit}")).collect::<Vec<_>>().join(" ");
            let sum: u128 = parts.iter().map(|(count, (_, ms))| u128::from(*count) * u128::from(*ms)).sum();
            if let Ok(ms) = u64::try_from(sum) {
                prop_assert_eq!(parse(&text), Ok(Duration::from_millis(ms)));
            } else {
                prop_assert_eq!(parse(&text).map_err(|error| error.why), Err("it is too long"));
            }
        }

        #[test]
        fn text_with_any_other_character_is_refused(before in "[0-9]{1,3}s ?", other in "[^0-9A-Za-z\\s]", after in "(1s)?") {
            let text = format!("{before}{other}{after}");
            prop_assert!(parse(&text).is_err(), "{}", text);
        }
    }
}
