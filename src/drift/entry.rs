//! One line of a history: who said what of which item, and what else is known of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::agreement::Place;
use crate::model::{Moment, Probability};

/// What was seen of an item, in the order in which it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The item; again, it is a replay of the judge, or a new label by a human.
    pub item: String,
    /// The human's label, where it has a place on the scale.
    pub human: Option<Place>,
    /// The judge's verdict, where it has a place on the scale.
    pub judge: Option<Place>,
    pub annotator: Option<String>,
    /// Whether the item belongs to the fixed set that is judged again on schedule.
    pub is_anchor: bool,
    /// Attribute → value; the name is empty where a history knows only one attribute.
    pub segments: BTreeMap<String, String>,
    /// The probability with which the item came to be judged and labelled.
    pub probability: Probability,
    /// The conversation: its items are not independent.
    pub session: Option<String>,
    /// What copies of one content have in common.
    pub content: Option<String>,
    /// When the answer was observed.
    pub observed: Option<Moment>,
    /// When the label was seen; those that came together have one.
    pub seen: Option<Moment>,
    pub series: Series,
}

/// What makes verdicts comparable.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Series {
    /// Version of the rubric, that is, of the prompt.
    pub rubric_version: Option<Tag>,
    /// The model as the provider reports it.
    pub judge_model: Option<Tag>,
    /// The revision of what read and rendered the item for the judge.
    pub revision: Option<Tag>,
}

/// A name or a number that a version, a model or a revision goes by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Tag {
    Number(serde_json::Number),
    Text(String),
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<u32> for Tag {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<String> for Tag {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Entry {
    /// The segments it belongs to: the attribute, empty for the only one, and the segment's name.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&str, String)> {
        self.segments.iter().map(|(name, value)| (name.as_str(), part(name, value)))
    }

    /// The segment it belongs to by `attribute`.
    pub(super) fn part(&self, attribute: &str) -> Option<String> {
        self.segments.get(attribute).map(|value| part(attribute, value))
    }
}

fn part(name: &str, value: &str) -> String {
    if name.is_empty() { value.to_owned() } else { format!("{name}={value}") }
}
