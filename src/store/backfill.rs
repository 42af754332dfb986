//! Judging the past: reading stored subjects in order of time, and committing decisions about them to the same ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

use super::commit_plan::account_planned;
use super::dialect::Dialect;
use super::rows::push_list;
use super::subject_row::{SUBJECT_COLUMNS, SubjectRow};
use super::{PlannedEvaluation, Stage, Store, StoreError, read, row, rows, transaction};
use crate::model::{EvaluationId, Outcome, Probability, Revisions, Subject, SubjectId, SubjectKind, TraceId};

/// Which part of the past, and under which rubric version and judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillScope {
    /// What the rubric judges.
    pub kind: SubjectKind,
    /// The first moment of observation, milliseconds since the Unix epoch.
    pub since_ms: i64,
    /// The moment after the last.
    pub until_ms: i64,
    /// The rubric's name.
    pub rubric: String,
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// Only what somebody labelled under this rubric.
    pub labelled: bool,
    /// Whether content is read of what was judged before: some of it is judged again.
    pub again: bool,
}

/// The evaluation that stands for a subject under the scope's rubric version and judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub id: EvaluationId,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
    /// The revisions behind what the judge said.
    pub revisions: Revisions,
}

/// Where the next page of the past begins: after this subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastCursor {
    observed_at_ms: i64,
    id: Uuid,
}

impl PastCursor {
    /// Before everything in `scope`.
    pub fn start_of(scope: &BackfillScope) -> Self {
        Self { observed_at_ms: scope.since_ms.saturating_sub(1), id: Uuid::max() }
    }
}

/// A stored subject, and what is known of how it came to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct PastSubject {
    /// The subject. Its content is read only where there is something to decide.
    pub subject: Subject,
    pub revision: u32,
    /// Whether retention has left its content in place.
    pub content_kept: bool,
    /// Its trace's number in [0, 1).
    pub u: f64,
    /// The probability with which samplers upstream kept the trace.
    pub upstream: Probability,
    /// A rate below which every trace like this one was kept; `None` when nothing recorded tells.
    pub rate: Option<Probability>,
    /// What the scope's rubric version and judge came to already, and the probability recorded with it.
    pub decided: Option<(Outcome, Probability)>,
    /// Which evaluation that is.
    pub standing: Option<Standing>,
}

/// A decision about a stored subject.
#[derive(Debug, Clone, PartialEq)]
pub struct PastDecision {
    pub subject: SubjectId,
    pub kind: SubjectKind,
    pub trace_id: TraceId,
    /// Its conversation.
    pub session_id: Option<String>,
    /// The revision that was looked at.
    pub revision: u32,
    /// The decision.
    pub evaluation: PlannedEvaluation,
    /// When a judge may take it, milliseconds since the Unix epoch.
    pub due_at_ms: i64,
    /// The evaluation whose place it takes.
    pub replaces: Option<EvaluationId>,
}

/// What recent evaluations by a judge took, for an estimate of what more of them would.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct JudgeHistory {
    /// Evaluations that were looked at.
    pub evaluations: i64,
    /// Mean tokens read.
    pub input_tokens: Option<f64>,
    /// Mean tokens written.
    pub output_tokens: Option<f64>,
    /// Evaluations whose cost is known.
    pub priced: i64,
    /// Mean cost, US dollars.
    pub cost_usd: Option<f64>,
    /// Mean of the squared cost.
    pub cost_usd_squared: Option<f64>,
    /// Mean time a judge took, milliseconds.
    pub latency_ms: Option<f64>,
}

row! {
    struct PastRow {
        revision: i64,
        content_kept: bool,
        u: f64,
        upstream_probability: f64,
        rate: Option<f64>,
        recorded: Option<f64>,
        outcome: Option<String>,
        inclusion_probability: Option<f64>,
        evaluation_id: Option<Uuid>,
        judge_model: Option<String>,
        reading: Option<i64>,
        rendering: Option<i64>,
        ..subject: SubjectRow,
    }
}

row! {
    struct HistoryRow {
        evaluations: i64,
        input_tokens: Option<f64>,
        output_tokens: Option<f64>,
        priced: i64,
        cost_usd: Option<f64>,
        cost_usd_squared: Option<f64>,
        latency_ms: Option<f64>,
    }
}

/// Evaluations that an estimate looks back on at most.
const HISTORY: i64 = 1_000;

/// Whether `judge_model` is `$4` with a date behind it, `-20241022` or `-2024-10-22`: `gpt-4o-mini` is no release of `gpt-4o`.
const IS_DATED_RELEASE: &str = "substr(judge_model, 1, length($4)) = $4 AND length(judge_model) - length($4) IN (9, 11) \
    AND trim(substr(judge_model, length($4) + 1), '-0123456789') = ''";

/// 13 columns a row: far below the databases' limits for parameters.
const ROWS_PER_STATEMENT: usize = 50;

/// Outcomes that a backfill may take up again: nobody was asked for a verdict yet, and no sink has heard of them.
const OPEN: [Outcome; 2] = [Outcome::SampledOut, Outcome::Expired];

impl PastSubject {
    /// Whether a backfill may still decide about it.
    pub fn is_open(&self) -> bool {
        self.decided.is_none_or(|(outcome, _)| OPEN.contains(&outcome))
    }
}

impl Store {
    /// The next `limit` subjects of `scope` after `after`, in order of time, and where to go on; `None` at the end.
    pub async fn past_subjects(
        &self,
        scope: &BackfillScope,
        after: PastCursor,
        limit: usize,
    ) -> Result<(Vec<PastSubject>, Option<PastCursor>), StoreError> {
        let found: Vec<PastRow> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {SUBJECT_COLUMNS}, s.revision, s.content IS NOT NULL AS content_kept, \
                 CASE WHEN e.id IS NULL OR e.outcome IN ('sampled_out', 'expired') OR $9 THEN s.content END AS content, \
                 t.u, t.upstream_probability, t.rate, \
                 CASE WHEN t.rate IS NULL THEN (SELECT max(o.inclusion_probability) FROM evaluations o \
                     JOIN subjects x ON x.id = o.subject_id WHERE x.trace_id = s.trace_id AND x.kind <> 'session') END AS recorded, \
                 e.outcome, e.inclusion_probability, e.id AS evaluation_id, e.judge_model, e.reading, e.rendering \
                 FROM subjects s JOIN traces t ON t.trace_id = s.trace_id \
                 LEFT JOIN evaluations e ON e.subject_id = s.id AND e.revision = s.revision \
                     AND e.rubric = $1 AND e.version = $2 AND e.judge = $3 AND e.anchor_round IS NULL AND e.outcome <> 'superseded' \
                 WHERE s.kind = $4 AND s.observed_at_ms < $5 AND (s.observed_at_ms, s.id) > ($6, $7) \
                     AND (NOT $10 OR EXISTS (SELECT 1 FROM labels l WHERE l.subject_id = s.id AND l.rubric = $1)) \
                 ORDER BY s.observed_at_ms, s.id LIMIT $8",
            )))
            .bind(&scope.rubric)
            .bind(i64::from(scope.version))
            .bind(&scope.judge)
            .bind(scope.kind.as_str())
            .bind(scope.until_ms)
            .bind(after.observed_at_ms)
            .bind(after.id)
            .bind(limit as i64)
            .bind(scope.again)
            .bind(scope.labelled)
            .fetch_all(pool)
            .await?
        });
        let next = found.last().map(|last| {
            let (observed_at_ms, id) = last.subject.place();
            PastCursor { observed_at_ms, id }
        });
        let subjects = found.into_iter().map(|row| row.into_past(scope.kind)).collect::<Result<Vec<_>, _>>()?;
        Ok((subjects, next))
    }

    /// Commits decisions about stored subjects. Returns how many evaluations became pending.
    ///
    /// A subject that is decided already keeps its outcome, unless it was sampled out or expired; its probability becomes
    /// the larger of the two draws. A subject that late spans changed since it was read is left alone.
    pub async fn commit_backfill(&self, decisions: &[PastDecision]) -> Result<u64, StoreError> {
        let now_ms = self.now_ms();
        let traces: BTreeSet<&[u8]> =
            decisions.iter().map(|decision| decision.trace_id.as_bytes().as_slice()).collect();
        let sessions: BTreeSet<&str> = decisions
            .iter()
            .filter(|decision| decision.kind == SubjectKind::Session)
            .filter_map(|decision| decision.session_id.as_deref())
            .collect();

        let pending = transaction!(self, DB, tx => {
            // Assembly touches these rows before it replaces a subject; while they are held it waits, and then supersedes
            // what is planned here. In its order, so that neither waits for the other in a circle.
            if !sessions.is_empty() {
                let mut lock = QueryBuilder::<DB>::new("SELECT session_id FROM sessions WHERE session_id IN ");
                push_list(&mut lock, sessions.iter().copied());
                lock.push(" ORDER BY session_id").push(<DB as Dialect>::HOLD);
                lock.build().execute(&mut *tx).await?;
            }
            let mut lock = QueryBuilder::<DB>::new("SELECT trace_id FROM traces WHERE trace_id IN ");
            push_list(&mut lock, traces.iter().copied());
            lock.push(" ORDER BY trace_id").push(<DB as Dialect>::HOLD);
            lock.build().execute(&mut *tx).await?;

            let mut select = QueryBuilder::<DB>::new("SELECT id, revision FROM subjects WHERE id IN ");
            push_list(&mut select, decisions.iter().map(|decision| decision.subject.as_uuid()));
            let revisions: HashMap<Uuid, i64> =
                select.build_query_as::<(Uuid, i64)>().fetch_all(&mut *tx).await?.into_iter().collect();
            let current: Vec<&PastDecision> = decisions
                .iter()
                .filter(|decision| revisions.get(&decision.subject.as_uuid()) == Some(&i64::from(decision.revision)))
                .collect();

            let replaced: HashMap<Uuid, Uuid> = current
                .iter()
                .filter_map(|decision| Some((decision.evaluation.id.as_uuid(), decision.replaces?.as_uuid())))
                .collect();
            let mut pending = 0_u64;
            let mut inserted: BTreeMap<(String, i64, String), i64> = BTreeMap::new();
            for decisions in current.chunks(ROWS_PER_STATEMENT) {
                let mut insert = QueryBuilder::<DB>::new(
                    "INSERT INTO evaluations (id, subject_id, revision, rubric, version, judge, outcome, reason, inclusion_probability, \
                     due_at_ms, deadline_ms, created_at_ms, finished_at_ms) ",
                );
                insert.push_values(decisions, |mut row, decision| {
                    let evaluation = &decision.evaluation;
                    row.push_bind(evaluation.id.as_uuid())
                        .push_bind(decision.subject.as_uuid())
                        .push_bind(i64::from(decision.revision))
                        .push_bind(evaluation.rubric.as_str())
                        .push_bind(i64::from(evaluation.version))
                        .push_bind(evaluation.judge.as_str())
                        .push_bind(evaluation.outcome.as_str())
                        .push_bind(evaluation.reason.as_deref())
                        .push_bind(evaluation.inclusion_probability.get())
                        .push_bind(decision.due_at_ms)
                        .push_bind(evaluation.deadline_ms)
                        .push_bind(now_ms)
                        .push_bind((evaluation.outcome != Outcome::Pending).then_some(now_ms));
                });
                insert.push(" ON CONFLICT (id) DO NOTHING RETURNING id, outcome, rubric, version, judge");
                let rows: Vec<(Uuid, String, String, i64, String)> = insert.build_query_as().fetch_all(&mut *tx).await?;
                let mut gone: BTreeSet<Uuid> = BTreeSet::new();
                for (id, outcome, rubric, version, judge) in rows {
                    pending += u64::from(outcome == Outcome::Pending.as_str());
                    gone.extend(replaced.get(&id));
                    *inserted.entry((rubric, version, judge)).or_default() += 1;
                }
                if !gone.is_empty() {
                    let mut supersede = QueryBuilder::<DB>::new(
                        "UPDATE evaluations SET outcome = 'superseded', reason = 'judged_again' WHERE id IN ",
                    );
                    push_list(&mut supersede, gone.iter().copied());
                    supersede.build().execute(&mut *tx).await?;
                    let mut withdraw = QueryBuilder::<DB>::new("UPDATE deliveries SET state = 'superseded', finished_at_ms = ");
                    withdraw.push_bind(now_ms).push(" WHERE state = 'owed' AND evaluation_id IN ");
                    push_list(&mut withdraw, gone.iter().copied());
                    withdraw.build().execute(&mut *tx).await?;
                }

                let mut reopen = QueryBuilder::<DB>::new(
                    "UPDATE evaluations SET outcome = v.column2, reason = v.column3, due_at_ms = v.column4, deadline_ms = v.column5, \
                     finished_at_ms = v.column6, attempts = 0 FROM (",
                );
                reopen.push_values(decisions, |mut row, decision| {
                    let evaluation = &decision.evaluation;
                    row.push_bind(evaluation.id.as_uuid())
                        .push_bind(evaluation.outcome.as_str())
                        .push_bind(evaluation.reason.as_deref())
                        .push_bind(decision.due_at_ms)
                        .push_bind(evaluation.deadline_ms)
                        .push_bind((evaluation.outcome != Outcome::Pending).then_some(now_ms));
                });
                reopen.push(
                    ") AS v WHERE evaluations.id = v.column1 AND evaluations.outcome IN ('sampled_out', 'expired') \
                     AND evaluations.outcome <> v.column2 RETURNING evaluations.outcome",
                );
                let reopened: Vec<(String,)> = reopen.build_query_as().fetch_all(&mut *tx).await?;
                pending += reopened.iter().filter(|(outcome,)| outcome == Outcome::Pending.as_str()).count() as u64;

                let mut raise = QueryBuilder::<DB>::new("UPDATE evaluations SET inclusion_probability = v.column2 FROM (");
                raise.push_values(decisions, |mut row, decision| {
                    row.push_bind(decision.evaluation.id.as_uuid())
                        .push_bind(decision.evaluation.inclusion_probability.get());
                });
                raise.push(") AS v WHERE evaluations.id = v.column1 AND evaluations.inclusion_probability < v.column2");
                raise.build().execute(&mut *tx).await?;
            }

            account_planned!(self, tx, now_ms, &inserted);
            pending
        });
        if pending > 0 {
            self.wakeups.ring(Stage::Evaluate);
        }
        Ok(pending)
    }

    /// What the latest evaluations by `judge` took while it was `model` (or a dated release of that), under `rubric` or under
    /// any.
    pub async fn judge_history(
        &self,
        judge: &str,
        model: Option<&str>,
        rubric: Option<&str>,
    ) -> Result<JudgeHistory, StoreError> {
        let of_rubric = if rubric.is_some() { "rubric = $2" } else { "$2 = ''" };
        let found: HistoryRow = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT count(*) AS evaluations, CAST(avg(input_tokens) AS DOUBLE PRECISION) AS input_tokens, \
                 CAST(avg(output_tokens) AS DOUBLE PRECISION) AS output_tokens, count(cost_usd) AS priced, \
                 CAST(avg(cost_usd) AS DOUBLE PRECISION) AS cost_usd, \
                 CAST(avg(cost_usd * cost_usd) AS DOUBLE PRECISION) AS cost_usd_squared, \
                 CAST(avg(latency_ms) AS DOUBLE PRECISION) AS latency_ms FROM (\
                     SELECT input_tokens, output_tokens, cost_usd, latency_ms FROM evaluations \
                     WHERE judge = $1 AND {of_rubric} AND outcome IN ('scored', 'abstained') \
                         AND ($4 = '' OR judge_model = $4 OR judge_model = $4 || '-latest' OR ({IS_DATED_RELEASE})) \
                     ORDER BY created_at_ms DESC LIMIT $3) AS latest",
            )))
            .bind(judge)
            .bind(rubric.unwrap_or_default())
            .bind(HISTORY)
            .bind(model.unwrap_or_default())
            .fetch_one(pool)
            .await?
        });
        Ok(JudgeHistory {
            evaluations: found.evaluations,
            input_tokens: found.input_tokens,
            output_tokens: found.output_tokens,
            priced: found.priced,
            cost_usd: found.cost_usd,
            cost_usd_squared: found.cost_usd_squared,
            latency_ms: found.latency_ms,
        })
    }

    /// When the last evaluation that waits for `judge` may be taken, if any waits.
    pub async fn last_due_ms(&self, judge: &str) -> Result<Option<i64>, StoreError> {
        let (last,): (Option<i64>,) = read!(self, DB, pool => {
            sqlx::query_as("SELECT max(due_at_ms) FROM evaluations WHERE outcome = 'pending' AND judge = $1")
                .bind(judge)
                .fetch_one(pool)
                .await?
        });
        Ok(last)
    }
}

impl PastRow {
    fn into_past(self, kind: SubjectKind) -> Result<PastSubject, StoreError> {
        let upstream = rows::probability("traces", "upstream_probability", self.upstream_probability)?;
        // A recorded probability is a rate times what samplers upstream did. The largest of a trace is at most the rate it
        // was kept with.
        let recorded = self.recorded.map(|recorded| (recorded / upstream.get()).min(1.0));
        let rate = self.rate.or(recorded).filter(|rate| !rate.is_nan());
        let decided = match (self.outcome, self.inclusion_probability) {
            (Some(outcome), Some(probability)) => Some((
                rows::outcome(&outcome)?,
                rows::probability("evaluations", "inclusion_probability", probability)?,
            )),
            _ => None,
        };
        Ok(PastSubject {
            // The stored one stays: nothing that decides about the past asks for its release or its problems.
            subject: self.subject.into_subject(kind)?,
            revision: self.revision as u32,
            content_kept: self.content_kept,
            standing: self.evaluation_id.map(|id| Standing {
                id: id.into(),
                judge_model: self.judge_model,
                revisions: Revisions::stored(self.reading, self.rendering),
            }),
            u: self.u,
            upstream,
            rate: rate.map(|rate| rows::probability("traces", "rate", rate)).transpose()?,
            decided,
        })
    }
}
