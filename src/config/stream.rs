//! Where reading a stream begins: `first`, `next`, a length of time back from now, or a moment.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::duration;

/// The place in a stream at which judged begins when it has read nothing of it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStart {
    /// The oldest message that is still there.
    First,
    /// What comes from now on.
    Next,
    /// So long before now.
    Ago(Duration),
    /// A moment.
    At(Timestamp),
}

/// Text that names no place in a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no place in a stream; write first, next, a length of time such as 24h, or a moment such as 2026-01-31T12:00:00Z"
)]
pub struct StreamStartError(String);

impl StreamStart {
    /// The moment that it means when reading was begun at `began_ms`, both in milliseconds since the Unix epoch; `None` for the oldest
    /// message.
    pub fn moment_ms(self, began_ms: i64) -> Option<i64> {
        match self {
            Self::First => None,
            Self::Next => Some(began_ms),
            Self::Ago(length) => {
                Some(began_ms.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)).max(0))
            }
            Self::At(moment) => Some(moment.as_millisecond().max(0)),
        }
    }
}

impl FromStr for StreamStart {
    type Err = StreamStartError;

    fn from_str(text: &str) -> Result<Self, StreamStartError> {
        match text.trim() {
            "first" => Ok(Self::First),
            "next" => Ok(Self::Next),
            other => duration::parse(other)
                .map(Self::Ago)
                .or_else(|_| other.parse().map(Self::At))
                .map_err(|_| StreamStartError(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for StreamStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first"),
            Self::Next => f.write_str("next"),
            Self::Ago(length) => f.write_str(&duration::format(*length)),
            Self::At(moment) => moment.fmt(f),
        }
    }
}

impl Serialize for StreamStart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamStart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_and_written_in_the_same_words() {
        for text in ["first", "next", "1d", "2026-01-31T12:00:00Z"] {
            assert_eq!(text.parse::<StreamStart>().unwrap().to_string(), text);
        }
        let moment = |text: &str| text.parse::<StreamStart>().unwrap().moment_ms(90_000_000);
        assert_eq!((moment("first"), moment("next"), moment("1d")), (None, Some(90_000_000), Some(3_600_000)));
        assert_eq!((moment("365d"), moment("1970-01-01T00:00:01Z")), (Some(0), Some(1_000)));
        let error = "yesterday".parse::<StreamStart>().unwrap_err().to_string();
        assert!(error.starts_with("`yesterday` is no place in a stream; write first"), "{error}");
    }
}
