//! What cells are told apart by, each part bounded.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Release, Revisions};

/// Bytes that a name or value keeps in a key.
const MAX_BYTES: usize = 200;

/// What the models of a judge are called together that came after as many as are told apart.
pub const OTHER_MODELS: &str = "(other models)";

/// Scores that may be compared: one rubric version, judge and provider-reported model, read and rendered in one way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesKey {
    /// The rubric's name.
    pub rubric: String,
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// The model the provider says it was; none where none answered, and [`OTHER_MODELS`] for those beyond the bound.
    pub judge_model: Option<String>,
    /// The revisions behind what the judge said; none where it was never asked.
    pub revisions: Option<Revisions>,
    /// Whether anchors were judged again, rather than answers for the first time.
    pub replay: bool,
}

/// A value of an attribute that may take more values than are told apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueOf<T> {
    /// This one.
    One(T),
    /// One of those that came after the bound was reached.
    Other,
}

/// A part of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartKey {
    pub release: ValueOf<Release>,
    /// Segment name and value; none of the whole.
    pub segment: Option<(String, ValueOf<String>)>,
}

/// The segments of an answer with its model among them, cut to what a key may hold.
pub fn segment_values<'a>(
    model: Option<&'a str>,
    segments: &'a BTreeMap<String, String>,
) -> BTreeMap<Cow<'a, str>, Cow<'a, str>> {
    let model = model.map(|model| ("model", model));
    let named = segments.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    model.into_iter().chain(named).map(|(name, value)| (bounded(name), bounded(value))).collect()
}

/// The release of an answer, cut to what a key may hold.
pub fn release_of(service_version: Option<&str>, prompt_version: Option<&str>) -> Release {
    let part = |version: Option<&str>| version.map(|version| bounded(version).into_owned());
    Release { service_version: part(service_version), prompt_version: part(prompt_version) }
}

/// PostgreSQL refuses NUL in text.
fn bounded(text: &str) -> Cow<'_, str> {
    let cut = &text[..text.floor_char_boundary(MAX_BYTES)];
    if cut.contains('\0') { Cow::Owned(cut.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(cut) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_from_outside_are_cut_and_fit_both_databases() {
        let segments = BTreeMap::from([("topic".to_owned(), "ä\0".repeat(200))]);
        let values = segment_values(Some("m"), &segments);
        assert!(values["topic"].len() <= 2 * MAX_BYTES && !values["topic"].contains('\0'));
        assert_eq!(values["model"], "m");
    }
}
