//! The durable loop of assembly.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::assembled_trace::AssembledTrace;
use super::late_records::{Before, Digest};
use super::planner::{self, TraceDraw};
use super::session_subject::session_subject;
use super::subjects::subjects;
use super::trace::assemble;
use super::trace_rates::{TraceRates, TraceSampling};
use crate::config::SegmentConfig;
use crate::model::{Probability, ProblemCode, SpanId, Subject, SubjectId, SubjectKind};
use crate::pipeline::db_backoff::Patience;
use crate::privacy::SharedRedactor;
use crate::rubrics::Catalogue;
use crate::sampling::{Matches, SpanFacts};
use crate::store::{
    DueTrace, LOOK_AT_LEAST_MS, PlannedFrom, PlannedSubject, Stage, Store, StoreError, TraceRecords, WaitBound,
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
    pub sampling: Arc<TraceSampling>,
    /// Which attributes make segments.
    pub segments: Arc<SegmentConfig>,
    /// A session is looked at when it was silent for so long.
    pub session_idle: Duration,
    /// An evaluation not judged this long after it was planned expires.
    pub deadline: Duration,
    /// A worker that dies while it assembles gives its traces back after this long.
    pub lease: Duration,
    /// Whether what was cut, or may have been, is judged as if it were whole.
    pub judge_cut: bool,
    /// Redacts once more what decoding and joining brought to light.
    pub redactor: SharedRedactor,
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

/// What falls due sooner than this is left alone: workers may differ in their settings and their clocks.
const MEND_AT_LEAST: Duration = Duration::from_hours(1);

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
        let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let bound = |wait: Duration| WaitBound {
            longest_ms: milliseconds((wait * 2).max(MEND_AT_LEAST)),
            wait_ms: milliseconds(wait),
        };
        let mended = self.store.mend_due_times(bound(self.sampling.max_wait()), bound(self.session_idle)).await?;
        if mended > 0 {
            tracing::warn!(
                number = mended,
                "traces and sessions would have fallen due long after they may, because a clock was ahead or a setting was \
                 longer; they wait as long as if they had come now"
            );
        }
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
        self.sampling.read_versions(&due).await?;
        let records = self.store.trace_records(&ids).await?;
        let mut subjects = Vec::new();
        for (trace, records) in due.iter_mut().zip(records) {
            if records.damaged > 0 {
                tracing::error!(trace_id = %trace.trace_id, damaged = records.damaged, "stored records cannot be read back");
            }
            let rates = Arc::new(self.sampling.rates(trace, &records.spans));
            trace.rate = Some(rates.rate(None));
            subjects.extend(self.subjects_of(trace, records, &rates));
        }
        let before = self.before_late_spans(&due, &subjects).await?;
        let planned = self.plan(subjects, &before);
        let session_idle_ms = self.judges_sessions().then_some(self.session_idle.as_millis() as i64);
        self.store.commit_plan(PlannedFrom { traces: &due, sessions: &[], session_idle_ms }, &planned).await?;
        self.count_problems(&planned);
        for trace in &due {
            self.metrics.trace_assembled(trace.root_seen, trace.assembled_at_ms.is_some());
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
            subjects.extend(self.session_of(&session.session_id, i64::MAX).await?);
        }
        if !due.is_empty() {
            let before = self.before_late_turns(&subjects).await?;
            let planned = self.plan(subjects, &before);
            self.store.commit_plan(PlannedFrom { sessions: &due, ..PlannedFrom::default() }, &planned).await?;
            self.count_problems(&planned);
        }
        Ok(due.len())
    }

    /// The subject of a session as it stood at `until_ms`, unless retention has taken its spans.
    ///
    /// Sessions are drawn by their own id. That needs all of their traces, so that those of which the prefilter kept only a
    /// share are not judged.
    async fn session_of(&self, session_id: &str, until_ms: i64) -> Result<Option<Drawn>, StoreError> {
        let traces = self.store.session_traces(session_id, TRACES_OF_A_SESSION, until_ms).await?;
        let ids: Vec<_> = traces.iter().map(|(id, ..)| *id).collect();
        let records = if ids.is_empty() { Vec::new() } else { self.store.trace_records_until(&ids, until_ms).await? };
        let sampler = self.sampling.current();
        let mut matches = Matches::default();
        let mut whole = traces.iter().all(|(_, upstream, _)| *upstream == Probability::ONE);
        let mut turns: Vec<Subject> = Vec::new();
        for (records, (_, _, rate)) in records.into_iter().zip(&traces) {
            let each = records.spans.iter().map(|span| sampler.matches(SpanFacts::from(span)));
            let own = each.fold(Matches::default(), Matches::or);
            whole &= rate.unwrap_or_else(|| sampler.rate_of(own, None)) == Probability::ONE;
            matches = matches.or(own);
            let trace = self.read(records);
            turns.extend(subjects(&trace, &self.segments).into_iter().filter(|one| one.kind == SubjectKind::Trace));
        }
        let Some(mut subject) = session_subject(session_id, &turns) else { return Ok(None) };
        if !whole {
            subject.unjudgeable = Some("session_sampled".to_owned());
        }
        let draw = TraceDraw { u: sampler.u_of_subject(subject.id), upstream: Probability::ONE };
        let rates = Arc::new(TraceRates::of(sampler, matches));
        Ok(Some(Drawn { digest: planner::content_digest(&subject), subject, draw, rates }))
    }

    fn subjects_of(&self, trace: &DueTrace, records: TraceRecords, rates: &Arc<TraceRates>) -> Vec<Drawn> {
        let draw = TraceDraw { u: trace.u, upstream: trace.upstream_probability };
        let assembled = self.read(records);
        for name in assembled.steps.iter().flat_map(|step| &step.unmapped) {
            self.metrics.unmapped_attribute(name);
        }
        subjects(&assembled, &self.segments)
            .into_iter()
            .map(|subject| Drawn { digest: planner::content_digest(&subject), subject, draw, rates: Arc::clone(rates) })
            .collect()
    }

    /// The subjects of traces as they stood before late spans came.
    async fn before_late_spans(&self, due: &[DueTrace], drawn: &[Drawn]) -> Result<Before, StoreError> {
        let mut before = self.stored(drawn).await?;
        for trace in due {
            let mut own = drawn.iter().filter(|drawn| drawn.subject.trace_id == trace.trace_id);
            if let Some(assembled_at_ms) = trace.assembled_at_ms
                && own.any(|drawn| before.to_read_again(&drawn.subject, &drawn.digest).is_some())
            {
                let earlier = self.read(self.store.earlier_records(trace.trace_id, assembled_at_ms).await?);
                for subject in subjects(&earlier, &self.segments) {
                    before.read_again(subject.id, planner::content_digest(&subject));
                }
            }
        }
        Ok(before)
    }

    /// The same of sessions.
    async fn before_late_turns(&self, drawn: &[Drawn]) -> Result<Before, StoreError> {
        let mut before = self.stored(drawn).await?;
        for Drawn { subject, digest, .. } in drawn {
            if let (Some(session_id), Some(until_ms)) = (&subject.session_id, before.to_read_again(subject, digest))
                && let Some(earlier) = self.session_of(session_id, until_ms).await?
            {
                before.read_again(subject.id, earlier.digest);
            }
        }
        Ok(before)
    }

    async fn stored(&self, drawn: &[Drawn]) -> Result<Before, StoreError> {
        let ids: Vec<SubjectId> = drawn.iter().map(|drawn| drawn.subject.id).collect();
        Ok(Before::new(self.store.stored_subjects(&ids).await?))
    }

    /// Each problem once for each subject that has it and is not made of others that have it.
    fn count_problems(&self, planned: &[PlannedSubject]) {
        for planned in planned {
            let own = planned.subject.problems.iter().filter(|found| !found.is_repeated);
            let codes: BTreeSet<ProblemCode> = own.map(|found| found.problem.code).collect();
            for code in codes {
                self.metrics.problem(code);
            }
        }
    }

    /// The records of one trace as the present reading understands them.
    fn read(&self, records: TraceRecords) -> AssembledTrace {
        let redactor = self.redactor.current();
        let kept: HashSet<SpanId> =
            records.spans.iter().filter(|span| redactor.keeps_any(&span.attributes)).map(|span| span.span_id).collect();
        let mut trace = assemble(records.spans, records.logs);
        for step in trace.steps.iter_mut().filter(|step| !kept.contains(&step.span_id)) {
            redactor.redact_step(step);
        }
        crate::privacy::renumber(&mut trace.steps);
        trace
    }

    /// The subjects that are new or changed, each with its decisions.
    fn plan(&self, subjects: Vec<Drawn>, before: &Before) -> Vec<PlannedSubject> {
        let rubrics = self.catalogue.active();
        let deadline_ms = self.store.now_ms() + self.deadline.as_millis() as i64;
        let planned = subjects.into_iter().filter_map(|drawn| {
            let revision = before.next_revision(drawn.subject.id, &drawn.digest)?;
            let rate = |rubric: &str| drawn.rates.rate(Some(rubric));
            let evaluations =
                planner::plan(&drawn.subject, revision, &rubrics, drawn.draw, &rate, deadline_ms, self.judge_cut);
            Some(PlannedSubject { subject: drawn.subject, revision, digest: drawn.digest, evaluations })
        });
        planned.collect()
    }
}

/// A subject with the sampling facts of its trace.
struct Drawn {
    subject: Subject,
    digest: Digest,
    draw: TraceDraw,
    rates: Arc<TraceRates>,
}
