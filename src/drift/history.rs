//! A history of labels and verdicts in order of time.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::agreement::{Item, Kind, Label, LabelScale, Place};

/// One line of a history file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Entry {
    /// When; any JSON value, passed through. The order of lines is the order of time.
    pub time: Value,
    /// The item; again, it is a replay of the judge or a new label by a human.
    pub item_id: Value,
    /// The human's label; null where there is none.
    #[serde(default)]
    pub human: Value,
    /// The judge's verdict; null where it could not be parsed.
    #[serde(default)]
    pub judge: Value,
    /// The segment.
    pub segment: Option<String>,
    /// Its segments, where several attributes divide the items: attribute → value.
    #[serde(default)]
    pub segments: BTreeMap<String, String>,
    /// The probability with which the item was drawn for labelling.
    pub probability: Option<f64>,
    /// Who labelled.
    pub annotator: Option<String>,
    /// Whether the item belongs to the fixed set that is judged again on schedule.
    #[serde(default)]
    pub anchor: bool,
    /// Version of the rubric, that is, of the prompt.
    pub rubric_version: Option<Value>,
    /// The model as the provider reports it.
    pub judge_model: Option<Value>,
    /// The revision of what read and rendered the item for the judge.
    pub revision: Option<Value>,
}

/// Why a line is no entry.
#[derive(Debug, thiserror::Error)]
pub enum BadEntry {
    /// Not JSON, or a field is missing or of the wrong type.
    #[error("not a line of a history: {0}")]
    Json(#[from] serde_json::Error),
    /// A probability outside (0, 1].
    #[error("probability {0} is not in (0, 1]")]
    Probability(f64),
    /// A label that is a list or an object.
    #[error("`{0}` is neither a number, a string, a boolean nor null")]
    Shape(&'static str),
}

impl Entry {
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, BadEntry> {
        let entry: Self = serde_json::from_str(line)?;
        if let Some(probability) = entry.probability.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
            return Err(BadEntry::Probability(probability));
        }
        let nested = |value: &Value| value.is_array() || value.is_object();
        match () {
            () if nested(&entry.human) => Err(BadEntry::Shape("human")),
            () if nested(&entry.judge) => Err(BadEntry::Shape("judge")),
            () => Ok(entry),
        }
    }
}

impl Entry {
    /// The segments it belongs to: the attribute, empty for the only one, and the segment's name.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&str, String)> {
        let only = self.segment.iter().map(|value| ("", value.clone()));
        only.chain(self.segments.iter().map(|(name, value)| (name.as_str(), format!("{name}={value}"))))
    }

    /// The segment it belongs to by `attribute`.
    pub(super) fn part(&self, attribute: &str) -> Option<String> {
        self.parts().find(|(name, _)| *name == attribute).map(|(_, part)| part)
    }
}

/// An entry on the scale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// Index of the entry.
    pub(super) index: usize,
    /// The item by number.
    pub(super) item: usize,
    /// Whether the item has appeared before.
    pub(super) again: bool,
    pub(super) human: Option<Place>,
    pub(super) judge: Option<Place>,
    pub(super) annotator: Option<String>,
    pub(super) anchor: bool,
    /// Inverse probability as a fraction of the largest one in the history.
    pub(super) weight: f64,
}

/// A history on a scale that its labels imply.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct History {
    pub(super) events: Vec<Event>,
    pub(super) scale: LabelScale,
    /// The lowest number of the scale and the difference of the extreme ones, for closeness in [0, 1].
    low: f64,
    range: f64,
}

impl History {
    pub(super) fn of(entries: &[Entry], scale: LabelScale) -> Self {
        let rarest = entries.iter().filter_map(|entry| entry.probability).fold(1.0, f64::min);
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        let place = |value: &Value| Label::of_value(value).and_then(|label| scale.place(&label));
        let events: Vec<Event> = entries
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                let (next, id) = (numbers.len(), entry.item_id.to_string());
                let again = numbers.contains_key(&id);
                Event {
                    index,
                    item: *numbers.entry(id).or_insert(next),
                    again,
                    human: place(&entry.human),
                    judge: place(&entry.judge),
                    annotator: entry.annotator.clone(),
                    anchor: entry.anchor,
                    weight: rarest / entry.probability.unwrap_or(1.0),
                }
            })
            .collect();
        let places = events.iter().flat_map(|event| [event.human, event.judge]).flatten();
        let seen = places.fold((f64::INFINITY, f64::NEG_INFINITY), |range: (f64, f64), place| {
            (range.0.min(place.number), range.1.max(place.number))
        });
        let declared = scale.values().first().copied().zip(scale.values().last().copied());
        let (low, high) = declared.unwrap_or(seen);
        Self { events, scale, low, range: high - low }
    }

    /// Difference of the extreme numbers of the scale; 1 when it has none.
    pub(super) fn range(&self) -> f64 {
        if self.range > 0.0 { self.range } else { 1.0 }
    }

    /// Where a place lies between the ends of the scale, in [0, 1].
    pub(super) fn share(&self, place: Place) -> f64 {
        ((place.number - self.low) / self.range()).clamp(0.0, 1.0)
    }

    /// Agreement of human and judge in [0, 1]: equality of categories, as in raw agreement; closeness of numbers.
    pub(super) fn agreement(&self, human: Place, judge: Place) -> f64 {
        match self.scale.kind() {
            Kind::Numeric => self.closeness(human, judge),
            Kind::Nominal | Kind::Binary | Kind::Ordinal => f64::from(u8::from(human.category == judge.category)),
        }
    }

    /// Closeness of two places in [0, 1]: equality of categories, linear where they are ordered, so that the wobble of
    /// one level between two replays is not a change of mind.
    pub(super) fn closeness(&self, a: Place, b: Place) -> f64 {
        match self.scale.kind() {
            Kind::Nominal | Kind::Binary => f64::from(u8::from(a.category == b.category)),
            Kind::Ordinal | Kind::Numeric => 1.0 - ((a.number - b.number).abs() / self.range()).min(1.0),
        }
    }
}

/// The entries as items of an agreement analysis, from which the scale is inferred.
pub(super) fn as_items(entries: &[Entry]) -> Vec<Item> {
    entries
        .iter()
        .map(|entry| Item {
            item_id: String::new(),
            segment: None,
            cluster: None,
            weight: 1.0,
            human: BTreeMap::from([(String::new(), Label::of_value(&entry.human))]),
            judge: BTreeMap::from([(String::new(), Label::of_value(&entry.judge))]),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_needs_a_time_and_an_item() {
        assert!(Entry::parse(r#"{"time":"2026-01-01","item_id":"a","human":1,"judge":0}"#).is_ok());
        assert!(Entry::parse(r#"{"item_id":"a"}"#).unwrap_err().to_string().contains("time"));
        let refused = Entry::parse(r#"{"time":1,"item_id":"a","probability":1.5}"#).unwrap_err();
        assert_eq!(refused.to_string(), "probability 1.5 is not in (0, 1]");
    }
}
