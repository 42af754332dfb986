//! MLflow: the feedback of people among the assessments of an experiment's traces.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::super::error::DeliveryError;
use super::annotation::{Annotation, AnnotationValue, Annotations, given, target_of};
use super::server::{Server, parsed};

/// Traces a page: each brings previews of its content along.
const PAGE: u32 = 25;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    traces: Vec<Trace>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Trace {
    trace_id: String,
    #[serde(default)]
    assessments: Vec<Assessment>,
}

#[derive(Deserialize)]
struct Assessment {
    #[serde(default, rename = "assessment_id")]
    id: String,
    #[serde(rename = "assessment_name")]
    name: String,
    span_id: Option<String>,
    source: Option<Source>,
    create_time: Option<jiff::Timestamp>,
    last_update_time: Option<jiff::Timestamp>,
    feedback: Option<Feedback>,
    rationale: Option<String>,
    valid: Option<bool>,
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

pub(super) async fn read(server: &Server, experiment_id: &str) -> Result<Annotations, DeliveryError> {
    let url = server.url(&["traces", "search"]);
    let location = json!({ "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": experiment_id } });
    let (mut found, mut token): (Annotations, Option<String>) = Default::default();
    loop {
        let mut body = json!({ "locations": [location], "max_results": PAGE });
        if let Some(token) = &token {
            body["page_token"] = Json::from(token.as_str());
        }
        let page: Page = parsed(&server.post(&url, &body).await?)?;
        for trace in page.traces {
            for assessment in trace.assessments {
                match annotation(&trace.trace_id, assessment) {
                    Some(annotation) => found.human.push(annotation),
                    None => found.passed_over += 1,
                }
            }
        }
        token = match given(page.next_page_token) {
            next if next == token => return Ok(found),
            Some(next) => Some(next),
            None => return Ok(found),
        };
    }
}

/// None for what no person said, or has replaced since.
fn annotation(trace: &str, assessment: Assessment) -> Option<Annotation> {
    let source = assessment.source.filter(|source| source.source_type.as_deref() == Some("HUMAN"))?;
    if assessment.valid == Some(false) {
        return None;
    }
    let value = assessment.feedback.and_then(|feedback| feedback.value).and_then(|value| match value {
        Json::Bool(flag) => Some(AnnotationValue::Flag(flag)),
        Json::Number(number) => number.as_f64().map(AnnotationValue::Number),
        Json::String(text) => given(Some(text)).map(AnnotationValue::Text),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    });
    Some(Annotation {
        name: assessment.name,
        target: target_of(trace, given(assessment.span_id).as_deref()),
        annotator: given(source.source_id).unwrap_or_else(|| "mlflow".to_owned()),
        value,
        rationale: given(assessment.rationale),
        at: assessment.last_update_time.or(assessment.create_time),
        id: assessment.id,
    })
}
