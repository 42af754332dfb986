//! `--since`: a length of time back from now (`24h`, `7d`) or a moment (RFC 3339, or a date).

use crate::config::duration;

/// The moment meant, in milliseconds since the Unix epoch.
pub(super) fn parse(text: &str, now_ms: i64) -> Result<i64, String> {
    if let Ok(length) = duration::parse(text) {
        return Ok(now_ms.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)));
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    format!("{text}T00:00:00Z").parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).map_err(|_| {
        format!("`{text}` is neither a length of time (24h, 7d) nor a moment (2026-01-31, 2026-01-31T12:00:00Z)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_dates_and_moments_are_understood() {
        assert_eq!(parse("1h", 7_200_000), Ok(3_600_000));
        assert_eq!(parse("1970-01-02", 0), Ok(86_400_000));
        assert_eq!(parse("1970-01-01T00:00:01Z", 0), Ok(1_000));
        assert!(parse("yesterday", 0).unwrap_err().contains("24h"));
    }
}
