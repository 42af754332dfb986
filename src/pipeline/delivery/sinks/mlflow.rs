//! MLflow: assessments of a trace.
//!
//! The API is not idempotent, but it honours an id that the client chooses and refuses a second insert of it with 500
//! and a constraint violation. So: insert; on any server error look whether it is there; write over it only when what
//! is there is an older revision.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize as _;
use serde_json::{Map, Value as Json, json};

use super::error::{DeliveryError, SinkConfigError};
use super::http::{self, Answer};
use super::settings;
use super::{native, score_attributes};
use crate::config::sinks::{MlflowTarget, SinkConfig};
use crate::labels::annotations::mlflow::Assessment;
use crate::labels::annotations::written;
use crate::model::{Distribution, Evaluation, Outcome, SubjectKind};
use crate::secrets::Variables;

/// Scores as assessments of MLflow.
#[derive(Debug)]
pub struct MlflowSink {
    client: Client,
    base: Url,
    credentials: Option<(String, SecretString)>,
    experiment_id: Option<String>,
    concurrency: usize,
    timeout: Duration,
}

impl MlflowSink {
    pub(super) fn new(
        config: &SinkConfig,
        target: &MlflowTarget,
        variables: Variables<'_>,
    ) -> Result<Self, SinkConfigError> {
        let backend = settings::mlflow(config, target, "/api/3.0/mlflow", variables)?;
        Ok(Self {
            client: backend.client,
            base: backend.base,
            credentials: backend.credentials,
            experiment_id: target.experiment_id.clone(),
            concurrency: config.concurrency,
            timeout: config.timeout,
        })
    }

    /// Scores become feedback, failures become feedback with an error; an abstention is no assessment.
    pub(super) async fn deliver(&self, evaluations: &[&Evaluation]) -> Vec<Result<(), DeliveryError>> {
        native::one_by_one(evaluations, self.concurrency, |index| self.deliver_one(evaluations[index])).await
    }

    async fn deliver_one(&self, evaluation: &Evaluation) -> Result<(), DeliveryError> {
        if evaluation.outcome != Outcome::Scored && !evaluation.outcome.is_without_verdict() {
            return Ok(());
        }
        let assessments = self.url(&format!("/traces/tr-{}/assessments", evaluation.trace_id));
        let body = json!({ "assessment": assessment(evaluation) });
        let answer = self.send(self.client.post(assessments.clone()).json(&body), &assessments).await?;
        match answer.status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => Err(not_there(evaluation, &answer)),
            status if status.is_server_error() && !matches!(status.as_u16(), 502..=504) => {
                self.settle_existing(evaluation, &answer).await
            }
            _ => Err(answer.idempotent_error()),
        }
    }

    /// After a server error on insert: done when this very evaluation is there, written over when an older one is.
    async fn settle_existing(&self, evaluation: &Evaluation, refused: &Answer) -> Result<(), DeliveryError> {
        let path = format!("/traces/tr-{}/assessments/{}", evaluation.trace_id, assessment_id(evaluation));
        let url = self.url(&path);
        let answer = self.send(self.client.get(url.clone()), &url).await?;
        if !answer.status.is_success() {
            return Err(if answer.status == StatusCode::NOT_FOUND { refused } else { &answer }.idempotent_error());
        }
        let unexpected = |_| DeliveryError::UnexpectedAnswer { what: "an assessment that is not JSON".into() };
        let there: Json = serde_json::from_slice(&answer.body).map_err(unexpected)?;
        let id = evaluation.id.to_string();
        if there.pointer("/assessment/metadata/judged.evaluation.id").and_then(Json::as_str) == Some(id.as_str()) {
            return Ok(());
        }
        if Assessment::deserialize(&there["assessment"]).is_ok_and(|there| there.is_theirs()) {
            native::left_to_people(evaluation);
            return Ok(());
        }
        let mut assessment = assessment(evaluation);
        assessment.retain(|key, _| {
            matches!(key.as_str(), "assessment_id" | "trace_id" | "feedback" | "rationale" | "metadata")
        });
        let body = json!({ "assessment": assessment, "update_mask": "feedback,rationale,metadata" });
        let answer = self.send(self.client.patch(url.clone()).json(&body), &url).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.idempotent_error()) }
    }

    pub(super) async fn check(&self) -> Result<(), DeliveryError> {
        let mut url = self.base.clone();
        let root = url.path().trim_end_matches("/api/3.0/mlflow").to_owned();
        match &self.experiment_id {
            Some(id) => {
                url.set_path(&format!("{root}/api/2.0/mlflow/experiments/get"));
                url.query_pairs_mut().append_pair("experiment_id", id);
            }
            None => url.set_path(&format!("{root}/health")),
        }
        let answer = self.send(self.client.get(url.clone()), &url).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.idempotent_error()) }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let joined = format!("{}{path}", url.path());
        url.set_path(&joined);
        url
    }

    async fn send(&self, mut request: RequestBuilder, url: &Url) -> Result<Answer, DeliveryError> {
        if let Some((user, password)) = &self.credentials {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        http::exchange(request, url, self.timeout).await
    }
}

/// A trace that MLflow does not have may still be on its way; any other 404 is a wrong address.
fn not_there(evaluation: &Evaluation, answer: &Answer) -> DeliveryError {
    if answer.message().contains("RESOURCE_DOES_NOT_EXIST") {
        DeliveryError::NotThereYet { what: format!("trace tr-{}", evaluation.trace_id) }
    } else {
        answer.error()
    }
}

fn assessment_id(evaluation: &Evaluation) -> String {
    format!("a-{}", native::score_id(evaluation).as_uuid().simple())
}

fn assessment(evaluation: &Evaluation) -> Map<String, Json> {
    let source_type = if score_attributes::is_by_model(evaluation) { "LLM_JUDGE" } else { "CODE" };
    let source_id = evaluation.judge_model.as_deref().unwrap_or(&evaluation.judge);
    let at = native::time(evaluation.finished_at_ms.unwrap_or(evaluation.created_at_ms));
    let mut assessment = Map::from_iter([
        ("assessment_id".to_owned(), Json::from(assessment_id(evaluation))),
        ("assessment_name".to_owned(), Json::from(evaluation.rubric.clone())),
        ("trace_id".to_owned(), Json::from(format!("tr-{}", evaluation.trace_id))),
        ("source".to_owned(), json!({ "source_type": source_type, "source_id": source_id })),
        ("feedback".to_owned(), feedback(evaluation)),
        ("create_time".to_owned(), Json::from(at.clone())),
        ("last_update_time".to_owned(), Json::from(at)),
    ]);
    if evaluation.subject_kind == SubjectKind::Generation {
        assessment.insert("span_id".to_owned(), Json::from(evaluation.span_id.to_string()));
    }
    if let (Outcome::Scored, Some(rationale)) = (evaluation.outcome, &evaluation.rationale) {
        assessment.insert("rationale".to_owned(), Json::from(rationale.clone()));
    }
    let value = assessment.get("feedback").and_then(|feedback| feedback.get("value"));
    let mark = written::mark(&[value.unwrap_or(&Json::Null), assessment.get("rationale").unwrap_or(&Json::Null)]);
    let mut metadata = text_metadata(evaluation);
    metadata.insert(written::MARK.to_owned(), Json::from(mark));
    assessment.insert("metadata".to_owned(), Json::Object(metadata));
    assessment
}

fn feedback(evaluation: &Evaluation) -> Json {
    match &evaluation.score {
        Some(score) if evaluation.outcome == Outcome::Scored => match (score.number(), score.label()) {
            (Some(number), _) => json!({ "value": number }),
            (None, label) => json!({ "value": label }),
        },
        _ => json!({
            "error": {
                "error_code": score_attributes::error_type(evaluation),
                "error_message": evaluation.rationale.as_deref().unwrap_or_default(),
            }
        }),
    }
}

/// The same under the keys that MLflow's own decision judges write; it has none for Gemini's.
fn as_decision(distribution: &Distribution, evaluation: &Evaluation) -> Vec<(String, Json)> {
    let prefix = match distribution.origin.dialect.as_str() {
        "systemone" => "typesafe",
        "openai" => "openai.decisions",
        _ => return Vec::new(),
    };
    [
        ("model", json!(evaluation.judge_model)),
        ("probability", json!(distribution.probability(&evaluation.scale))),
        ("probabilities", json!(distribution.by_point())),
        ("confidence", json!(distribution.confidence)),
    ]
    .map(|(key, value)| (format!("{prefix}.{key}"), value))
    .into()
}

/// MLflow's metadata are texts; its own keys let its pages show what a score cost.
fn text_metadata(evaluation: &Evaluation) -> Map<String, Json> {
    let mut metadata = native::metadata(evaluation);
    if let Some(distribution) = &evaluation.distribution {
        metadata.extend(as_decision(distribution, evaluation));
    }
    let mut put = |key: &str, text: Option<String>| {
        if let Some(text) = text {
            metadata.insert(format!("mlflow.assessment.{key}"), Json::from(text));
        }
    };
    put("judgeCost", evaluation.cost_usd.map(|cost| cost.to_string()));
    put("judgeInputTokens", evaluation.input_tokens.map(|tokens| tokens.to_string()));
    put("judgeOutputTokens", evaluation.output_tokens.map(|tokens| tokens.to_string()));
    put("scorerName", Some(evaluation.rubric.clone()));
    put("scorerVersion", Some(evaluation.rubric_version.to_string()));
    metadata
        .into_iter()
        .map(|(key, value)| match value {
            Json::String(text) => (key, Json::String(text)),
            other => (key, Json::String(other.to_string())),
        })
        .collect()
}
