//! Committing a plan: the subjects of a trace, every decision about them, and the account, in one transaction.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::problem_account::{account_problems, counted};
use super::rows::push_list;
use super::write_back::{ScoreResources, store_score_resources};
use super::{DueSession, DueTrace, Stage, Store, StoreError, read, rows, transaction};
use crate::model::{
    EvaluationId, Outcome, Probability, READING_REVISION, StoredProblem, Subject, SubjectId, SubjectKind,
};

/// Counts newly planned evaluations in the account, within the transaction that plans them; `$planned` is a map from rubric,
/// version and judge, whose order keeps workers from deadlock.
macro_rules! account_planned {
    ($store:expr, $tx:ident, $now_ms:expr, $planned:expr) => {
        for ((rubric, version, judge), subjects) in $planned {
            sqlx::query(
                "INSERT INTO planning_account AS account (hour_ms, worker, rubric, version, judge, subjects) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (hour_ms, worker, rubric, version, judge) DO UPDATE SET subjects = account.subjects + excluded.subjects",
            )
            .bind($crate::model::hour_start($now_ms))
            .bind($store.worker())
            .bind(rubric)
            .bind(version)
            .bind(judge)
            .bind(subjects)
            .execute(&mut *$tx)
            .await?;
        }
    };
}
pub(super) use account_planned;

/// A subject as it is stored: frozen content and the digest that tells whether late spans changed it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSubject {
    pub subject: Subject,
    /// 0 at first; one more whenever late spans changed what a rubric sees.
    pub revision: u32,
    /// SHA-256 of the content.
    pub digest: [u8; 32],
    /// The decisions about this revision.
    pub evaluations: Vec<PlannedEvaluation>,
}

/// What is known of a subject that is stored already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSubject {
    pub revision: u32,
    /// SHA-256 of the content.
    pub digest: Vec<u8>,
    /// The revision of the reading that assembled it; `None` when a worker of an earlier release did.
    pub reading: Option<u32>,
    /// When this revision of it was planned, milliseconds since the Unix epoch.
    pub planned_at_ms: i64,
}

impl StoredSubject {
    /// Whether this release read its records as it would now, so that digests can be compared.
    pub fn is_of_present_reading(&self) -> bool {
        self.reading == Some(READING_REVISION)
    }
}

/// One decision: to judge, or not to and why.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedEvaluation {
    /// Its derived identity.
    pub id: EvaluationId,
    /// The rubric's name.
    pub rubric: String,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// `Pending`, `Filtered` or `SampledOut`.
    pub outcome: Outcome,
    /// Why it was filtered.
    pub reason: Option<String>,
    /// The probability with which it was drawn.
    pub inclusion_probability: Probability,
    /// A pending evaluation not judged by then expires, milliseconds since the Unix epoch.
    pub deadline_ms: i64,
}

/// What a plan was made from, and is done with once the plan is committed.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlannedFrom<'a> {
    pub traces: &'a [DueTrace],
    pub sessions: &'a [DueSession],
    /// How long the sessions of planned traces may be silent before they are looked at; `None` when no rubric judges
    /// sessions.
    pub session_idle_ms: Option<i64>,
}

/// Parameters stay far below the databases' limits: 24 columns a row.
const ROWS_PER_STATEMENT: usize = 50;

impl Store {
    /// Those of the subjects that are stored already.
    pub async fn stored_subjects(&self, ids: &[SubjectId]) -> Result<BTreeMap<SubjectId, StoredSubject>, StoreError> {
        type Row = (Uuid, i64, Vec<u8>, Option<i64>, i64);
        let mut stored = BTreeMap::new();
        for ids in ids.chunks(100) {
            let found: Vec<Row> = read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new(
                    "SELECT id, revision, digest, CASE WHEN reading_of = revision THEN reading END, \
                     COALESCE((SELECT min(e.created_at_ms) FROM evaluations e \
                         WHERE e.subject_id = subjects.id AND e.revision = subjects.revision), created_at_ms) \
                     FROM subjects WHERE id IN ",
                );
                push_list(&mut select, ids.iter().map(SubjectId::as_uuid));
                select.build_query_as().fetch_all(pool).await?
            });
            stored.extend(found.into_iter().map(|(id, revision, digest, reading, planned_at_ms)| {
                let reading = reading.and_then(|reading| u32::try_from(reading).ok());
                (SubjectId::from(id), StoredSubject { revision: revision as u32, digest, reading, planned_at_ms })
            }));
        }
        Ok(stored)
    }

    /// Commits a plan. `planned` holds only subjects that are new or changed.
    ///
    /// Evaluations of an earlier revision that are pending or judged become superseded. A trace to which something came
    /// after it was read stays due. A plan that another worker committed already changes nothing. A plan whose lease was lost
    /// is dropped: it may rest on less than the plan of the worker that took over, and would stand in its way.
    pub async fn commit_plan(&self, from: PlannedFrom<'_>, planned: &[PlannedSubject]) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        let mut planned: Vec<&PlannedSubject> = planned.iter().collect();
        planned.sort_by_key(|planned| planned.subject.id);
        let stored = planned.iter().map(|planned| SubjectRow::of(planned)).collect::<Result<Vec<_>, _>>()?;
        let idle: Vec<(Cow<'_, str>, i64)> = from.session_idle_ms.map_or_else(Vec::new, |idle_ms| {
            sessions_of(&planned).into_iter().map(|session_id| (session_id, now_ms + idle_ms)).collect()
        });
        let evaluations: Vec<(&PlannedSubject, &PlannedEvaluation)> = planned
            .iter()
            .flat_map(|planned| planned.evaluations.iter().map(move |decision| (*planned, decision)))
            .collect();

        let resources = ScoreResources::of(planned.iter().filter_map(|planned| planned.subject.judged_span.as_ref()));

        transaction!(self, DB, tx => {
            let mut lost = 0;
            for session in from.sessions {
                lost += 1 - sqlx::query(
                    "UPDATE sessions SET lease_until_ms = 0, \
                     due_at_ms = CASE WHEN arrivals = $1 THEN NULL ELSE due_at_ms END WHERE session_id = $2 AND lease_owner = $3",
                )
                .bind(session.arrivals)
                .bind(&session.session_id)
                .bind(&self.worker)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            }
            for trace in from.traces {
                lost += 1 - sqlx::query(
                    "UPDATE traces SET assembled_at_ms = $1, lease_until_ms = 0, rate = COALESCE($5, rate), failures = 0, \
                     due_at_ms = CASE WHEN arrivals = $2 THEN NULL ELSE due_at_ms END WHERE trace_id = $3 AND lease_owner = $4",
                )
                .bind(now_ms)
                .bind(trace.arrivals)
                .bind(trace.trace_id.as_bytes().as_slice())
                .bind(&self.worker)
                .bind(trace.rate.map(Probability::get))
                .execute(&mut *tx)
                .await?
                .rows_affected();
            }
            if lost > 0 {
                tracing::warn!(lost, "a plan came too late to be stored: another worker took it over");
                return Ok(());
            }

            for planned in planned.iter().filter(|planned| planned.revision > 0) {
                sqlx::query(
                    "UPDATE evaluations SET outcome = 'superseded', reason = 'late_spans', finished_at_ms = COALESCE(finished_at_ms, $1) \
                     WHERE subject_id = $2 AND revision < $3 AND outcome <> 'superseded'",
                )
                .bind(now_ms)
                .bind(planned.subject.id.as_uuid())
                .bind(i64::from(planned.revision))
                .execute(&mut *tx)
                .await?;
                // The newer score takes the older one's place in every sink; sent late, the older would undo it.
                sqlx::query(
                    "UPDATE deliveries SET state = 'superseded', finished_at_ms = $1 WHERE state = 'owed' AND evaluation_id IN \
                     (SELECT id FROM evaluations WHERE subject_id = $2 AND revision < $3)",
                )
                .bind(now_ms)
                .bind(planned.subject.id.as_uuid())
                .bind(i64::from(planned.revision))
                .execute(&mut *tx)
                .await?;
            }

            store_score_resources!(tx, DB, resources);
            // What another worker stored before counts for that one.
            let mut effective: BTreeSet<SubjectId> = BTreeSet::new();
            for subjects in stored.chunks(ROWS_PER_STATEMENT) {
                let mut upsert = QueryBuilder::<DB>::new(
                    "INSERT INTO subjects (id, kind, trace_id, span_id, session_id, revision, digest, observed_at_ms, response_id, \
                     model, operation, unjudgeable, document_count, segments, content, problems, cut, created_at_ms, reading, reading_of, \
                     service_version, prompt_version, resource, span_end_ns) ",
                );
                upsert.push_values(subjects, |mut row, stored| {
                    let subject = stored.subject;
                    row.push_bind(subject.id.as_uuid())
                        .push_bind(subject.kind.as_str())
                        .push_bind(subject.trace_id.as_bytes().as_slice())
                        .push_bind(subject.span_id.as_bytes().as_slice())
                        .push_bind(rows::indexed(subject.session_id.as_deref()))
                        .push_bind(i64::from(stored.revision))
                        .push_bind(stored.digest)
                        .push_bind((subject.end / 1_000_000) as i64)
                        .push_bind(rows::optional(subject.response_id.as_deref()))
                        .push_bind(rows::optional(subject.model.as_deref()))
                        .push_bind(rows::optional(subject.operation.as_deref()))
                        .push_bind(subject.unjudgeable.as_deref())
                        .push_bind(subject.content.documents.len() as i64)
                        .push_bind(stored.segments.as_str())
                        .push_bind(stored.content.as_str())
                        .push_bind(stored.problems.as_deref())
                        .push_bind(stored.cut.as_deref())
                        .push_bind(now_ms)
                        .push_bind(i64::from(READING_REVISION))
                        .push_bind(i64::from(stored.revision))
                        .push_bind(rows::optional(subject.release.service_version.as_deref()))
                        .push_bind(rows::optional(subject.release.prompt_version.as_deref()))
                        .push_bind(subject.judged_span.as_ref().and_then(|span| resources.key(span)))
                        .push_bind(subject.judged_span.as_ref().map(|span| span.end as i64));
                });
                upsert.push(
                    " ON CONFLICT (id) DO UPDATE SET trace_id = excluded.trace_id, span_id = excluded.span_id, session_id = excluded.session_id, \
                     revision = excluded.revision, digest = excluded.digest, observed_at_ms = excluded.observed_at_ms, \
                     response_id = excluded.response_id, model = excluded.model, operation = excluded.operation, \
                     unjudgeable = excluded.unjudgeable, document_count = excluded.document_count, segments = excluded.segments, \
                     content = excluded.content, problems = excluded.problems, cut = excluded.cut, reading = excluded.reading, reading_of = excluded.reading_of, \
                     service_version = excluded.service_version, prompt_version = excluded.prompt_version, \
                     resource = excluded.resource, span_end_ns = excluded.span_end_ns \
                     WHERE excluded.revision > subjects.revision RETURNING id",
                );
                let changed: Vec<Uuid> = upsert.build_query_scalar().fetch_all(&mut *tx).await?;
                effective.extend(changed.into_iter().map(SubjectId::from));
            }
            let subjects = planned.iter().map(|planned| &planned.subject);
            account_problems!(self, tx, now_ms, counted(subjects.filter(|subject| effective.contains(&subject.id))));

            // Counted by what was really inserted, so that planning the same trace twice counts once.
            let mut inserted: BTreeMap<(String, i64, String), i64> = BTreeMap::new();
            for decisions in evaluations.chunks(ROWS_PER_STATEMENT) {
                let mut insert = QueryBuilder::<DB>::new(
                    "INSERT INTO evaluations (id, subject_id, revision, rubric, version, judge, outcome, reason, inclusion_probability, \
                     due_at_ms, deadline_ms, created_at_ms, finished_at_ms) ",
                );
                insert.push_values(decisions, |mut row, (planned, decision)| {
                    row.push_bind(decision.id.as_uuid())
                        .push_bind(planned.subject.id.as_uuid())
                        .push_bind(i64::from(planned.revision))
                        .push_bind(decision.rubric.as_str())
                        .push_bind(i64::from(decision.version))
                        .push_bind(decision.judge.as_str())
                        .push_bind(decision.outcome.as_str())
                        .push_bind(decision.reason.as_deref())
                        .push_bind(decision.inclusion_probability.get())
                        .push_bind(now_ms)
                        .push_bind(decision.deadline_ms)
                        .push_bind(now_ms)
                        .push_bind((decision.outcome != Outcome::Pending).then_some(now_ms));
                });
                insert.push(" ON CONFLICT (id) DO NOTHING RETURNING rubric, version, judge");
                let rows: Vec<(String, i64, String)> = insert.build_query_as().fetch_all(&mut *tx).await?;
                for key in rows {
                    *inserted.entry(key).or_default() += 1;
                }
            }

            account_planned!(self, tx, now_ms, &inserted);

            for (session_id, due_at_ms) in &idle {
                sqlx::query(
                    "INSERT INTO sessions AS session (session_id, arrivals, due_at_ms) VALUES ($1, 1, $2) \
                     ON CONFLICT (session_id) DO UPDATE SET arrivals = session.arrivals + 1, due_at_ms = excluded.due_at_ms",
                )
                .bind(session_id.as_ref())
                .bind(due_at_ms)
                .execute(&mut *tx)
                .await?;
            }
        });
        if evaluations.iter().any(|(_, decision)| decision.outcome == Outcome::Pending) {
            self.wakeups.ring(Stage::Evaluate);
        }
        Ok(())
    }
}

/// The sessions that the planned traces belong to, each once and in one order, so that workers do not deadlock.
fn sessions_of<'a>(planned: &[&'a PlannedSubject]) -> BTreeSet<Cow<'a, str>> {
    let traces = planned.iter().filter(|planned| planned.subject.kind == SubjectKind::Trace);
    traces.filter_map(|planned| rows::indexed(planned.subject.session_id.as_deref())).collect()
}

/// The text columns of a subject, made before the transaction so that it stays short.
struct SubjectRow<'a> {
    subject: &'a Subject,
    revision: u32,
    digest: &'a [u8],
    segments: String,
    content: String,
    /// What weakens an evaluation, as JSON; none where nothing does.
    problems: Option<String>,
    /// What was cut, as JSON; none where nothing was.
    cut: Option<String>,
}

impl<'a> SubjectRow<'a> {
    fn of(planned: &'a PlannedSubject) -> Result<Self, StoreError> {
        let problems: Vec<StoredProblem> = planned.subject.problems.iter().map(StoredProblem::from).collect();
        Ok(Self {
            subject: &planned.subject,
            revision: planned.revision,
            digest: &planned.digest,
            segments: rows::to_json("subjects", "segments", &planned.subject.segments)?,
            content: rows::to_json("subjects", "content", &planned.subject.content)?,
            problems: if problems.is_empty() { None } else { Some(rows::to_json("subjects", "problems", &problems)?) },
            cut: if planned.subject.cut.is_empty() {
                None
            } else {
                Some(rows::to_json("subjects", "cut", &planned.subject.cut)?)
            },
        })
    }
}
