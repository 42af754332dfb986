//! Pending evaluations: leased to a worker, then finished together with the deliveries they cause.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::dialect::Dialect;
use super::earlier_workers::Since;
use super::lease::Queue;
use super::rows::push_list;
use super::{Stage, Store, StoreError, read, row, rows, transaction};
use crate::model::{
    DeliveryStatus, EvaluationId, Outcome, RENDERING_REVISION, Score, ScoreForm, SubjectContent, SubjectId, Verdict,
};

/// An evaluation this worker may now bring to its judge.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedEvaluation {
    /// Its identity.
    pub id: EvaluationId,
    /// What is judged.
    pub subject: SubjectId,
    /// The rubric's name.
    pub rubric: String,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it expires, milliseconds since the Unix epoch.
    pub deadline_ms: i64,
    /// What the rubric may show; `None` when retention emptied it.
    pub content: Option<Arc<SubjectContent>>,
}

/// What a judge's work on an evaluation came to.
#[derive(Debug, Clone, PartialEq)]
pub enum EvaluationResult {
    Final {
        id: EvaluationId,
        /// What it came to.
        conclusion: Conclusion,
        /// What is known of the judge's call.
        call: JudgeCall,
    },
    /// Not now: try again after `due_at_ms`.
    Postponed {
        id: EvaluationId,
        /// When to try again, milliseconds since the Unix epoch.
        due_at_ms: i64,
        /// Why, as a stable code.
        reason: &'static str,
        /// Whether this counts as an attempt (a paused judge does not).
        counts: bool,
    },
}

impl EvaluationResult {
    /// Which evaluation it is about.
    pub fn id(&self) -> EvaluationId {
        match self {
            Self::Final { id, .. } | Self::Postponed { id, .. } => *id,
        }
    }
}

/// The end of an evaluation that a worker took up. What ends without one, by its deadline or by late spans, is written where
/// that is found.
#[derive(Debug, Clone, PartialEq)]
pub enum Conclusion {
    /// Judged.
    Scored {
        /// Where on the scale.
        score: Score,
        /// The judge's reasons.
        rationale: String,
    },
    /// The judge abstained.
    Abstained {
        /// The judge's reasons.
        rationale: String,
    },
    /// Brought to no verdict.
    Failed {
        /// Why, as a stable code.
        reason: &'static str,
        /// The error in words.
        error: String,
    },
    /// The judge declined.
    Refused {
        /// Who declined, as a stable code.
        reason: &'static str,
        /// The error in words.
        error: String,
    },
    /// There was nothing to judge any more.
    Filtered {
        /// Why, as a stable code.
        reason: &'static str,
    },
}

impl Conclusion {
    /// The outcome that is stored.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Scored { .. } => Outcome::Scored,
            Self::Abstained { .. } => Outcome::Abstained,
            Self::Failed { .. } => Outcome::Failed,
            Self::Refused { .. } => Outcome::Refused,
            Self::Filtered { .. } => Outcome::Filtered,
        }
    }

    /// The score, when there is one.
    pub fn score(&self) -> Option<&Score> {
        match self {
            Self::Scored { score, .. } => Some(score),
            Self::Abstained { .. } | Self::Refused { .. } | Self::Failed { .. } | Self::Filtered { .. } => None,
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Failed { reason, .. } | Self::Refused { reason, .. } | Self::Filtered { reason } => Some(reason),
            Self::Scored { .. } | Self::Abstained { .. } => None,
        }
    }

    /// The judge's reasons, or the error.
    fn text(&self) -> Option<&str> {
        match self {
            // A decision model gives no reasons.
            Self::Scored { rationale, .. } | Self::Abstained { rationale } => {
                Some(rationale.as_str()).filter(|rationale| !rationale.is_empty())
            }
            Self::Failed { error, .. } | Self::Refused { error, .. } => Some(error),
            Self::Filtered { .. } => None,
        }
    }
}

impl From<Verdict> for Conclusion {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Scored { score, rationale } => Self::Scored { score, rationale },
            Verdict::Abstained { rationale } => Self::Abstained { rationale },
        }
    }
}

/// What is known of a judge's call, each where it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JudgeCall {
    /// The model the provider says it was.
    pub model: Option<String>,
    /// SHA-256 of the rendered prompt.
    pub prompt_hash: Option<[u8; 32]>,
    /// Tokens the judge read.
    pub input_tokens: Option<i64>,
    /// Tokens the judge wrote.
    pub output_tokens: Option<i64>,
    /// What the calls cost, in US dollars.
    pub cost_usd: Option<f64>,
    /// How long the judge took.
    pub latency_ms: Option<i64>,
    /// What the verdict was drawn from, as JSON, where the judge gives probabilities.
    pub distribution: Option<String>,
}

row! {
    struct LeasedRow {
        id: Uuid,
        subject_id: Uuid,
        rubric: String,
        version: i64,
        judge: String,
        attempts: i64,
        deadline_ms: i64,
        content: Option<String>,
    }
}

const ROWS_PER_STATEMENT: usize = 64;

const PENDING: Queue = Queue {
    table: "evaluations",
    key: "id",
    waiting: " AND outcome = 'pending' AND judge = $5 AND deadline_ms > $3",
    part: "",
    returning: "id",
};

fn uuids(ids: &[EvaluationId]) -> Vec<Uuid> {
    ids.iter().map(EvaluationId::as_uuid).collect()
}

impl Store {
    /// Leases up to `limit` pending evaluations of `judge` that are due, oldest first, for `lease_ms`.
    pub async fn lease_evaluations(
        &self,
        judge: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<LeasedEvaluation>, StoreError> {
        let ids: Vec<(Uuid,)> = self.claim(&PENDING, Some(judge), limit, lease_ms).await?;
        self.with_contents(&ids, HashMap::new()).await
    }

    /// The evaluations of `ids`, each subject's content read once.
    async fn with_contents(
        &self,
        ids: &[(Uuid,)],
        mut contents: HashMap<Uuid, Option<Arc<SubjectContent>>>,
    ) -> Result<Vec<LeasedEvaluation>, StoreError> {
        let mut leased = Vec::with_capacity(ids.len());
        for ids in ids.chunks(ROWS_PER_STATEMENT) {
            let found: Vec<LeasedRow> = read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new(
                    "SELECT evaluations.id, subject_id, rubric, version, judge, attempts, deadline_ms, content \
                     FROM evaluations JOIN subjects ON subjects.id = evaluations.subject_id WHERE evaluations.id IN ",
                );
                push_list(&mut select, ids.iter().map(|(id,)| id));
                select.build_query_as().fetch_all(pool).await?
            });
            for row in found {
                let content = if let Some(content) = contents.get(&row.subject_id) {
                    content.clone()
                } else {
                    let read = row.content.map(|text| rows::json("subjects", "content", &text)).transpose()?;
                    contents.entry(row.subject_id).or_insert(read.map(Arc::new)).clone()
                };
                leased.push(LeasedEvaluation {
                    id: row.id.into(),
                    subject: row.subject_id.into(),
                    rubric: row.rubric,
                    version: row.version as u32,
                    judge: row.judge,
                    attempts: row.attempts as u32,
                    deadline_ms: row.deadline_ms,
                    content,
                });
            }
        }
        Ok(leased)
    }

    /// Leases what else is due for `judge` of the subjects of `leased`, so that one call can judge them all.
    pub async fn lease_beside(
        &self,
        judge: &str,
        leased: &[LeasedEvaluation],
        lease_ms: i64,
    ) -> Result<Vec<LeasedEvaluation>, StoreError> {
        let now_ms = self.now_ms();
        let subjects: BTreeSet<Uuid> = leased.iter().map(|one| one.subject.as_uuid()).collect();
        let subjects: Vec<Uuid> = subjects.into_iter().collect();
        let mut found: Vec<(Uuid,)> = Vec::new();
        for subjects in subjects.chunks(ROWS_PER_STATEMENT) {
            let taken: Vec<(Uuid,)> = transaction!(self, DB, tx => {
                let mut update = QueryBuilder::<DB>::new("UPDATE evaluations SET lease_owner = ");
                update.push_bind(self.worker()).push(", lease_until_ms = ").push_bind(now_ms + lease_ms);
                update.push(" WHERE id IN (SELECT id FROM evaluations WHERE subject_id IN ");
                push_list(&mut update, subjects.iter());
                update.push(" AND outcome").push(<DB as Dialect>::BY_KEY).push(" = 'pending' AND judge = ").push_bind(judge);
                update.push(" AND due_at_ms <= ").push_bind(now_ms).push(" AND deadline_ms > ").push_bind(now_ms);
                update.push(" AND lease_until_ms <= ").push_bind(now_ms);
                update.push(" ORDER BY id").push(<DB as Dialect>::SKIP_LOCKED).push(") RETURNING id");
                update.build_query_as().fetch_all(&mut *tx).await?
            });
            found.extend(taken);
        }
        let known = leased.iter().map(|one| (one.subject.as_uuid(), one.content.clone())).collect();
        self.with_contents(&found, known).await
    }

    /// Stores results and the deliveries they cause, in one transaction. Returns the evaluations that took effect: a result
    /// whose lease was lost, or whose evaluation was superseded meanwhile, takes none. A rationale is stored only as long as the
    /// subject that it quotes has its content.
    ///
    /// `sinks_of` names the sinks that an outcome is owed to, each with the form in which it takes scores.
    pub async fn finish_evaluations(
        &self,
        results: &[EvaluationResult],
        sinks_of: &(dyn Fn(Outcome) -> Vec<(String, ScoreForm)> + Sync),
    ) -> Result<HashSet<EvaluationId>, StoreError> {
        let now_ms = self.now_ms();
        let all_read_forms = self.all_workers_read(Since::ScoresOfSpans).await?;
        let (finals, postponed): (Vec<&EvaluationResult>, Vec<&EvaluationResult>) =
            results.iter().partition(|result| matches!(result, EvaluationResult::Final { .. }));
        let is_refusal = |result: &&EvaluationResult| {
            matches!(result, EvaluationResult::Final { conclusion: Conclusion::Refused { .. }, .. })
        };
        let as_failure = finals.iter().any(is_refusal) && !self.all_workers_read(Since::Refusals).await?;
        let outcome_of = |conclusion: &Conclusion| match conclusion.outcome() {
            Outcome::Refused if as_failure => Outcome::Failed,
            outcome => outcome,
        };
        let (effective, is_owed) = transaction!(self, DB, tx => {
            let (mut effective, mut replays) = (HashSet::<EvaluationId>::new(), HashSet::<EvaluationId>::new());
            for finals in finals.chunks(ROWS_PER_STATEMENT) {
                let mut update = QueryBuilder::<DB>::new(
                    "UPDATE evaluations SET outcome = v.column2, reason = v.column3, score = v.column4, label = v.column5, \
                     value = v.column6, rationale = CASE WHEN NOT EXISTS (SELECT 1 FROM subjects s \
                     WHERE s.id = evaluations.subject_id AND s.content IS NULL) THEN v.column7 END, judge_model = v.column8, prompt_hash = v.column9, \
                     input_tokens = v.column10, output_tokens = v.column11, cost_usd = v.column12, latency_ms = v.column13, \
                     distribution = v.column14, \
                     attempts = attempts + 1, lease_owner = NULL, lease_until_ms = 0, finished_at_ms = ",
                );
                update.push_bind(now_ms);
                update.push(
                    ", reading = (SELECT CASE WHEN s.reading_of = s.revision THEN s.reading END FROM subjects s \
                     WHERE s.id = evaluations.subject_id), rendering = CASE WHEN v.column9 IS NOT NULL THEN ",
                );
                update.push_bind(i64::from(RENDERING_REVISION));
                update.push(" END FROM (");
                update.push_values(finals.iter().copied(), |mut row, result| {
                    let EvaluationResult::Final { id, conclusion, call } = result else { return };
                    let score = conclusion.score();
                    row.push_bind(id.as_uuid())
                        .push_bind(outcome_of(conclusion).as_str())
                        .push_bind(conclusion.reason())
                        .push_bind(score.and_then(Score::number))
                        .push_bind(rows::optional(score.and_then(Score::label)))
                        .push_bind(score.and_then(Score::value))
                        .push_bind(rows::optional(conclusion.text()))
                        .push_bind(rows::optional(call.model.as_deref()))
                        .push_bind(call.prompt_hash.as_ref().map(<[u8; 32]>::as_slice))
                        .push_bind(call.input_tokens)
                        .push_bind(call.output_tokens)
                        .push_bind(call.cost_usd)
                        .push_bind(call.latency_ms)
                        .push_bind(rows::optional(call.distribution.as_deref()));
                });
                update.push(") AS v WHERE evaluations.id = v.column1 AND evaluations.outcome");
                update.push(<DB as Dialect>::BY_KEY).push(" = 'pending' AND evaluations.lease_owner = ");
                update.push_bind(self.worker.as_str());
                update.push(" RETURNING evaluations.id, evaluations.anchor_round IS NOT NULL");
                let taken: Vec<(Uuid, bool)> = update.build_query_as().fetch_all(&mut *tx).await?;
                replays.extend(taken.iter().filter(|(_, replay)| *replay).map(|(id, _)| EvaluationId::from(*id)));
                effective.extend(taken.into_iter().map(|(id, _)| EvaluationId::from(id)));
            }
            for result in &postponed {
                let EvaluationResult::Postponed { id, due_at_ms, reason, counts } = result else { continue };
                let taken = sqlx::query(
                    "UPDATE evaluations SET due_at_ms = $1, reason = $2, attempts = attempts + $3, lease_until_ms = 0 \
                     WHERE id = $4 AND outcome = 'pending' AND lease_owner = $5",
                )
                .bind(due_at_ms)
                .bind(*reason)
                .bind(i64::from(*counts))
                .bind(id.as_uuid())
                .bind(&self.worker)
                .execute(&mut *tx)
                .await?
                .rows_affected();
                if taken == 1 {
                    effective.insert(*id);
                }
            }
            let owed: Vec<(EvaluationId, String, ScoreForm)> = finals
                .iter()
                // What is said of an anchor again measures the judge, not the answer: sinks have its score.
                .filter(|result| effective.contains(&result.id()) && !replays.contains(&result.id()))
                .flat_map(|result| match result {
                    EvaluationResult::Final { id, conclusion, .. } => {
                        sinks_of(outcome_of(conclusion)).into_iter().map(|(sink, form)| (*id, sink, form)).collect()
                    }
                    EvaluationResult::Postponed { .. } => Vec::new(),
                })
                .collect();
            for owed in owed.chunks(ROWS_PER_STATEMENT) {
                let mut insert = QueryBuilder::<DB>::new("INSERT INTO deliveries (evaluation_id, sink, state, due_at_ms, created_at_ms, form) ");
                insert.push_values(owed, |mut row, (id, sink, form)| {
                    let form = if all_read_forms { *form } else { ScoreForm::Judged };
                    row.push_bind(id.as_uuid())
                        .push_bind(sink.as_str())
                        .push_bind(DeliveryStatus::Owed.as_str())
                        .push_bind(now_ms)
                        .push_bind(now_ms)
                        .push_bind(form.as_str());
                });
                insert.push(" ON CONFLICT (evaluation_id, sink) DO NOTHING");
                insert.build().execute(&mut *tx).await?;
            }
            (effective, !owed.is_empty())
        });
        if is_owed {
            self.wakeups.ring(Stage::Deliver);
        }
        Ok(effective)
    }

    /// Extends this worker's leases on evaluations it is still working on.
    pub async fn extend_leases(&self, ids: &[EvaluationId], lease_ms: i64) -> Result<(), StoreError> {
        self.renew(&PENDING, &uuids(ids), lease_ms).await
    }

    /// Gives back leases without a result, so that another worker need not wait for them to expire.
    pub async fn release_evaluations(&self, ids: &[EvaluationId]) -> Result<(), StoreError> {
        self.release(&PENDING, &uuids(ids)).await
    }

    /// Ends pending evaluations whose deadline passed, visibly. Returns how many.
    pub async fn expire_evaluations(&self) -> Result<u64, StoreError> {
        let now_ms = self.now_ms();
        Ok(transaction!(self, DB, tx => {
            sqlx::query(
                "UPDATE evaluations SET outcome = 'expired', reason = 'deadline', finished_at_ms = $1 \
                 WHERE outcome = 'pending' AND deadline_ms <= $1 AND lease_until_ms <= $1",
            )
            .bind(now_ms)
            .execute(&mut *tx)
            .await?
            .rows_affected()
        }))
    }

    /// How many evaluations wait, and since when the oldest, by judge.
    pub async fn pending_by_judge(&self) -> Result<BTreeMap<String, (i64, i64)>, StoreError> {
        let rows: Vec<(String, i64, i64)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT judge, count(*), min(created_at_ms) FROM evaluations WHERE outcome = 'pending' GROUP BY judge")
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().map(|(judge, count, oldest)| (judge, (count, oldest))).collect())
    }
}
