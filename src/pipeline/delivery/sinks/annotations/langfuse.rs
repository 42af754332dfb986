//! Langfuse: the scores of people, which its own interface and annotation queues write.

use serde::Deserialize;
use serde_json::Value as Json;

use super::super::error::DeliveryError;
use super::annotation::{Annotation, AnnotationTarget, AnnotationValue, Annotations, given, target_of};
use super::server::{Server, parsed};

const PAGE: &str = "100";

#[derive(Deserialize)]
struct Page {
    data: Vec<Score>,
    meta: Meta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    total_pages: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Score {
    id: String,
    name: String,
    source: String,
    trace_id: Option<String>,
    observation_id: Option<String>,
    session_id: Option<String>,
    data_type: Option<String>,
    value: Option<Json>,
    string_value: Option<String>,
    author_user_id: Option<String>,
    comment: Option<String>,
    timestamp: Option<jiff::Timestamp>,
    updated_at: Option<jiff::Timestamp>,
}

pub(super) async fn read(server: &Server) -> Result<Annotations, DeliveryError> {
    let mut found = Annotations::default();
    for page in 1.. {
        let mut url = server.url(&["v2", "scores"]);
        let page_number = page.to_string();
        url.query_pairs_mut().extend_pairs([
            ("source", "ANNOTATION"),
            ("fields", "score"),
            ("limit", PAGE),
            ("page", page_number.as_str()),
        ]);
        let Page { data, meta } = parsed(&server.get(&url).await?)?;
        let ended = data.is_empty() || page >= meta.total_pages;
        for score in data {
            // Servers that do not know the filter send everything.
            if score.source == "ANNOTATION" {
                found.human.push(annotation(score));
            } else {
                found.passed_over += 1;
            }
        }
        if ended {
            break;
        }
    }
    Ok(found)
}

fn annotation(score: Score) -> Annotation {
    let target = match (&score.trace_id, &score.session_id) {
        (Some(trace), _) => target_of(trace, score.observation_id.as_deref()),
        (None, Some(session)) => AnnotationTarget::Session(session.clone()),
        (None, None) => AnnotationTarget::Other("neither a trace nor a session".to_owned()),
    };
    let number = score.value.as_ref().and_then(Json::as_f64);
    let value = match score.data_type.as_deref() {
        Some("BOOLEAN") => number.map(|number| AnnotationValue::Flag(number > 0.0)),
        Some("CATEGORICAL") => given(score.string_value).map(AnnotationValue::Text),
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
