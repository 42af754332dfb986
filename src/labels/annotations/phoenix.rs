//! Phoenix: annotations of spans, traces and sessions.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Annotation, AnnotationTarget, AnnotationValue, given, moment_of, written};

/// An annotation as the API writes it.
#[derive(Deserialize)]
pub struct Item {
    #[serde(default)]
    id: String,
    #[serde(alias = "annotation_name")]
    pub name: String,
    annotator_kind: String,
    result: Option<Outcome>,
    #[serde(default)]
    pub identifier: String,
    user_id: Option<String>,
    #[serde(default, deserialize_with = "moment_of")]
    created_at: Option<jiff::Timestamp>,
    #[serde(default, deserialize_with = "moment_of")]
    updated_at: Option<jiff::Timestamp>,
    #[serde(alias = "trace_id", alias = "session_id", alias = "context.span_id")]
    pub span_id: String,
    #[serde(default)]
    metadata: Json,
}

#[derive(Deserialize)]
struct Outcome {
    label: Option<String>,
    score: Option<f64>,
    explanation: Option<String>,
}

impl Item {
    /// What a person said; none of programs.
    pub fn annotation(self, target: AnnotationTarget) -> Option<Annotation> {
        // What judged wrote says something else than it did: without accounts nobody is named.
        (self.annotator_kind == "HUMAN" || self.is_changed()).then(|| annotation(self, target))
    }

    /// Whether a person has changed an annotation that judged wrote.
    pub fn is_theirs(&self) -> bool {
        self.annotator_kind == "HUMAN" || self.is_changed()
    }

    fn is_changed(&self) -> bool {
        let mark = self.metadata.get(written::MARK).and_then(Json::as_str);
        let of = |text: Option<&String>| text.map_or(Json::Null, |text| Json::from(text.as_str()));
        let (score, label, explanation) = self.result.as_ref().map_or((Json::Null, Json::Null, Json::Null), |result| {
            (Json::from(result.score), of(result.label.as_ref()), of(result.explanation.as_ref()))
        });
        written::is_changed(mark, &[&score, &label, &explanation]) == Some(true)
    }
}

/// What judged's own annotations are identified by begins so.
pub const OWN: &str = "judged/";

fn annotation(item: Item, target: AnnotationTarget) -> Annotation {
    let (score, label, explanation) =
        item.result.map_or((None, None, None), |result| (result.score, result.label, result.explanation));
    // A score says which level, a label often only what it is called.
    let value = score.map(AnnotationValue::Number).or_else(|| given(label).map(AnnotationValue::Text));
    // The interface notes the user; without accounts there is none, and what came over the API may name somebody.
    let named = if item.identifier.starts_with(OWN) { written::UNKNOWN_PERSON.to_owned() } else { item.identifier };
    let by = given(item.user_id).or_else(|| given(Some(named)));
    Annotation {
        name: item.name,
        target,
        annotator: by.unwrap_or_else(|| "phoenix".to_owned()),
        value,
        rationale: given(explanation),
        at: item.updated_at.or(item.created_at),
        id: item.id,
    }
}
