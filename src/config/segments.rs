//! `[segments]`: which attributes make the segments that rules, reports and drift look at.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Segment name → the places its value is read from, the first that has one wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentConfig(pub BTreeMap<String, Vec<SegmentPlace>>);

impl Default for SegmentConfig {
    fn default() -> Self {
        let service = SegmentPlace::Attribute("service.name".to_owned());
        let segments =
            [("environment", SegmentPlace::Environment), ("model", SegmentPlace::Model), ("service", service)];
        Self(segments.map(|(name, place)| (name.to_owned(), vec![place])).into())
    }
}

/// Where the value of a segment is read: an attribute of the span or its resource, or one of judged's own places, which every
/// convention fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SegmentPlace {
    /// The attribute of this name.
    Attribute(String),
    /// `@model`
    Model,
    /// `@provider`
    Provider,
    /// `@operation`
    Operation,
    /// `@environment`
    Environment,
    /// `@prompt`: the name of the prompt.
    Prompt,
    /// `@agent`: the name of the agent.
    Agent,
    /// `@metadata.KEY`
    Metadata(String),
    /// `@tag.PREFIX`: the rest of a tag such as `topic:billing`.
    Tag(String),
}

/// A place that judged does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no place of a segment; write @model, @provider, @operation, @environment, @prompt, @agent, @metadata.KEY, \
     @tag.PREFIX, or the name of an attribute"
)]
pub struct UnknownPlace(String);

impl FromStr for SegmentPlace {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<Self, UnknownPlace> {
        let Some(own) = text.strip_prefix('@') else { return Ok(Self::Attribute(text.to_owned())) };
        match (own, own.split_once('.')) {
            ("model", _) => Ok(Self::Model),
            ("provider", _) => Ok(Self::Provider),
            ("operation", _) => Ok(Self::Operation),
            ("environment", _) => Ok(Self::Environment),
            ("prompt", _) => Ok(Self::Prompt),
            ("agent", _) => Ok(Self::Agent),
            (_, Some(("metadata", key))) if !key.is_empty() => Ok(Self::Metadata(key.to_owned())),
            (_, Some(("tag", prefix))) if !prefix.is_empty() => Ok(Self::Tag(prefix.to_owned())),
            _ => Err(UnknownPlace(text.to_owned())),
        }
    }
}

impl fmt::Display for SegmentPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(name) => f.write_str(name),
            Self::Model => f.write_str("@model"),
            Self::Provider => f.write_str("@provider"),
            Self::Operation => f.write_str("@operation"),
            Self::Environment => f.write_str("@environment"),
            Self::Prompt => f.write_str("@prompt"),
            Self::Agent => f.write_str("@agent"),
            Self::Metadata(key) => write!(f, "@metadata.{key}"),
            Self::Tag(prefix) => write!(f, "@tag.{prefix}"),
        }
    }
}

impl TryFrom<String> for SegmentPlace {
    type Error = UnknownPlace;

    fn try_from(text: String) -> Result<Self, UnknownPlace> {
        text.parse()
    }
}

impl From<SegmentPlace> for String {
    fn from(place: SegmentPlace) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_was_read() {
        for text in ["@model", "@agent", "@metadata.a.b", "@tag.topic", "service.name", "metadata.x"] {
            assert_eq!(text.parse::<SegmentPlace>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_misspelt_place_is_refused_when_the_configuration_is_read() {
        for text in ["@modle", "@metadata.", "@tag", "@"] {
            let error = toml::from_str::<SegmentConfig>(&format!("m = [\"{text}\"]")).unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}` is no place")) && error.contains("@tag.PREFIX"), "{error}");
        }
    }
}
