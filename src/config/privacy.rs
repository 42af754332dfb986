//! `[privacy]`: what is redacted before anything is stored, and how long content is kept.

use serde::{Deserialize, Serialize};

use crate::model::{Named as _, named_enum};

/// The privacy section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrivacyConfig {
    /// The kinds that are redacted; an empty list turns redaction off.
    pub redact: Vec<Kind>,
    /// Further patterns of your own.
    pub patterns: Vec<PatternConfig>,
    /// Attributes that are never touched, by their full names.
    pub keep_attributes: Vec<String>,
    /// The environment variable with the key of the placeholders; without it one is made from the database's secret.
    pub key_env: Option<String>,
    /// A file with the key of the placeholders.
    pub key_file: Option<std::path::PathBuf>,
    /// Days after which content is deleted; scores stay. 0 keeps content for ever.
    pub retention_days: u32,
}

/// A pattern of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternConfig {
    /// The placeholder's name: `ticket` becomes `<TICKET_1>`.
    pub name: String,
    /// What it looks like, in the syntax of the `regex` crate.
    pub regex: String,
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        Self {
            redact: Kind::ALL.to_vec(),
            patterns: Vec::new(),
            keep_attributes: Vec::new(),
            key_env: None,
            key_file: None,
            retention_days: 30,
        }
    }
}

named_enum! {
    /// A kind of personal data or secret that judged recognises.
    pub enum Kind {
        /// E-mail addresses.
        Email = "email",
        /// Telephone numbers.
        Phone = "phone",
        /// Payment cards, checked by issuer range and Luhn.
        Card = "card",
        /// International bank account numbers, checked modulo 97.
        Iban = "iban",
        /// IPv4 and IPv6 addresses.
        Ip = "ip",
        /// National identity and tax numbers of persons, each with its own check.
        NationalId = "national_id",
        /// API keys, tokens, passwords, private keys and credentials in URLs.
        Secret = "secret",
    }
}

impl Kind {
    /// The name inside its placeholders.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::Card => "CARD",
            Self::Iban => "IBAN",
            Self::Ip => "IP",
            Self::NationalId => "NATIONAL_ID",
            Self::Secret => "SECRET",
        }
    }
}
