//! What the native score APIs share: identities, metadata, and sending one score a request.

use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::error::DeliveryError;
use crate::model::{Evaluation, EvaluationId, Score};

/// The identity of a score in a backend: the same for every revision of an evaluation, so that a score that late spans
/// replaced is replaced there too, instead of standing beside the new one.
pub(super) fn score_id(evaluation: &Evaluation) -> EvaluationId {
    EvaluationId::derive(evaluation.subject, 0, &evaluation.rubric, evaluation.rubric_version, &evaluation.judge)
}

/// Whether a backend may hold an earlier score under the same identity, which a person may have changed since.
pub(super) fn may_be_there(evaluation: &Evaluation) -> bool {
    evaluation.id != score_id(evaluation)
}

/// Says that a score is not delivered because a person has changed the one before it.
pub(super) fn left_to_people(evaluation: &Evaluation) {
    tracing::info!(rubric = evaluation.rubric, "a score that a person has changed in the backend is left as it is");
}

/// RFC 3339, as all of these APIs write time.
pub(super) fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// What the API has no field for.
pub(super) fn metadata(evaluation: &Evaluation) -> Map<String, Json> {
    let mut metadata = Map::new();
    let mut put = |key: &str, value: Json| {
        if !value.is_null() {
            metadata.insert(format!("judged.{key}"), value);
        }
    };
    put("evaluation.id", Json::from(evaluation.id.to_string()));
    put("rubric.version", Json::from(evaluation.rubric_version));
    put("rubric.hash", Json::from(evaluation.rubric_hash.to_string()));
    put("judge", Json::from(evaluation.judge.clone()));
    put("judge.model", Json::from(evaluation.judge_model.clone()));
    put("scale", Json::from(evaluation.scale.name()));
    put("value", Json::from(evaluation.score.as_ref().and_then(Score::value)));
    if let Some(distribution) = &evaluation.distribution {
        put("probability", Json::from(distribution.probability(&evaluation.scale)));
        put("probabilities", serde_json::json!(distribution.by_point()));
        put("confidence", Json::from(distribution.confidence));
        put("expected_score", Json::from(distribution.expected));
        put("threshold", Json::from(distribution.threshold.map(|threshold| threshold.value)));
        put("judge.requested_model", Json::from(distribution.origin.requested_model.clone()));
    }
    put("inclusion_probability", Json::from(evaluation.inclusion_probability.get()));
    put("cost_usd", Json::from(evaluation.cost_usd));
    metadata
}

/// Delivers each evaluation by itself, `concurrency` at a time; the results are in the order of the evaluations.
pub(super) async fn one_by_one<F>(
    evaluations: &[&Evaluation],
    concurrency: usize,
    deliver: impl Fn(usize) -> F,
) -> Vec<Result<(), DeliveryError>>
where
    F: Future<Output = Result<(), DeliveryError>>,
{
    futures_util::stream::iter((0..evaluations.len()).map(deliver)).buffered(concurrency.max(1)).collect().await
}
