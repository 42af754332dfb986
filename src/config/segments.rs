//! `[segments]`: which attributes make the segments that rules, reports and drift look at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Segment name → the places its value is read from, the first that has one wins.
///
/// A place is the name of a span or resource attribute, or one of judged's own, which every convention fills: `@model`,
/// `@provider`, `@operation`, `@environment`, `@prompt`, `@agent`, `@metadata.KEY`, and `@tag.PREFIX` (the rest of a tag
/// such as `topic:billing`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentConfig(pub BTreeMap<String, Vec<String>>);

impl Default for SegmentConfig {
    fn default() -> Self {
        let segments = [("environment", "@environment"), ("model", "@model"), ("service", "service.name")];
        Self(segments.map(|(name, place)| (name.to_owned(), vec![place.to_owned()])).into())
    }
}
