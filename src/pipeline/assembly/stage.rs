//! The durable loop of assembly.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::planner::{self, TraceDraw};
use super::subjects::{session_subject, subjects};
use super::trace::assemble;
use crate::config::SegmentConfig;
use crate::model::{Probability, Subject, SubjectId, SubjectKind};
use crate::pipeline::db_backoff::Patience;
use crate::rubrics::Catalogue;
use crate::sampling::{Matches, Sampler, SpanFacts};
use crate::store::{
    DueSession, DueTrace, LOOK_AT_LEAST_MS, PlannedFrom, PlannedSubject, Stage, Store, StoreError, TraceRecords,
};
use crate::telemetry::Metrics;

/// What the assembly stage works with.
#[derive(Clone)]
pub struct Assembly {
    /// Where spans come from and plans go.
    pub store: Store,
    /// The active rubrics.
    pub catalogue: Catalogue,
    /// The rates.
    pub sampler: Arc<Sampler>,
    /// Which attributes make segments.
    pub segments: Arc<SegmentConfig>,
    /// A session is looked at when it was silent for so long.
    pub session_idle: Duration,
    /// An evaluation not judged this long after it was planned expires.
    pub deadline: Duration,
    /// A worker that dies while it assembles gives its traces back after this long.
    pub lease: Duration,
    /// Its instruments.
    pub metrics: Metrics,
}

/// Traces assembled in one transaction.
const TRACES_AT_ONCE: usize = 64;

/// Sessions assembled in one transaction, and how many traces of one are read: the latest, which a judge can still take in.
const SESSIONS_AT_ONCE: usize = 4;
const TRACES_OF_A_SESSION: usize = 200;

/// The longest wait between two looks: other processes may have stored traces that settle sooner.
const IDLE: Duration = Duration::from_millis(LOOK_AT_LEAST_MS as u64);

impl Assembly {
    /// Works until `soft` is cancelled.
    pub async fn run(self, soft: CancellationToken) -> Result<(), StoreError> {
        let mut patience = Patience::new("assembly");
        while !soft.is_cancelled() {
            let woken = self.store.wakeups().woken(Stage::Assemble);
            self.store.wakeups().assembly_looks_at(self.store.now_ms() + LOOK_AT_LEAST_MS);
            let Some(traces) = patience.with(&soft, self.assemble_due().await).await? else { continue };
            let Some(sessions) = patience.with(&soft, self.assemble_due_sessions().await).await? else { continue };
            if traces == 0 && sessions == 0 {
                let wait = patience.with(&soft, self.until_next_due().await).await?.unwrap_or(IDLE);
                self.store.wakeups().assembly_looks_at(self.store.now_ms() + wait.as_millis() as i64);
                soft.run_until_cancelled(timeout(wait, woken)).await;
            }
        }
        Ok(())
    }

    async fn until_next_due(&self) -> Result<Duration, StoreError> {
        let next_ms = [self.store.next_due_trace_ms().await?, self.store.next_due_session_ms().await?];
        let wait_ms = next_ms.into_iter().flatten().min().map_or(i64::MAX, |next_ms| next_ms - self.store.now_ms());
        Ok(Duration::from_millis(u64::try_from(wait_ms.max(5)).unwrap_or(5)).min(IDLE))
    }

    /// Assembles and plans one group of due traces. Returns how many there were.
    pub async fn assemble_due(&self) -> Result<usize, StoreError> {
        let mut due = self.store.lease_due_traces(TRACES_AT_ONCE, self.lease.as_millis() as i64).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let ids: Vec<_> = due.iter().map(|trace| trace.trace_id).collect();
        let records = self.store.trace_records(&ids).await?;
        let mut subjects = Vec::new();
        for (trace, records) in due.iter_mut().zip(records) {
            if records.damaged > 0 {
                tracing::error!(trace_id = %trace.trace_id, damaged = records.damaged, "stored records cannot be read back");
            }
            let matches = self.matches(&records);
            trace.rate = Some(self.sampler.rate_of(matches, None));
            subjects.extend(self.subjects_of(trace, records, matches));
        }
        let planned = self.plan(subjects).await?;
        let session_idle_ms = self.judges_sessions().then_some(self.session_idle.as_millis() as i64);
        self.store.commit_plan(PlannedFrom { traces: &due, sessions: &[], session_idle_ms }, &planned).await?;
        for trace in &due {
            self.metrics.trace_assembled(trace.root_seen, trace.late);
        }
        Ok(due.len())
    }

    fn judges_sessions(&self) -> bool {
        self.catalogue.active().iter().any(|rubric| rubric.subject == SubjectKind::Session)
    }

    /// Assembles and plans one group of sessions that fell silent. Returns how many there were.
    pub async fn assemble_due_sessions(&self) -> Result<usize, StoreError> {
        if !self.judges_sessions() {
            return Ok(0);
        }
        let due = self.store.lease_due_sessions(SESSIONS_AT_ONCE, self.lease.as_millis() as i64).await?;
        let mut subjects = Vec::new();
        for session in &due {
            subjects.extend(self.session_of(session).await?);
        }
        if !due.is_empty() {
            let planned = self.plan(subjects).await?;
            self.store.commit_plan(PlannedFrom { sessions: &due, ..PlannedFrom::default() }, &planned).await?;
        }
        Ok(due.len())
    }

    /// The subject of a session, unless retention has taken its spans.
    ///
    /// Sessions are drawn by their own id. That needs all of their traces, so that those of which the prefilter kept only a
    /// share are not judged.
    async fn session_of(&self, session: &DueSession) -> Result<Option<Drawn>, StoreError> {
        let traces = self.store.session_traces(&session.session_id, TRACES_OF_A_SESSION).await?;
        let ids: Vec<_> = traces.iter().map(|(id, _)| *id).collect();
        let records = if ids.is_empty() { Vec::new() } else { self.store.trace_records(&ids).await? };
        let mut matches = Matches::default();
        let mut whole = traces.iter().all(|(_, upstream)| *upstream == Probability::ONE);
        let mut turns: Vec<Subject> = Vec::new();
        for records in records {
            let own = self.matches(&records);
            whole &= self.sampler.rate_of(own, None) == Probability::ONE;
            matches = matches.or(own);
            let mut assembled = assemble(records.spans, records.logs);
            crate::privacy::renumber(&mut assembled.steps);
            turns.extend(subjects(&assembled, &self.segments).into_iter().filter(|one| one.kind == SubjectKind::Trace));
        }
        let Some(mut subject) = session_subject(&session.session_id, &turns) else { return Ok(None) };
        if !whole {
            subject.unjudgeable = Some("session_sampled".to_owned());
        }
        let draw = TraceDraw { u: self.sampler.u_of_subject(subject.id), upstream: Probability::ONE };
        Ok(Some(Drawn { digest: planner::content_digest(&subject), subject, draw, matches }))
    }

    fn matches(&self, records: &TraceRecords) -> Matches {
        let each = records.spans.iter().map(|span| self.sampler.matches(SpanFacts::from(span)));
        each.fold(Matches::default(), Matches::or)
    }

    fn subjects_of(&self, trace: &DueTrace, records: TraceRecords, matches: Matches) -> Vec<Drawn> {
        let draw = TraceDraw { u: trace.u, upstream: trace.upstream_probability };
        let mut assembled = assemble(records.spans, records.logs);
        crate::privacy::renumber(&mut assembled.steps);
        for name in assembled.steps.iter().flat_map(|step| &step.unmapped) {
            self.metrics.unmapped_attribute(name.clone());
        }
        subjects(&assembled, &self.segments)
            .into_iter()
            .map(|subject| Drawn { digest: planner::content_digest(&subject), subject, draw, matches })
            .collect()
    }

    /// The subjects that are new or changed, each with its decisions.
    async fn plan(&self, subjects: Vec<Drawn>) -> Result<Vec<PlannedSubject>, StoreError> {
        let ids: Vec<SubjectId> = subjects.iter().map(|drawn| drawn.subject.id).collect();
        let known = self.store.subject_revisions(&ids).await?;
        let rubrics = self.catalogue.active();
        let deadline_ms = self.store.now_ms() + self.deadline.as_millis() as i64;
        let mut planned = Vec::with_capacity(subjects.len());
        for drawn in subjects {
            let revision = match known.get(&drawn.subject.id) {
                Some((_, digest)) if digest.as_slice() == drawn.digest => continue,
                Some((revision, _)) => revision + 1,
                None => 0,
            };
            let rate = |rubric: &str| self.sampler.rate_of(drawn.matches, Some(rubric)).and(Probability::ONE);
            let evaluations = planner::plan(&drawn.subject, revision, &rubrics, drawn.draw, &rate, deadline_ms);
            planned.push(PlannedSubject { subject: drawn.subject, revision, digest: drawn.digest, evaluations });
        }
        Ok(planned)
    }
}

/// A subject with the sampling facts of its trace.
struct Drawn {
    subject: Subject,
    digest: [u8; 32],
    draw: TraceDraw,
    matches: Matches,
}
