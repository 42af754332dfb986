//! What reports read: scored evaluations with what is needed to weigh and compare them, and counts of everything else.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{Store, StoreError, read, row, rows};
use crate::model::{
    Distribution, EvaluationId, Outcome, Probability, Release, Revisions, Score, SpanId, SubjectId, SubjectKind,
    TraceId,
};

/// A scored evaluation, for statistics.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredEvaluation {
    /// Its identity.
    pub id: EvaluationId,
    /// What was judged.
    pub subject: SubjectId,
    /// The judged trace.
    pub trace_id: TraceId,
    /// The judged span.
    pub span_id: SpanId,
    /// The conversation: its items are not independent.
    pub session_id: Option<String>,
    /// The digest of what was judged: copies of one answer are not independent either.
    pub content_digest: Vec<u8>,
    /// The rubric's name.
    pub rubric: String,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
    pub score: Score,
    /// The probabilities behind it, where its judge gives them; read only where a human labelled the same subject for the rubric.
    pub distribution: Option<Distribution>,
    /// The judge's reasons; for the report read only where a human labelled the same subject for the rubric.
    pub rationale: Option<String>,
    /// The probability with which it was drawn; of no meaning where an anchor was judged again.
    pub inclusion_probability: Probability,
    /// How long the judge took.
    pub latency_ms: Option<i64>,
    /// When the subject was observed, milliseconds since the Unix epoch.
    pub observed_at_ms: i64,
    /// When it was judged, milliseconds since the Unix epoch.
    pub finished_at_ms: Option<i64>,
    /// The model that wrote the answer.
    pub model: Option<String>,
    /// Segment name → value.
    pub segments: BTreeMap<String, String>,
    /// The release of the application that wrote it.
    pub release: Release,
    /// The revisions behind the score.
    pub revisions: Revisions,
}

/// How many evaluations of a series came to an outcome, and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutcomeCount {
    /// The rubric's name.
    pub rubric: String,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// The model the provider says it was; none when the judge was never asked.
    pub judge_model: Option<String>,
    /// The revisions behind what the judge said; none when the judge was never asked.
    pub revisions: Option<Revisions>,
    pub outcome: Outcome,
    pub reason: Option<String>,
    /// Whether anchors were judged again, rather than answers for the first time.
    pub replay: bool,
    /// How many.
    pub count: u64,
    /// How many of them have a known cost.
    pub priced: u64,
    /// What those cost, in US dollars.
    pub cost_usd: f64,
    /// Tokens the judge read.
    pub input_tokens: u64,
    /// Tokens the judge wrote.
    pub output_tokens: u64,
    /// The latest change, milliseconds since the Unix epoch.
    pub latest_ms: i64,
}

/// How many subjects of a kind could not be judged at all, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContentState {
    pub kind: SubjectKind,
    /// Why it cannot be judged; none when it can.
    pub unjudgeable: Option<String>,
    /// How many.
    pub count: u64,
}

/// All that is read of a scored evaluation `e` of a subject `s` but its rationale.
pub(super) const SCORED_COLUMNS: &str = "e.id, e.subject_id, s.trace_id, s.span_id, s.session_id, s.digest, e.rubric, e.version, e.judge, \
     e.judge_model, e.score, e.label, e.value, e.inclusion_probability, e.latency_ms, s.observed_at_ms, e.finished_at_ms, s.model, \
     s.segments, s.service_version, s.prompt_version, e.reading, e.rendering";

row! {
    pub(super) struct ScoredRow {
        id: Uuid,
        subject_id: Uuid,
        trace_id: Vec<u8>,
        span_id: Vec<u8>,
        session_id: Option<String>,
        digest: Vec<u8>,
        rubric: String,
        version: i64,
        judge: String,
        judge_model: Option<String>,
        score: Option<f64>,
        label: Option<String>,
        value: Option<f64>,
        rationale: Option<String>,
        distribution: Option<String>,
        inclusion_probability: f64,
        latency_ms: Option<i64>,
        observed_at_ms: i64,
        finished_at_ms: Option<i64>,
        model: Option<String>,
        segments: String,
        service_version: Option<String>,
        prompt_version: Option<String>,
        reading: Option<i64>,
        rendering: Option<i64>,
    }
}

impl Store {
    /// Every scored evaluation planned since `since_ms`, in order of observation: what pages and sums are held against.
    #[cfg(test)]
    pub async fn scored_evaluations(&self, since_ms: i64) -> Result<Vec<ScoredEvaluation>, StoreError> {
        self.scored_where("AND e.anchor_round IS NULL", since_ms).await
    }

    /// Every scored evaluation planned since `since_ms` of an answer that a human labelled for the rubric, in order of
    /// observation.
    pub async fn labelled_evaluations(&self, since_ms: i64) -> Result<Vec<ScoredEvaluation>, StoreError> {
        self.scored_where(
            // Begins at the labels, which are few.
            "AND e.anchor_round IS NULL AND e.id IN (SELECT o.id FROM labels l CROSS JOIN evaluations o \
             WHERE o.subject_id = l.subject_id AND o.rubric = l.rubric)",
            since_ms,
        )
        .await
    }

    /// What judges said of anchors: in the rounds, and before.
    pub async fn anchor_verdicts(&self) -> Result<Vec<ScoredEvaluation>, StoreError> {
        self.scored_where(
            "AND e.id IN (SELECT o.id FROM anchors a CROSS JOIN evaluations o \
             WHERE o.subject_id = a.subject_id AND o.rubric = a.rubric)",
            0,
        )
        .await
    }

    async fn scored_where(&self, condition: &str, since_ms: i64) -> Result<Vec<ScoredEvaluation>, StoreError> {
        let found: Vec<ScoredRow> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {SCORED_COLUMNS}, \
                 CASE WHEN EXISTS (SELECT 1 FROM labels l WHERE l.subject_id = e.subject_id AND l.rubric = e.rubric) \
                     THEN e.rationale END AS rationale, \
                 CASE WHEN EXISTS (SELECT 1 FROM labels l WHERE l.subject_id = e.subject_id AND l.rubric = e.rubric) \
                     THEN e.distribution END AS distribution \
                 FROM evaluations e JOIN subjects s ON s.id = e.subject_id \
                 WHERE e.outcome = 'scored' AND e.created_at_ms >= $1 {condition} ORDER BY s.observed_at_ms, e.id",
            )))
            .bind(since_ms)
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(ScoredRow::into_evaluation).collect()
    }

    /// What the calls of each judge that finished since `since_ms` cost, in US dollars.
    pub async fn spent_since(&self, since_ms: i64) -> Result<BTreeMap<String, f64>, StoreError> {
        let found: Vec<(String, f64)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT judge, CAST(sum(cost_usd) AS DOUBLE PRECISION) FROM evaluations \
                 WHERE finished_at_ms >= $1 AND cost_usd IS NOT NULL GROUP BY judge",
            )
            .bind(since_ms)
            .fetch_all(pool)
            .await?
        });
        Ok(found.into_iter().collect())
    }

    /// When one of the evaluations that were planned last came to its outcome, milliseconds since the Unix epoch; 0 without
    /// any.
    pub async fn latest_evaluation_ms(&self) -> Result<i64, StoreError> {
        let (latest,): (i64,) = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT COALESCE(max(COALESCE(finished_at_ms, created_at_ms)), 0) FROM \
                 (SELECT finished_at_ms, created_at_ms FROM evaluations ORDER BY created_at_ms DESC LIMIT 1000) AS latest",
            )
            .fetch_one(pool)
            .await?
        });
        Ok(latest)
    }

    /// How many subjects stored since `since_ms` carry something to judge.
    pub async fn content_states(&self, since_ms: i64) -> Result<Vec<ContentState>, StoreError> {
        let found: Vec<(String, Option<String>, i64)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT kind, unjudgeable, count(*) FROM subjects WHERE created_at_ms >= $1 \
                 GROUP BY kind, unjudgeable ORDER BY kind, unjudgeable",
            )
            .bind(since_ms)
            .fetch_all(pool)
            .await?
        });
        found
            .into_iter()
            .map(|(kind, unjudgeable, count)| {
                Ok(ContentState { kind: rows::subject_kind(&kind)?, unjudgeable, count: count.max(0) as u64 })
            })
            .collect()
    }
}

impl ScoredRow {
    pub(super) fn into_evaluation(self) -> Result<ScoredEvaluation, StoreError> {
        let id = self.id;
        self.read().map_err(|error| error.in_row(id))
    }

    fn read(self) -> Result<ScoredEvaluation, StoreError> {
        let no_score = || rows::inconsistent("evaluations", "outcome", "`scored` without a score");
        Ok(ScoredEvaluation {
            id: self.id.into(),
            subject: self.subject_id.into(),
            trace_id: rows::trace_id("subjects", &self.trace_id)?,
            span_id: rows::span_id("subjects", &self.span_id)?,
            session_id: self.session_id,
            content_digest: self.digest,
            rubric: self.rubric,
            version: self.version as u32,
            judge: self.judge,
            judge_model: self.judge_model,
            score: rows::score("evaluations", self.score, self.label, self.value)?.ok_or_else(no_score)?,
            distribution: self.distribution.as_deref().and_then(Distribution::stored),
            rationale: self.rationale,
            inclusion_probability: rows::probability(
                "evaluations",
                "inclusion_probability",
                self.inclusion_probability,
            )?,
            latency_ms: self.latency_ms,
            observed_at_ms: self.observed_at_ms,
            finished_at_ms: self.finished_at_ms,
            model: self.model,
            segments: rows::json("subjects", "segments", &self.segments)?,
            release: Release { service_version: self.service_version, prompt_version: self.prompt_version },
            revisions: Revisions::stored(self.reading, self.rendering),
        })
    }
}
