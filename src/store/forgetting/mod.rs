//! Forgetting traces for good: content goes, scores stay under ids that lead nowhere.
//!
//! Ids of traces, spans, sessions, subjects and evaluations are replaced by random ones, the same where they were the same, and so are
//! digests of content. So what is counted from the rows stays as it was.

mod new_ids;
mod statements;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use uuid::Uuid;

use super::audit::{self, AuditAction};
use super::earlier_workers::Since;
use super::open_transaction::Open;
use super::retention::codes_alone;
use super::{Store, StoreError, read, rows, transaction};
use crate::model::{Actor, SubjectKind, TraceId};
use new_ids::NewIds;
use statements::{OWED_DELIVERIES, PENDING_EVALUATIONS, SubjectRow};

/// What is to be forgotten.
#[derive(Debug, Clone, Default)]
pub struct ToForget {
    pub traces: BTreeSet<TraceId>,
    /// What it was found by, for the audit log: never an id.
    pub found_by: &'static str,
}

/// What was forgotten, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ForgottenForGood {
    pub traces: u64,
    /// Conversations that got another id.
    pub sessions: u64,
    /// Conversations that keep their id, because traces of theirs stay; what was judged of them as a whole lost its content.
    pub sessions_in_part: u64,
    /// Subjects whose content is gone.
    pub subjects: u64,
    pub evaluations: u64,
    /// Labels that lost their rationale or their subject's id.
    pub labels: u64,
    /// Scores that were owed to a sink and are not sent.
    pub owed: u64,
    /// Evaluations that waited for a judge and are not made.
    pub pending: u64,
    /// Scores that backends hold, or may hold: deleting them there is up to their owner.
    pub in_backends: Vec<SentTrace>,
}

/// A trace with the sinks to which scores of it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentTrace {
    pub trace_id: String,
    pub sinks: BTreeSet<String>,
}

impl Store {
    /// The traces that have a subject in a conversation.
    pub async fn traces_of_session(&self, session_id: &str) -> Result<BTreeSet<TraceId>, StoreError> {
        let found: Vec<(Vec<u8>,)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT DISTINCT trace_id FROM subjects WHERE session_id = $1 AND kind <> 'session'")
                .bind(rows::indexed(Some(session_id)))
                .fetch_all(pool)
                .await?
        });
        found.iter().map(|(id,)| rows::trace_id("subjects", id)).collect()
    }

    /// Up to `limit` traces of which spans are stored, in order of their ids, behind `after`.
    pub async fn traces_with_spans(&self, after: Option<TraceId>, limit: usize) -> Result<Vec<TraceId>, StoreError> {
        let found: Vec<(Vec<u8>,)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT DISTINCT trace_id FROM spans WHERE trace_id > $1 ORDER BY trace_id LIMIT $2")
                .bind(after.map_or_else(|| vec![0; 16], |after| after.as_bytes().to_vec()))
                .bind(limit as i64)
                .fetch_all(pool)
                .await?
        });
        found.iter().map(|(id,)| rows::trace_id("spans", id)).collect()
    }

    /// How many traces retention has emptied: whose they were is not known any more.
    pub async fn emptied_traces(&self) -> Result<u64, StoreError> {
        let (number,): (i64,) = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT count(*) FROM traces WHERE emptied_before_ms IS NOT NULL \
                 AND NOT EXISTS (SELECT 1 FROM spans WHERE spans.trace_id = traces.trace_id)",
            )
            .fetch_one(pool)
            .await?
        });
        Ok(number as u64)
    }

    /// An error while a worker is connected that cannot read what forgetting writes.
    pub async fn may_forget(&self) -> Result<(), StoreError> {
        if self.all_workers_read(Since::Forgetting).await? { Ok(()) } else { Err(StoreError::EarlierWorkers) }
    }

    /// Forgets all of this in one transaction, with the entry in the audit log, or (`dry_run`) says what that would be.
    pub async fn forget_for_good(
        &self,
        what: &ToForget,
        actor: &Actor,
        dry_run: bool,
    ) -> Result<ForgottenForGood, StoreError> {
        let now_ms = self.now_ms();
        Ok(transaction!(self, DB, tx => {
            let forgotten = forget(&mut Open::from(&mut *tx), what, now_ms).await?;
            if dry_run || forgotten.traces == 0 {
                // Nothing is committed.
                return Ok(forgotten);
            }
            let detail = format!("{} traces, {} evaluations", forgotten.traces, forgotten.evaluations);
            audit::insert!(tx, now_ms, actor, AuditAction::Forgotten, what.found_by, &detail);
            forgotten
        }))
    }
}

async fn forget(tx: &mut Open<'_>, what: &ToForget, now_ms: i64) -> Result<ForgottenForGood, StoreError> {
    let mut forgotten = ForgottenForGood::default();
    let (mut new, subjects) = found(tx, what, &mut forgotten).await?;
    if new.is_empty() {
        return Ok(forgotten);
    }
    let ids: Vec<Uuid> = subjects.keys().copied().collect();
    let evaluations = tx.evaluations_of(&ids).await?;
    new.name_evaluations(&evaluations);
    for (trace, sinks) in tx.sent(&ids, now_ms).await? {
        let trace_id = rows::trace_id("subjects", &trace)?.to_string();
        forgotten.in_backends.push(SentTrace { trace_id, sinks });
    }
    // What is under way ends here; triggers still count it under the old ids.
    let all: Vec<Uuid> = evaluations.iter().map(|(id, _)| *id).collect();
    forgotten.owed = tx.end(&OWED_DELIVERIES, &all, now_ms).await?;
    forgotten.pending = tx.end(&PENDING_EVALUATIONS, &all, now_ms).await?;
    (forgotten.subjects, forgotten.evaluations) = (ids.len() as u64, all.len() as u64);

    for (id, subject) in &evaluations {
        tx.rename_evaluation(*id, new.evaluation(*id), new.subject(*subject)).await?;
    }
    tx.rename_in_drift_log(&ids, &mut new).await?;
    tx.rename_in_audit_log(&ids, &new).await?;
    for subject in subjects.values() {
        forgotten.labels += tx.empty_subject(subject, &mut new).await?;
    }
    for (trace, id) in new.traces() {
        tx.empty_trace(trace, id, now_ms).await?;
    }
    for session in new.sessions() {
        tx.delete_session(session).await?;
    }
    tx.delete_reports().await?;
    Ok(forgotten)
}

/// The traces that are there and their subjects, with those of their conversations as a whole, and the ids they get.
async fn found(
    tx: &mut Open<'_>,
    what: &ToForget,
    forgotten: &mut ForgottenForGood,
) -> Result<(NewIds, BTreeMap<Uuid, SubjectRow>), StoreError> {
    let traces: Vec<&[u8]> = what.traces.iter().map(|id| id.as_bytes().as_slice()).collect();
    let is_forgotten: BTreeSet<&[u8]> = traces.iter().copied().collect();
    let mut new = NewIds::default();
    new.name_traces(tx.hold_traces(&traces).await?);
    let of_traces = tx.subjects_of_traces(&traces).await?;
    new.name_traces(of_traces.iter().map(|row| row.trace_id.clone()));
    forgotten.traces = new.traces().count() as u64;

    let mut subjects: BTreeMap<Uuid, SubjectRow> = of_traces.into_iter().map(|row| (row.id, row)).collect();
    let sessions: BTreeSet<String> = subjects.values().filter_map(|subject| subject.session_id.clone()).collect();
    for session in sessions {
        tx.hold_session(&session).await?;
        let of_session = tx.subjects_of_session(&session).await?;
        let (whole, turns): (Vec<_>, Vec<_>) = of_session.into_iter().partition(SubjectRow::is_session);
        // A conversation of which other traces stay keeps its id.
        if turns.iter().all(|turn| is_forgotten.contains(turn.trace_id.as_slice())) {
            new.name_session(session);
            forgotten.sessions += 1;
        } else {
            forgotten.sessions_in_part += 1;
        }
        subjects.extend(whole.into_iter().map(|row| (row.id, row)));
    }
    for subject in subjects.values() {
        let keeps_id = subject.is_session() && subject.session_id.as_deref().is_some_and(|id| !new.has_session(id));
        if !keeps_id {
            new.name_subject(subject.id);
        }
    }
    let digests: BTreeSet<&[u8]> = subjects.values().map(|subject| subject.digest.as_slice()).collect();
    let holders = tx.holders_of(&digests.into_iter().collect::<Vec<_>>()).await?;
    new.share(holders.into_iter().filter(|(id, _)| !subjects.contains_key(id)).map(|(_, digest)| digest));
    Ok((new, subjects))
}

impl SubjectRow {
    fn is_session(&self) -> bool {
        self.kind == SubjectKind::Session.as_str()
    }

    /// Its problems without what quotes content.
    fn codes(&self) -> Option<String> {
        self.problems.as_deref().and_then(codes_alone)
    }
}
