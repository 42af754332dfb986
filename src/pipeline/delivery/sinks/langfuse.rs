//! Langfuse: scores, upserted by their id.
//!
//! Current servers take a list of scores at the endpoint that older ones take a single score at. A list is tried
//! first; a server that refuses it is remembered and gets one score a request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize as _;
use serde_json::{Map, Value as Json, json};

use super::error::{DeliveryError, SinkConfigError, fail};
use super::http::{self, Answer};
use super::native;
use super::settings;
use crate::config::sinks::{LangfuseTarget, SinkConfig};
use crate::labels::annotations::langfuse::Score;
use crate::labels::annotations::written;
use crate::model::{self, Evaluation, Outcome, Scale, SubjectKind};
use crate::secrets::Variables;

/// Scores of Langfuse.
#[derive(Debug)]
pub struct LangfuseSink {
    client: Client,
    scores: Url,
    credentials: Option<(String, SecretString)>,
    environment: Option<String>,
    one_by_one: AtomicBool,
    concurrency: usize,
    timeout: Duration,
}

impl LangfuseSink {
    pub(super) fn new(
        config: &SinkConfig,
        target: &LangfuseTarget,
        variables: Variables<'_>,
    ) -> Result<Self, SinkConfigError> {
        if let Some(environment) = &target.environment {
            let fits = !environment.starts_with("langfuse")
                && environment.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
            if !fits {
                return Err(SinkConfigError::Value {
                    sink: config.name.clone(),
                    key: "environment",
                    problem: "Langfuse wants lower-case letters, digits, - and _, not beginning with `langfuse`".into(),
                });
            }
        }
        let backend = settings::langfuse(config, target, "/api/public/scores", variables)?;
        Ok(Self {
            client: backend.client,
            scores: backend.base,
            credentials: backend.credentials,
            environment: target.environment.clone(),
            one_by_one: AtomicBool::new(false),
            concurrency: config.concurrency,
            timeout: config.timeout,
        })
    }

    pub(super) async fn deliver(&self, evaluations: &[&Evaluation]) -> Vec<Result<(), DeliveryError>> {
        let mut results: Vec<Result<(), DeliveryError>> = evaluations.iter().map(|_| Ok(())).collect();
        let scored: Vec<usize> =
            (0..evaluations.len()).filter(|index| evaluations[*index].outcome == Outcome::Scored).collect();
        let scored = self.not_theirs(evaluations, scored, &mut results).await;
        if scored.is_empty() {
            return results;
        }
        if !self.one_by_one.load(Ordering::Relaxed) {
            let scores: Vec<Json> = scored.iter().map(|index| self.score(evaluations[*index])).collect();
            match self.post(&Json::Array(scores)).await {
                Ok(answer) => {
                    for index in scored {
                        results[index] = refusal_of(&answer, &native::score_id(evaluations[index]).to_string());
                    }
                    return results;
                }
                Err(DeliveryError::Refused { status, message }) => {
                    tracing::debug!(status, message, "a list of scores was refused; sending them one by one");
                }
                Err(error) => {
                    fail(&mut results, &scored, &error);
                    return results;
                }
            }
        }
        let subset: Vec<&Evaluation> = scored.iter().map(|index| evaluations[*index]).collect();
        let single = native::one_by_one(&subset, self.concurrency, |index| self.deliver_one(subset[index])).await;
        if single.iter().any(Result::is_ok) {
            // The list was at fault, not what was in it.
            self.one_by_one.store(true, Ordering::Relaxed);
        }
        scored.into_iter().zip(single).for_each(|(index, result)| results[index] = result);
        results
    }

    /// Those of the evaluations whose score no person has changed: only a later revision has an earlier one there.
    async fn not_theirs(
        &self,
        evaluations: &[&Evaluation],
        scored: Vec<usize>,
        results: &mut [Result<(), DeliveryError>],
    ) -> Vec<usize> {
        let mut free = Vec::new();
        for index in scored {
            let evaluation = evaluations[index];
            if !native::may_be_there(evaluation) {
                free.push(index);
                continue;
            }
            match self.is_theirs(&native::score_id(evaluation).to_string()).await {
                Ok(true) => native::left_to_people(evaluation),
                Ok(false) => free.push(index),
                Err(error) => fail(results, &[index], &error),
            }
        }
        free
    }

    /// Whether a person has changed a score; by the second version of the API, else by the third.
    async fn is_theirs(&self, id: &str) -> Result<bool, DeliveryError> {
        let mut url = self.scores.clone();
        url.set_path(&format!("{}/{id}", self.scores.path().replace("/scores", "/v2/scores")));
        let answer = self.exchange(self.client.get(url)).await?;
        if answer.status.is_success() {
            return Ok(Score::deserialize(&json_of(&answer)?).is_ok_and(|there| there.is_theirs()));
        }
        if answer.status != StatusCode::NOT_FOUND {
            return Err(answer.idempotent_error());
        }
        let mut url = self.scores.clone();
        url.set_path(&self.scores.path().replace("/scores", "/v3/scores"));
        url.query_pairs_mut().extend_pairs([("id", id), ("fields", "details,annotation")]);
        let answer = self.exchange(self.client.get(url)).await?;
        match answer.status {
            status if status.is_success() => {
                let there = json_of(&answer)?;
                Ok(Score::deserialize(&there["data"][0]).is_ok_and(|there| there.is_theirs()))
            }
            // Neither of them is there, nor is the score.
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(answer.idempotent_error()),
        }
    }

    async fn deliver_one(&self, evaluation: &Evaluation) -> Result<(), DeliveryError> {
        self.post(&self.score(evaluation)).await.map(drop)
    }

    async fn post(&self, body: &Json) -> Result<Answer, DeliveryError> {
        let answer = self.exchange(self.client.post(self.scores.clone()).json(body)).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(answer.idempotent_error()) }
    }

    pub(super) async fn check(&self) -> Result<(), DeliveryError> {
        let mut url = self.scores.clone();
        let path = url.path().replace("/scores", "/projects");
        url.set_path(&path);
        let answer = self.exchange(self.client.get(url)).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.idempotent_error()) }
    }

    async fn exchange(&self, mut request: reqwest::RequestBuilder) -> Result<Answer, DeliveryError> {
        if let Some((public_key, secret_key)) = &self.credentials {
            request = request.basic_auth(public_key, Some(secret_key.expose_secret()));
        }
        http::exchange(request, &self.scores, self.timeout).await
    }

    /// Name and day are part of the key of the server's table, and it never changes a time: so the time is when the
    /// subject was observed, which a repetition cannot move.
    fn score(&self, evaluation: &Evaluation) -> Json {
        let mut score = Map::new();
        let mut put = |key: &str, value: Json| drop(score.insert(key.to_owned(), value));
        put("id", Json::from(native::score_id(evaluation).to_string()));
        match (evaluation.subject_kind, &evaluation.session_id) {
            (SubjectKind::Session, Some(session)) => put("sessionId", Json::from(session.clone())),
            (SubjectKind::Generation, _) => {
                put("traceId", Json::from(evaluation.trace_id.to_string()));
                put("observationId", Json::from(evaluation.span_id.to_string()));
            }
            (SubjectKind::Trace | SubjectKind::Session, _) => {
                put("traceId", Json::from(evaluation.trace_id.to_string()));
            }
        }
        put("name", Json::from(evaluation.rubric.clone()));
        let (data_type, value) = value(evaluation);
        put("dataType", Json::from(data_type));
        let comment = evaluation.rationale.as_deref().map(Json::from);
        let mut metadata = native::metadata(evaluation);
        let mark = written::mark(&[&value, comment.as_ref().unwrap_or(&Json::Null)]);
        metadata.insert(written::MARK.to_owned(), Json::from(mark));
        put("value", value);
        if let Some(comment) = comment {
            put("comment", comment);
        }
        put("timestamp", Json::from(native::time(evaluation.observed_at_ms)));
        put("metadata", Json::Object(metadata));
        if let Some(environment) = &self.environment {
            put("environment", Json::from(environment.clone()));
        }
        Json::Object(score)
    }
}

fn value(evaluation: &Evaluation) -> (&'static str, Json) {
    let score = evaluation.score.as_ref();
    match (&evaluation.scale, score.and_then(model::Score::number)) {
        (Scale::Binary { .. }, Some(number)) => ("BOOLEAN", json!(u8::from(number >= 0.5))),
        (_, Some(number)) => ("NUMERIC", json!(number)),
        (_, None) => ("CATEGORICAL", json!(score.and_then(model::Score::label))),
    }
}

fn json_of(answer: &Answer) -> Result<Json, DeliveryError> {
    let unexpected = |_| DeliveryError::UnexpectedAnswer { what: "a score that is not JSON".into() };
    serde_json::from_slice(&answer.body).map_err(unexpected)
}

/// What a multi-status answer says of the score `id`; an answer without errors accepted it.
fn refusal_of(answer: &Answer, id: &str) -> Result<(), DeliveryError> {
    let body: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
    let errors = body.get("errors").and_then(Json::as_array).into_iter().flatten();
    let mut own = errors.filter(|error| error.get("id").and_then(Json::as_str) == Some(id));
    let Some(error) = own.next() else { return Ok(()) };
    let status = error.get("status").and_then(Json::as_u64).unwrap_or(400);
    let message = error.get("message").and_then(Json::as_str).unwrap_or("no message").chars().take(300).collect();
    let status_text = status.to_string();
    Err(if status == 429 || status >= 500 {
        DeliveryError::NotReady { status: status_text, message, retry_after: None }
    } else {
        DeliveryError::Refused { status: status_text, message }
    })
}
