//! The outbox: scores owed to sinks, until they are accepted.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::lease::Queue;
use super::outbox::{DeliveryOutcome, Outbox};
use super::rows::push_list;
use super::write_back::Attached;
use super::{Store, StoreError, read, row, rows};
use crate::model::{ContentHash, Distribution, Evaluation, EvaluationId, Scale, ScoreForm, WriteBack};

/// A score owed to a sink, leased to this worker.
#[derive(Debug, Clone, PartialEq)]
pub struct OwedDelivery {
    /// What to deliver.
    pub score: WriteBack,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it fell due, milliseconds since the Unix epoch: its place in the queue.
    pub due_at_ms: i64,
}

row! {
    pub(super) struct EvaluationRow {
        id: Uuid,
        subject_id: Uuid,
        kind: String,
        trace_id: Vec<u8>,
        span_id: Vec<u8>,
        session_id: Option<String>,
        response_id: Option<String>,
        rubric: String,
        version: i64,
        judge: String,
        judge_model: Option<String>,
        outcome: String,
        reason: Option<String>,
        score: Option<f64>,
        label: Option<String>,
        value: Option<f64>,
        rationale: Option<String>,
        distribution: Option<String>,
        inclusion_probability: f64,
        cost_usd: Option<f64>,
        input_tokens: Option<i64>,
        output_tokens: Option<i64>,
        latency_ms: Option<i64>,
        observed_at_ms: i64,
        created_at_ms: i64,
        finished_at_ms: Option<i64>,
        segments: String,
    }
}

/// The columns of [`EvaluationRow`], for a query that joins `evaluations` with `subjects`.
pub(super) const EVALUATION_COLUMNS: &str = "evaluations.id, evaluations.subject_id, subjects.kind, subjects.trace_id, \
    subjects.span_id, subjects.session_id, subjects.response_id, evaluations.rubric, evaluations.version, evaluations.judge, \
    evaluations.judge_model, evaluations.outcome, evaluations.reason, evaluations.score, evaluations.label, evaluations.value, \
    evaluations.rationale, evaluations.distribution, evaluations.inclusion_probability, evaluations.cost_usd, evaluations.input_tokens, \
    evaluations.output_tokens, evaluations.latency_ms, subjects.observed_at_ms, evaluations.created_at_ms, \
    evaluations.finished_at_ms, subjects.segments";

impl EvaluationRow {
    pub(super) fn into_evaluation(self, rubric: (ContentHash, Scale)) -> Result<Evaluation, StoreError> {
        let id = self.id;
        self.read(rubric).map_err(|error| error.in_row(id))
    }

    fn read(self, (rubric_hash, scale): (ContentHash, Scale)) -> Result<Evaluation, StoreError> {
        let version = self.version as u32;
        Ok(Evaluation {
            id: self.id.into(),
            subject: self.subject_id.into(),
            subject_kind: rows::subject_kind(&self.kind)?,
            trace_id: rows::trace_id("subjects", &self.trace_id)?,
            span_id: rows::span_id("subjects", &self.span_id)?,
            session_id: self.session_id,
            response_id: self.response_id,
            rubric: self.rubric,
            rubric_version: version,
            rubric_hash,
            scale,
            judge: self.judge,
            judge_model: self.judge_model,
            outcome: rows::outcome(&self.outcome)?,
            reason: self.reason,
            score: rows::score("evaluations", self.score, self.label, self.value)?,
            distribution: self.distribution.as_deref().and_then(Distribution::stored),
            rationale: self.rationale,
            inclusion_probability: rows::probability(
                "evaluations",
                "inclusion_probability",
                self.inclusion_probability,
            )?,
            cost_usd: self.cost_usd,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            latency_ms: self.latency_ms,
            observed_at_ms: self.observed_at_ms,
            created_at_ms: self.created_at_ms,
            finished_at_ms: self.finished_at_ms,
            segments: rows::json("subjects", "segments", &self.segments)?,
        })
    }
}

const OWED: Outbox = Outbox {
    queue: Queue {
        table: "deliveries",
        key: "evaluation_id",
        waiting: " AND state = 'owed' AND sink = $5",
        part: "sink = $5 AND ",
        returning: "evaluation_id, attempts, due_at_ms, form",
    },
    receiver: "sink",
};

impl Store {
    /// Leases up to `limit` deliveries owed to `sink`, longest owed first, for `lease_ms`. `rubrics` gives the content hash
    /// and scale of a rubric version.
    pub async fn lease_deliveries(
        &self,
        sink: &str,
        limit: usize,
        lease_ms: i64,
        rubrics: &(dyn Fn(&str, u32) -> Option<(ContentHash, Scale)> + Sync),
    ) -> Result<Vec<OwedDelivery>, StoreError> {
        let leased: Vec<(Uuid, i64, i64, String)> = self.claim(&OWED.queue, Some(sink), limit, lease_ms).await?;
        let mut owed = BTreeMap::new();
        for (id, attempts, due_at_ms, form) in leased {
            let form = rows::named("deliveries", "form", &form).map_err(|error| error.in_row(id))?;
            owed.insert(EvaluationId::from(id), (attempts as u32, due_at_ms, form));
        }
        let ids: Vec<EvaluationId> = owed.keys().copied().collect();
        let evaluations = self.evaluations_by_id(&ids, rubrics).await?;
        let mut attached = self.attached(&ids).await?;
        let owed_of = |evaluation: Evaluation| {
            let (attempts, due_at_ms, form) = owed.get(&evaluation.id).copied().unwrap_or((0, 0, ScoreForm::Judged));
            let Attached { judged_span, replaces } = attached.remove(&evaluation.id).unwrap_or_default();
            let judged_span = judged_span.filter(|_| form == ScoreForm::Span);
            OwedDelivery { score: WriteBack { evaluation, judged_span, replaces }, attempts, due_at_ms }
        };
        Ok(evaluations.into_iter().map(owed_of).collect())
    }

    /// Reads evaluations by id; unknown ids, and rubric versions that `rubrics` does not know, are absent from the result.
    pub async fn evaluations_by_id(
        &self,
        ids: &[EvaluationId],
        rubrics: &(dyn Fn(&str, u32) -> Option<(ContentHash, Scale)> + Sync),
    ) -> Result<Vec<Evaluation>, StoreError> {
        let mut evaluations = Vec::with_capacity(ids.len());
        for ids in ids.chunks(100) {
            let found: Vec<EvaluationRow> = read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new("SELECT ");
                select.push(EVALUATION_COLUMNS);
                select.push(" FROM evaluations JOIN subjects ON subjects.id = evaluations.subject_id WHERE evaluations.id IN ");
                push_list(&mut select, ids.iter().map(EvaluationId::as_uuid));
                select.push(" ORDER BY evaluations.id");
                select.build_query_as().fetch_all(pool).await?
            });
            for row in found {
                let Some(rubric) = rubrics(&row.rubric, row.version as u32) else {
                    // Published by a newer worker; this one hears of it when it next reads the registry.
                    tracing::debug!(
                        rubric = row.rubric,
                        version = row.version,
                        "a rubric version that is not known yet"
                    );
                    continue;
                };
                evaluations.push(row.into_evaluation(rubric)?);
            }
        }
        Ok(evaluations)
    }

    /// Records what became of this worker's attempts to deliver to `sink`.
    pub async fn finish_deliveries(
        &self,
        sink: &str,
        outcomes: &[(EvaluationId, DeliveryOutcome)],
    ) -> Result<(), StoreError> {
        let outcomes = outcomes.iter().map(|(id, outcome)| (id.as_uuid(), outcome)).collect();
        self.finish_owed(&OWED, sink, outcomes).await
    }

    /// How many deliveries are owed, and since when the oldest, by sink.
    pub async fn owed_by_sink(&self) -> Result<BTreeMap<String, (i64, i64)>, StoreError> {
        self.owed_by_receiver(&OWED).await
    }
}
