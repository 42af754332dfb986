//! `[sampling]`: which share of the traffic is judged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Probability;

/// The section `[sampling]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    /// The share of traces that is judged where no rule says otherwise.
    pub rate: Probability,
    /// Decides which traces these are, instead of the random salt in the database. Another salt selects other traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// Follow OpenTelemetry's consistent probability sampling (`rv`, `th`, trace-id randomness) instead of the salt: the
    /// traces judged are then a subset of what a consistent sampler at a higher rate keeps.
    pub consistent: bool,
    /// Exceptions by attribute, `[[sampling.rules]]`; the first that matches wins.
    pub rules: Vec<RuleConfig>,
}

impl Default for SamplingConfig {
    fn default() -> Self {
        Self {
            rate: Probability::try_from(0.15).unwrap_or(Probability::ONE),
            salt: None,
            consistent: false,
            rules: Vec::new(),
        }
    }
}

/// One `[[sampling.rules]]` entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// Attribute names and the value, or one of the values, each must have. Resource and span attributes are looked at;
    /// `error = true` matches a failed span.
    #[serde(default, rename = "match")]
    pub conditions: BTreeMap<String, OneOrMany>,
    /// The rate of the traces that match.
    pub rate: Probability,
    /// The rubrics the rule speaks of; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rubrics: Option<Vec<String>>,
}

/// A value or a list of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// `"staging"`
    One(Scalar),
    /// `["staging", "test"]`
    Many(Vec<Scalar>),
}

impl OneOrMany {
    /// The values as attribute values are compared: by their text.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value.text()],
            Self::Many(values) => values.iter().map(Scalar::text).collect(),
        }
    }
}

/// A value to compare an attribute with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true`
    Bool(bool),
    /// `3`
    Int(i64),
    /// `0.5`
    Double(f64),
    /// `"production"`
    Text(String),
}

impl Scalar {
    fn text(&self) -> String {
        use crate::model::Value;
        match self {
            Self::Bool(truth) => Value::Bool(*truth).display(),
            Self::Int(number) => Value::Int(*number).display(),
            Self::Double(number) => Value::Double(*number).display(),
            Self::Text(text) => text.clone(),
        }
    }
}
