//! How long a worker may keep what it works on: a duration within bounds.
//!
//! Use as `#[serde(with = "crate::config::lease")]`.

use std::time::Duration;

use serde::{Deserializer, Serializer, de::Error as _};

use super::duration;

/// A lease that ends later than in so long was taken by a clock that went wrong; every worker takes it for free.
pub const LONGEST: Duration = Duration::from_hours(12);

/// Whoever holds a shorter one has lost it before it can be extended.
const SHORTEST: Duration = Duration::from_secs(1);

pub(super) fn serialize<S: Serializer>(lease: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    duration::serialize(lease, serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let lease = duration::deserialize(deserializer)?;
    if (SHORTEST..=LONGEST).contains(&lease) {
        return Ok(lease);
    }
    let [given, shortest, longest] = [lease, SHORTEST, LONGEST].map(duration::format);
    Err(D::Error::custom(format!(
        "a lease of `{given}` does not hold: others take the work at once; write one from {shortest} to {longest}, longer than a \
         step of the work takes"
    )))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_lease_that_would_not_hold_is_refused_with_its_bounds() {
        for section in ["assembly", "evaluation", "delivery"] {
            let read = |lease: &str| toml::from_str::<Config>(&format!("[{section}]\nlease = \"{lease}\"\n"));
            assert!(read("1s").is_ok() && read("12h").is_ok());
            for lease in ["0s", "500ms", "12h 1ms", "1d"] {
                let error = read(lease).unwrap_err().to_string();
                assert!(error.contains(lease) && error.contains("from 1s to 12h"), "{error}");
            }
        }
    }
}
