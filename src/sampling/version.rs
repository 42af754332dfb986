//! Versions of the sampling configuration: what must be remembered of one, so that traces drawn by it keep their rates.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Sampler, SamplerError};
use crate::config::sampling::{RuleConfig, SamplingConfig};
use crate::model::Probability;

/// What decides about traces, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionConfig {
    rate: Probability,
    rules: Vec<RuleConfig>,
    consistent: bool,
    /// A digest of the salt: draws by two salts cannot be compared.
    drawn_by: String,
}

impl VersionConfig {
    /// The part of a configuration that decides, with the salt in force.
    pub fn new(config: &SamplingConfig, salt: &str) -> Self {
        Self {
            rate: config.rate,
            rules: config.rules.clone(),
            consistent: config.consistent,
            drawn_by: hex::encode(&Sha256::digest(salt)[..8]),
        }
    }

    /// Whether both give a trace the same number, so that only their rates differ.
    pub fn draws_like(&self, other: &Self) -> bool {
        self.consistent == other.consistent && self.drawn_by == other.drawn_by
    }

    /// Its sampler. `salt` is the one in force: what was drawn by another keeps the number it was stored with.
    pub fn sampler(&self, salt: &str) -> Result<Sampler, SamplerError> {
        let config =
            SamplingConfig { rate: self.rate, rules: self.rules.clone(), consistent: self.consistent, salt: None };
        Sampler::from_config(&config, salt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_comes_back_from_its_stored_form() {
        let text =
            "rate = 0.1\n[[rules]]\nmatch = { error = true, n = [1, 2.5, \"x\"] }\nrate = 1\nrubrics = [\"tone\"]";
        let config: SamplingConfig = toml::from_str(text).unwrap();
        let version = VersionConfig::new(&config, "salt");
        let stored = serde_json::to_string(&version).unwrap();
        assert!(!stored.contains("salt"), "{stored}");
        assert_eq!(serde_json::from_str::<VersionConfig>(&stored).unwrap(), version);
        assert!(!version.draws_like(&VersionConfig::new(&config, "other")));
    }
}
