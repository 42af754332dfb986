//! Times as people write them on a command line and in an address.

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::duration;

/// When: a length of time back from now (`24h`, `7d`) or a moment (RFC 3339, or a date, which means its beginning in UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeArg {
    Ago(Duration),
    At(Timestamp),
}

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a length of time (24h, 7d) or a moment (2026-01-31, 2026-01-31T12:00:00Z)")]
pub struct TimeArgError;

impl TimeArg {
    /// The moment meant, in milliseconds since the Unix epoch.
    pub fn ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Ago(length) => now_ms.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)),
            Self::At(moment) => moment.as_millisecond(),
        }
    }
}

impl FromStr for TimeArg {
    type Err = TimeArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(length) = duration::parse(text) {
            return Ok(Self::Ago(length));
        }
        let moment = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
        moment.map(Self::At).map_err(|_| TimeArgError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_dates_and_moments_are_understood() {
        let ms = |text: &str, now_ms| text.parse::<TimeArg>().map(|time| time.ms(now_ms));
        assert_eq!(ms("1h", 7_200_000), Ok(3_600_000));
        assert_eq!(ms("1970-01-02", 0), Ok(86_400_000));
        assert_eq!(ms("1970-01-01T00:00:01Z", 0), Ok(1_000));
        assert_eq!(ms("yesterday", 0), Err(TimeArgError));
    }
}
