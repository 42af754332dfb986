//! MLflow: the feedback of people among the assessments of traces.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Annotation, AnnotationValue, given, moment_of, target_of, written};

/// An assessment as the API and the client write it.
#[derive(Deserialize)]
pub struct Assessment {
    #[serde(default, rename = "assessment_id")]
    id: String,
    #[serde(rename = "assessment_name", alias = "name")]
    name: String,
    span_id: Option<String>,
    source: Option<Source>,
    #[serde(default, deserialize_with = "moment_of")]
    create_time: Option<jiff::Timestamp>,
    #[serde(default, deserialize_with = "moment_of")]
    last_update_time: Option<jiff::Timestamp>,
    feedback: Option<Feedback>,
    rationale: Option<String>,
    valid: Option<bool>,
    #[serde(default)]
    metadata: Json,
}

#[derive(Deserialize)]
struct Source {
    source_type: Option<String>,
    source_id: Option<String>,
}

#[derive(Deserialize)]
struct Feedback {
    value: Option<Json>,
}

impl Assessment {
    /// None for what no person said, or has replaced since.
    pub fn annotation(self, trace: &str) -> Option<Annotation> {
        let by = match &self.source {
            Some(source) if source.source_type.as_deref() == Some("HUMAN") => {
                given(source.source_id.clone()).unwrap_or_else(|| "mlflow".to_owned())
            }
            // What judged wrote says something else than it did: the interface edits in place and does not say who.
            _ if self.is_changed() => written::UNKNOWN_PERSON.to_owned(),
            _ => return None,
        };
        if self.valid == Some(false) {
            return None;
        }
        let value = self.feedback.and_then(|feedback| feedback.value).and_then(|value| match value {
            Json::Bool(flag) => Some(AnnotationValue::Flag(flag)),
            Json::Number(number) => number.as_f64().map(AnnotationValue::Number),
            Json::String(text) => given(Some(text)).map(AnnotationValue::Text),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        });
        Some(Annotation {
            name: self.name,
            target: target_of(trace, given(self.span_id).as_deref()),
            annotator: by,
            value,
            rationale: given(self.rationale),
            at: self.last_update_time.or(self.create_time),
            id: self.id,
        })
    }

    /// Whether a person has changed an assessment that judged wrote, or put another in its place.
    pub fn is_theirs(&self) -> bool {
        let by_a_person = self.source.as_ref().and_then(|source| source.source_type.as_deref()) == Some("HUMAN");
        by_a_person || self.valid == Some(false) || self.is_changed()
    }

    fn is_changed(&self) -> bool {
        let mark = self.metadata.get(written::MARK).and_then(Json::as_str);
        let value = self.feedback.as_ref().and_then(|feedback| feedback.value.as_ref()).unwrap_or(&Json::Null);
        let rationale = Json::from(self.rationale.as_deref().unwrap_or_default());
        written::is_changed(mark, &[value, &rationale]) == Some(true)
    }
}
