//! `[network]`: how judged reaches other servers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The way to judges, sinks and webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Servers on loopback are reached without a proxy in any case.
    pub proxy: ProxyRule,
}

/// By which proxy other servers are reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxyRule {
    /// `"env"`: what the usual variables say.
    #[default]
    Environment,
    /// `"off"`
    Off,
    /// An address, by which everything goes.
    Address(String),
}

/// A text that is none of them. It repeats nothing of it, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write \"env\", \"off\" or the address of a proxy, for example \"http://proxy:3128\"")]
pub struct NoProxyRule;

impl FromStr for ProxyRule {
    type Err = NoProxyRule;

    fn from_str(text: &str) -> Result<Self, NoProxyRule> {
        match text {
            "env" => Ok(Self::Environment),
            "off" => Ok(Self::Off),
            address => match address.split_once("://") {
                Some(("http" | "https", host)) if !host.is_empty() => Ok(Self::Address(address.to_owned())),
                _ => Err(NoProxyRule),
            },
        }
    }
}

impl fmt::Display for ProxyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("env"),
            Self::Off => f.write_str("off"),
            Self::Address(address) => f.write_str(address),
        }
    }
}

impl Serialize for ProxyRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProxyRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rule_is_a_rule() {
        assert_eq!("env".parse(), Ok(ProxyRule::Environment));
        assert_eq!("http://proxy:3128".parse(), Ok(ProxyRule::Address("http://proxy:3128".to_owned())));
        for wrong in ["proxy:3128", "http://", "on", ""] {
            assert_eq!(wrong.parse::<ProxyRule>(), Err(NoProxyRule), "{wrong}");
        }
    }
}
