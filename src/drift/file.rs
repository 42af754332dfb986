//! Histories as files hold them: JSON lines, in order of time.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::detect;
use super::entry::{Entry, Series, Tag};
use super::history::History;
use super::report::Report;
use super::scale::DriftScale;
use super::settings::Settings;
use crate::agreement::{Declaration, Item, Kind, Label, LabelScale, Place};
use crate::model::{Moment, Probability};

/// One line of a history file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Line {
    /// When; any JSON value, passed through. The order of lines is the order of time.
    time: Value,
    /// The item; again, it is a replay of the judge or a new label by a human.
    item_id: Value,
    /// The human's label; null where there is none.
    #[serde(default)]
    human: Value,
    /// The judge's verdict; null where it could not be parsed.
    #[serde(default)]
    judge: Value,
    /// The segment.
    segment: Option<String>,
    /// Its segments, where several attributes divide the items: attribute → value.
    #[serde(default)]
    segments: BTreeMap<String, String>,
    /// The probability with which the item was drawn for labelling.
    #[serde(default)]
    probability: Drawn,
    /// The probability with which it was drawn for judging.
    #[serde(default)]
    inclusion_probability: Drawn,
    /// Who labelled.
    annotator: Option<String>,
    /// Whether the item belongs to the fixed set that is judged again on schedule.
    #[serde(default)]
    anchor: bool,
    /// Version of the rubric, that is, of the prompt.
    rubric_version: Option<Value>,
    /// The model as the provider reports it.
    judge_model: Option<Value>,
    /// The revision of what read and rendered the item for the judge.
    revision: Option<Value>,
    /// The conversation.
    session_id: Option<String>,
    /// What copies of one content have in common.
    content_digest: Option<String>,
    /// When the answer was observed, where that is long before it was labelled.
    observed_at: Option<jiff::Timestamp>,
}

/// A probability in (0, 1], checked after the line is read so that the message names it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(transparent)]
struct Drawn(Option<f64>);

impl Drawn {
    fn probability(self) -> Result<Probability, BadEntry> {
        let number = self.0.unwrap_or(1.0);
        Probability::try_from(number).ok().filter(|p| p.get() > 0.0).ok_or(BadEntry::Probability(number))
    }
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

impl Line {
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, BadEntry> {
        let line: Self = serde_json::from_str(line)?;
        line.probability.probability()?;
        line.inclusion_probability.probability()?;
        let nested = |value: &Value| value.is_array() || value.is_object();
        match () {
            () if nested(&line.human) => Err(BadEntry::Shape("human")),
            () if nested(&line.judge) => Err(BadEntry::Shape("judge")),
            () => Ok(line),
        }
    }

    fn into_entry(self, place: impl Fn(&Value) -> Option<Place>) -> Entry {
        let drawn = |drawn: Drawn| drawn.probability().unwrap_or(Probability::ONE);
        let mut segments = self.segments;
        segments.extend(self.segment.map(|value| (String::new(), value)));
        Entry {
            item: self.item_id.to_string(),
            human: place(&self.human),
            judge: place(&self.judge),
            annotator: self.annotator,
            is_anchor: self.anchor,
            segments,
            probability: drawn(self.probability).and(drawn(self.inclusion_probability)),
            session: self.session_id,
            content: self.content_digest,
            observed: self.observed_at.map(Moment::from),
            seen: None,
            series: Series {
                rubric_version: self.rubric_version.and_then(tag),
                judge_model: self.judge_model.and_then(tag),
                revision: self.revision.and_then(tag),
            },
        }
    }
}

fn tag(value: Value) -> Option<Tag> {
    match value {
        Value::Null => None,
        Value::Number(number) => Some(Tag::Number(number)),
        Value::String(text) => Some(Tag::Text(text)),
        other => Some(Tag::Text(other.to_string())),
    }
}

/// Looks for drift in a file; moments are told as the file tells them.
pub fn detect_lines(lines: Vec<Line>, declared: Option<&Declaration>, settings: &Settings) -> Report<Value> {
    let scale = LabelScale::of(declared, &as_items(&lines));
    let place = |value: &Value| Label::of_value(value).and_then(|label| scale.place(&label));
    let times: Vec<Value> = lines.iter().map(|line| line.time.clone()).collect();
    let entries: Vec<Entry> = lines.into_iter().map(|line| line.into_entry(place)).collect();
    let drift_scale = scale_of(&scale, &entries, settings.baseline);
    let report = detect(&History::of(entries, drift_scale), settings);
    report.dated(|index| times.get(index).cloned().unwrap_or(Value::Null))
}

/// Numbers without declared ends range over what the baseline holds: later ones change nothing that was said.
fn scale_of(scale: &LabelScale, entries: &[Entry], baseline: usize) -> DriftScale {
    let declared = scale.values().first().copied().zip(scale.values().last().copied());
    let labelled = |entry: &&Entry| entry.human.is_some() && entry.judge.is_some();
    let places = entries.iter().filter(labelled).take(baseline).flat_map(|entry| [entry.human, entry.judge]).flatten();
    let seen = places.fold((f64::INFINITY, f64::NEG_INFINITY), |range: (f64, f64), place| {
        (range.0.min(place.number), range.1.max(place.number))
    });
    let (low, high) = declared.filter(|_| scale.kind() != Kind::Numeric).unwrap_or(seen);
    let levels = scale.values().len();
    DriftScale { kind: scale.kind(), levels, low, high, name: scale.to_string(), inferred: scale.inferred() }
}

/// The lines as items of an agreement analysis, from which the scale is inferred.
fn as_items(lines: &[Line]) -> Vec<Item> {
    lines
        .iter()
        .map(|line| Item {
            item_id: String::new(),
            segment: None,
            cluster: None,
            weight: 1.0,
            human: BTreeMap::from([(String::new(), Label::of_value(&line.human))]),
            judge: BTreeMap::from([(String::new(), Label::of_value(&line.judge))]),
            probability: BTreeMap::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_needs_a_time_and_an_item() {
        assert!(Line::parse(r#"{"time":"2026-01-01","item_id":"a","human":1,"judge":0}"#).is_ok());
        assert!(Line::parse(r#"{"item_id":"a"}"#).unwrap_err().to_string().contains("time"));
        let refused = Line::parse(r#"{"time":1,"item_id":"a","probability":1.5}"#).unwrap_err();
        assert_eq!(refused.to_string(), "probability 1.5 is not in (0, 1]");
    }
}
