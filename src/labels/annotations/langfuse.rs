//! Langfuse: the scores of people, which its own interface and annotation queues write.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Annotation, AnnotationTarget, AnnotationValue, given, moment_of, target_of, written};

/// A score as the API and the exports write it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    #[serde(default)]
    id: String,
    name: String,
    source: String,
    #[serde(alias = "trace_id")]
    trace_id: Option<String>,
    #[serde(alias = "observation_id")]
    observation_id: Option<String>,
    #[serde(alias = "session_id")]
    session_id: Option<String>,
    #[serde(alias = "data_type")]
    data_type: Option<String>,
    value: Option<Json>,
    #[serde(alias = "string_value")]
    string_value: Option<String>,
    #[serde(alias = "author_user_id")]
    author_user_id: Option<String>,
    comment: Option<String>,
    #[serde(default, deserialize_with = "moment_of")]
    timestamp: Option<jiff::Timestamp>,
    #[serde(default, alias = "updated_at", deserialize_with = "moment_of")]
    updated_at: Option<jiff::Timestamp>,
    /// What it is about, in the third version of the API.
    subject: Option<Subject>,
    #[serde(default)]
    metadata: Json,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subject {
    kind: String,
    id: Option<String>,
    trace_id: Option<String>,
}

impl Score {
    /// What a person said; none for the scores of programs.
    pub fn annotation(self) -> Option<Annotation> {
        (self.source == "ANNOTATION").then(|| annotation(self))
    }

    /// Whether a person has changed a score that judged wrote.
    pub fn is_theirs(&self) -> bool {
        let mark = self.metadata.get(written::MARK).and_then(Json::as_str);
        let comment = Json::from(self.comment.as_deref().unwrap_or_default());
        let value = self.value.as_ref().unwrap_or(&Json::Null);
        // A category has a number of its own in the second version of the API, whose text is what was sent.
        let text = self.string_value.as_deref().map_or(Json::Null, Json::from);
        let as_sent = [value, &text].map(|value| written::is_changed(mark, &[value, &comment]));
        self.source != "API" || self.author_user_id.is_some() || as_sent.iter().all(|changed| *changed == Some(true))
    }

    fn target(&self) -> AnnotationTarget {
        if let Some(subject) = &self.subject {
            let id = subject.id.as_deref().unwrap_or_default();
            return match (subject.kind.as_str(), &subject.trace_id) {
                ("trace", trace) => target_of(trace.as_deref().unwrap_or(id), None),
                ("observation", Some(trace)) => target_of(trace, Some(id)),
                ("observation", None) => match id.parse() {
                    Ok(span) => AnnotationTarget::AnySpan(span),
                    Err(_) => AnnotationTarget::Other(format!("observation {id}")),
                },
                ("session", _) => AnnotationTarget::Session(id.to_owned()),
                (other, _) => AnnotationTarget::Other(format!("{other} {id}")),
            };
        }
        match (&self.trace_id, &self.session_id) {
            (Some(trace), _) => target_of(trace, self.observation_id.as_deref()),
            (None, Some(session)) => AnnotationTarget::Session(session.clone()),
            (None, None) => AnnotationTarget::Other("neither a trace nor a session".to_owned()),
        }
    }
}

fn annotation(score: Score) -> Annotation {
    let target = score.target();
    let number = match &score.value {
        // A table holds numbers as text.
        Some(Json::String(text)) => text.trim().parse().ok(),
        Some(Json::Bool(flag)) => Some(f64::from(u8::from(*flag))),
        other => other.as_ref().and_then(Json::as_f64),
    };
    // The third version of the API has categories in the one member.
    let category = || score.value.as_ref().and_then(Json::as_str).map(str::to_owned);
    let value = match score.data_type.as_deref() {
        Some("BOOLEAN") => number.map(|number| AnnotationValue::Flag(number > 0.0)),
        Some("CATEGORICAL") => given(score.string_value.clone().or_else(category)).map(AnnotationValue::Text),
        // Free text is a comment, and a correction another answer: no verdict.
        Some("TEXT" | "CORRECTION") => None,
        _ => number.map(AnnotationValue::Number),
    };
    Annotation {
        name: score.name,
        target,
        annotator: given(score.author_user_id).unwrap_or_else(|| "langfuse".to_owned()),
        value,
        rationale: given(score.comment),
        at: score.updated_at.or(score.timestamp),
        id: score.id,
    }
}
