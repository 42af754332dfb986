//! Phoenix: annotations of spans, traces and sessions, many a request.
//!
//! An annotation is replaced by one of the same target, name and identifier. The synchronous form refuses a whole
//! request for one unknown target and names it; the rest is then sent again without it. (The asynchronous form would
//! accept everything, and drop what never arrives without a word.)

use std::collections::{BTreeSet, HashSet};

use reqwest::{StatusCode, Url};
use serde_json::{Map, Value as Json, json};

use super::annotations::phoenix;
use super::annotations::server::Server;
use super::error::{DeliveryError, SinkConfigError, fail};
use super::http::{self, Answer};
use super::settings;
use super::{native, score_attributes};
use crate::config::sinks::{PhoenixTarget, SinkConfig};
use crate::labels::annotations::phoenix::{Item, OWN};
use crate::labels::annotations::written;
use crate::model::{Evaluation, Outcome, SubjectKind};
use crate::secrets::Variables;

/// Scores as annotations of Phoenix.
#[derive(Debug)]
pub struct PhoenixSink {
    server: Server,
}

impl PhoenixSink {
    pub(super) fn new(
        config: &SinkConfig,
        target: &PhoenixTarget,
        variables: Variables<'_>,
    ) -> Result<Self, SinkConfigError> {
        let backend = settings::phoenix(config, target, "/v1", variables)?;
        // What fails is delivered again later.
        Ok(Self { server: Server { backend, timeout: config.timeout, attempts: 1 } })
    }

    pub(super) async fn deliver(&self, evaluations: &[&Evaluation]) -> Vec<Result<(), DeliveryError>> {
        let mut results: Vec<Result<(), DeliveryError>> = evaluations.iter().map(|_| Ok(())).collect();
        for kind in [SubjectKind::Generation, SubjectKind::Trace, SubjectKind::Session] {
            let part: Vec<usize> = (0..evaluations.len())
                .filter(|index| {
                    let evaluation = evaluations[*index];
                    evaluation.subject_kind == kind && evaluation.outcome == Outcome::Scored
                })
                .collect();
            let part = self.not_theirs(kind, evaluations, part, &mut results).await;
            self.send(kind, evaluations, part, &mut results).await;
        }
        results
    }

    /// Those of the evaluations in whose place no person has said something else: only a later revision has an earlier one
    /// that could have been changed.
    async fn not_theirs(
        &self,
        kind: SubjectKind,
        evaluations: &[&Evaluation],
        part: Vec<usize>,
        results: &mut [Result<(), DeliveryError>],
    ) -> Vec<usize> {
        let (later, mut free): (Vec<usize>, Vec<usize>) =
            part.into_iter().partition(|index| native::may_be_there(evaluations[*index]));
        let targets: BTreeSet<String> = later.iter().map(|index| target(evaluations[*index])).collect();
        let there = match phoenix::items(&self.server, what(kind), &targets.iter().collect::<Vec<_>>()).await {
            Ok(there) => there,
            Err(error) => {
                fail(results, &later, &error);
                return free;
            }
        };
        for index in later {
            let evaluation = evaluations[index];
            let is_same = |item: &Item| {
                item.span_id == target(evaluation)
                    && item.name == evaluation.rubric
                    && item.identifier == identifier(evaluation)
            };
            if there.iter().any(|item| is_same(item) && item.is_theirs()) {
                native::left_to_people(evaluation);
            } else {
                free.push(index);
            }
        }
        free
    }

    async fn send(
        &self,
        kind: SubjectKind,
        evaluations: &[&Evaluation],
        part: Vec<usize>,
        results: &mut [Result<(), DeliveryError>],
    ) {
        let url = self.url(kind);
        let mut parts = vec![part];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let data: Vec<Json> = part.iter().map(|index| annotation(evaluations[*index])).collect();
            let request =
                self.server.backend.client.post(url.clone()).query(&[("sync", "true")]).json(&json!({ "data": data }));
            let answer = match http::exchange(request, &url, self.server.timeout).await {
                Ok(answer) if answer.status.is_success() => continue,
                Ok(answer) => answer,
                Err(error) => {
                    fail(results, &part, &error);
                    continue;
                }
            };
            let missing = missing_targets(&answer);
            let (absent, present): (Vec<usize>, Vec<usize>) =
                part.iter().partition(|index| missing.contains(&target(evaluations[**index])));
            if !absent.is_empty() {
                for index in absent {
                    let what = format!("{} {}", what(kind), target(evaluations[index]));
                    results[index] = Err(DeliveryError::NotThereYet { what });
                }
                parts.push(present);
            } else if part.len() > 1 && is_about_the_content(&answer) {
                let second = part.split_off(part.len() / 2);
                parts.push(second);
                parts.push(part);
            } else {
                let error = answer.idempotent_error();
                fail(results, &part, &error);
            }
        }
    }

    pub(super) async fn check(&self) -> Result<(), DeliveryError> {
        let mut url = self.server.backend.base.clone();
        let path = format!("{}/projects", url.path());
        url.set_path(&path);
        let request = self.server.backend.client.get(url.clone()).query(&[("limit", "1")]);
        let answer = http::exchange(request, &url, self.server.timeout).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.idempotent_error()) }
    }

    fn url(&self, kind: SubjectKind) -> Url {
        let mut url = self.server.backend.base.clone();
        let path = format!("{}/{}_annotations", url.path(), what(kind));
        url.set_path(&path);
        url
    }
}

fn what(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Generation => "span",
        SubjectKind::Trace => "trace",
        SubjectKind::Session => "session",
    }
}

fn target(evaluation: &Evaluation) -> String {
    match evaluation.subject_kind {
        SubjectKind::Generation => evaluation.span_id.to_string(),
        SubjectKind::Trace => evaluation.trace_id.to_string(),
        SubjectKind::Session => evaluation.session_id.clone().unwrap_or_default(),
    }
}

fn is_about_the_content(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 400 | 413 | 422)
}

/// The ids in "Spans with IDs a, b do not exist."
fn missing_targets(answer: &Answer) -> HashSet<String> {
    let text = String::from_utf8_lossy(&answer.body);
    let list = text.split_once("with IDs ").and_then(|(_, rest)| rest.split_once(" do not exist"));
    match list {
        Some((ids, _)) if answer.status == StatusCode::NOT_FOUND => {
            ids.split(',').map(|id| id.trim().trim_matches(['\'', '"', '[', ']', '{', '}', '\\']).to_owned()).collect()
        }
        _ => HashSet::new(),
    }
}

/// What tells a judge's annotations from those of others.
fn identifier(evaluation: &Evaluation) -> String {
    format!("{OWN}v{}/{}", evaluation.rubric_version, evaluation.judge)
}

fn annotation(evaluation: &Evaluation) -> Json {
    let mut result = Map::new();
    if let Some(score) = &evaluation.score {
        if let Some(number) = score.number().or(score.value()) {
            result.insert("score".to_owned(), Json::from(number));
        }
        if let Some(label) = score.label() {
            result.insert("label".to_owned(), Json::from(label));
        }
    }
    if let Some(rationale) = &evaluation.rationale {
        result.insert("explanation".to_owned(), Json::from(rationale.clone()));
    }
    let said = ["score", "label", "explanation"].map(|name| result.get(name).unwrap_or(&Json::Null));
    let mut metadata = native::metadata(evaluation);
    metadata.insert(written::MARK.to_owned(), Json::from(written::mark(&said)));
    let mut annotation = json!({
        "name": evaluation.rubric,
        "annotator_kind": if score_attributes::is_by_model(evaluation) { "LLM" } else { "CODE" },
        "result": result,
        "metadata": metadata,
        "identifier": identifier(evaluation),
    });
    annotation[format!("{}_id", what(evaluation.subject_kind))] = Json::from(target(evaluation));
    annotation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_are_read_from_the_refusal() {
        let body = br#"{"detail":"Spans with IDs 00f067aa0ba902b7, 00f067aa0ba902b8 do not exist."}"#;
        let missing = missing_targets(&Answer::for_test(404, body));
        assert_eq!(missing, ["00f067aa0ba902b7".to_owned(), "00f067aa0ba902b8".to_owned()].into());
        assert!(missing_targets(&Answer::for_test(404, b"Not Found")).is_empty());
    }
}
