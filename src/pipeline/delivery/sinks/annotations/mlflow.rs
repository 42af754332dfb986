//! MLflow: the feedback of people among the assessments of an experiment's traces.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::super::error::DeliveryError;
use super::server::{Server, parsed};
use crate::labels::annotations::mlflow::Assessment;
use crate::labels::annotations::{Annotations, given};

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
                match assessment.annotation(&trace.trace_id) {
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
