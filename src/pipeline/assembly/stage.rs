//! The durable loop of assembly.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::assembled_trace::AssembledTrace;
use super::guarded::Guarded;
use super::late_records::{Before, Digest};
use super::planner::{self, TraceDraw};
use super::poison::provoke;
use super::session_subject::session_subject;
use super::subjects::subjects;
use super::trace::assemble;
use super::trace_rates::{TraceRates, TraceSampling};
use crate::config::SegmentConfig;
use crate::model::{Probability, ProblemCode, SpanId, Subject, SubjectId, SubjectKind, TraceId};
use crate::pipeline::db_backoff::Patience;
use crate::privacy::SharedRedactor;
use crate::rubrics::{Catalogue, Rubric};
use crate::sampling::{Matches, SpanFacts};
use crate::store::{
    Damage, DueTrace, LOOK_AT_LEAST_MS, PlannedFrom, PlannedSubject, Stage, Store, StoreError, TraceRecords, WaitBound,
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

/// What is worked on for longer does not end.
const LONGEST_WORK: Duration = Duration::from_secs(20);
/// A busy machine may take this long for what ends.
const SHORTEST_LIMIT: Duration = Duration::from_secs(3);

/// The longest wait between two looks: other processes may have stored traces that settle sooner.
const IDLE: Duration = Duration::from_millis(LOOK_AT_LEAST_MS as u64);

/// What falls due sooner than this is left alone: workers may differ in their settings and their clocks.
const MEND_AT_LEAST: Duration = Duration::from_hours(1);

impl Assembly {
    /// Works until `soft` is cancelled.
    pub async fn run(self, soft: CancellationToken) -> Result<(), StoreError> {
        let mut patience = Patience::new("assembly");
        while !soft.is_cancelled() {
            let Some(number) = patience.with(&soft, self.store.retry_damaged_traces().await).await? else { continue };
            if number > 0 {
                tracing::info!(number, "traces that another release could not assemble are tried again");
            }
            break;
        }
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
        let due = self.store.lease_due_traces(TRACES_AT_ONCE, self.lease.as_millis() as i64).await?;
        let number = due.len();
        if number == 0 {
            return Ok(0);
        }
        let ids: Vec<_> = due.iter().map(|trace| trace.trace_id).collect();
        self.sampling.read_versions(&due).await?;
        self.sampling.read_factors().await?;
        let records = self.store.trace_records(&ids).await?;
        for (trace, records) in due.iter().zip(&records).filter(|(_, records)| records.damaged > 0) {
            tracing::error!(trace_id = %trace.trace_id, damaged = records.damaged, "stored records cannot be read back");
        }
        let read = self.of_each(due.into_iter().zip(records).collect(), Self::subjects_of).await?;
        let before = Arc::new(self.before_late_spans(&read).await?);
        let planned =
            self.of_each(read, move |this, _, Reading { rate, drawn }| (rate, this.plan(drawn, &before))).await?;
        let (mut traces, mut subjects) = (Vec::with_capacity(planned.len()), Vec::new());
        for (trace, (rate, planned)) in planned {
            traces.push(DueTrace { rate: Some(rate), ..trace });
            subjects.extend(planned);
        }
        let session_idle_ms = self.judges_sessions().then_some(self.session_idle.as_millis() as i64);
        self.store.commit_plan(PlannedFrom { traces: &traces, sessions: &[], session_idle_ms }, &subjects).await?;
        self.count_problems(&subjects);
        for trace in &traces {
            self.metrics.trace_assembled(trace.root_seen, trace.assembled_at_ms.is_some());
        }
        Ok(number)
    }

    /// What `work` makes of each trace. One on which it panics or does not end is given back or set aside, and the others go on.
    async fn of_each<I: Send + 'static, T: Send + 'static>(
        &self,
        traces: Vec<(DueTrace, I)>,
        work: impl Fn(&Self, &DueTrace, I) -> T + Send + Sync + 'static,
    ) -> Result<Vec<(DueTrace, T)>, StoreError> {
        let due: Vec<DueTrace> = traces.iter().map(|(trace, _)| *trace).collect();
        let this = self.clone();
        let mut guarded = Guarded::new(traces, self.longest_work(), move |(trace, input)| work(&this, &trace, input));
        let mut done = Vec::with_capacity(due.len());
        for trace in due {
            match guarded.next().await {
                Some(Ok(made)) => done.push((trace, made)),
                Some(Err(damage)) => self.failed(&trace, &damage).await?,
                None => break,
            }
        }
        Ok(done)
    }

    /// Where a lease is short, it outlasts what is left behind.
    fn longest_work(&self) -> Duration {
        (self.lease / 3).clamp(SHORTEST_LIMIT, LONGEST_WORK)
    }

    async fn failed(&self, trace: &DueTrace, damage: &Damage) -> Result<(), StoreError> {
        self.metrics.assembly_failed("trace", damage.code());
        let why = damage.to_string();
        if self.store.trace_failed(trace, damage).await? {
            tracing::error!(trace_id = %trace.trace_id, why, "a trace cannot be assembled and is set aside; please report why");
        } else {
            tracing::warn!(trace_id = %trace.trace_id, why, "a trace could not be assembled; it is tried once more");
        }
        Ok(())
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
            self.sampling.read_factors().await?;
            let before = self.before_late_turns(&subjects).await?;
            let this = self.clone();
            let planned =
                self.of_session(subjects, move |subjects| this.plan(subjects, &before)).await.unwrap_or_default();
            self.store.commit_plan(PlannedFrom { sessions: &due, ..PlannedFrom::default() }, &planned).await?;
            self.count_problems(&planned);
        }
        Ok(due.len())
    }

    /// What `work` makes of this; none where it panics or does not end: the session is not judged until it goes on.
    async fn of_session<I: Send + 'static, T: Send + 'static>(
        &self,
        input: I,
        work: impl Fn(I) -> T + Send + Sync + 'static,
    ) -> Option<T> {
        let made = Guarded::new(vec![input], self.longest_work(), work).next().await?;
        made.inspect_err(|damage| {
            self.metrics.assembly_failed("session", damage.code());
            tracing::error!(why = %damage, "a session cannot be assembled and is not judged; please report why");
        })
        .ok()
    }

    /// The subject of a session as it stood at `until_ms`, unless retention has taken its spans.
    ///
    /// Sessions are drawn by their own id. That needs all of their traces, so that those of which the prefilter kept only a
    /// share are not judged.
    async fn session_of(&self, session_id: &str, until_ms: i64) -> Result<Option<Drawn>, StoreError> {
        let traces = self.store.session_traces(session_id, TRACES_OF_A_SESSION, until_ms).await?;
        let ids: Vec<_> = traces.iter().map(|(id, ..)| *id).collect();
        let records = if ids.is_empty() { Vec::new() } else { self.store.trace_records_until(&ids, until_ms).await? };
        let (this, session_id) = (self.clone(), session_id.to_owned());
        let read = move |(traces, records)| this.read_session(&session_id, traces, records);
        Ok(self.of_session((traces, records), read).await.flatten())
    }

    fn read_session(
        &self,
        session_id: &str,
        traces: Vec<(TraceId, Probability, Option<Probability>)>,
        records: Vec<TraceRecords>,
    ) -> Option<Drawn> {
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
        let mut subject = session_subject(session_id, &turns)?;
        if !whole {
            subject.unjudgeable = Some("session_sampled".to_owned());
        }
        let draw = TraceDraw { u: sampler.u_of_subject(subject.id), upstream: Probability::ONE };
        let rates = Arc::new(TraceRates::of(sampler, matches));
        Some(Drawn { digest: planner::content_digest(&subject), subject, draw, rates })
    }

    fn subjects_of(&self, trace: &DueTrace, records: TraceRecords) -> Reading {
        let rates = Arc::new(self.sampling.rates(trace, &records.spans));
        let draw = TraceDraw { u: trace.u, upstream: trace.upstream_probability };
        let assembled = self.read(records);
        for name in assembled.steps.iter().flat_map(|step| &step.unmapped) {
            self.metrics.unmapped_attribute(name);
        }
        let drawn = subjects(&assembled, &self.segments)
            .into_iter()
            .map(|subject| Drawn {
                digest: planner::content_digest(&subject),
                subject,
                draw,
                rates: Arc::clone(&rates),
            })
            .collect();
        Reading { rate: rates.rate(None), drawn }
    }

    /// The subjects of traces as they stood before late spans came.
    async fn before_late_spans(&self, read: &[(DueTrace, Reading)]) -> Result<Before, StoreError> {
        let mut before = self.stored(read.iter().flat_map(|(_, reading)| &reading.drawn)).await?;
        let mut earlier = Vec::new();
        for (trace, Reading { drawn, .. }) in read {
            if let Some(assembled_at_ms) = trace.assembled_at_ms
                && drawn.iter().any(|drawn| before.to_read_again(&drawn.subject, &drawn.digest).is_some())
            {
                earlier.push(self.store.earlier_records(trace.trace_id, assembled_at_ms).await?);
            }
        }
        let this = self.clone();
        let mut read_again = Guarded::new(earlier, self.longest_work(), move |records| {
            let subjects = subjects(&this.read(records), &this.segments);
            subjects.iter().map(|subject| (subject.id, planner::content_digest(subject))).collect::<Vec<_>>()
        });
        while let Some(digests) = read_again.next().await {
            match digests {
                Ok(digests) => digests.into_iter().for_each(|(id, digest)| before.read_again(id, digest)),
                // Judged again, as if what came late had changed it.
                Err(damage) => tracing::warn!(why = %damage, "the earlier records of a trace could not be read again"),
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

    async fn stored(&self, drawn: impl IntoIterator<Item = &Drawn>) -> Result<Before, StoreError> {
        let ids: Vec<SubjectId> = drawn.into_iter().map(|drawn| drawn.subject.id).collect();
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
        provoke(&records);
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
        let factors = self.sampling.factors();
        let deadline_ms = self.store.now_ms() + self.deadline.as_millis() as i64;
        let planned = subjects.into_iter().filter_map(|drawn| {
            let revision = before.next_revision(drawn.subject.id, &drawn.digest)?;
            let rate = |rubric: &Rubric| {
                let lowered = factors.get(&(rubric.name.clone(), rubric.judge.clone()));
                drawn.rates.rate(Some(&rubric.name)).and(lowered.copied().unwrap_or(Probability::ONE))
            };
            let evaluations =
                planner::plan(&drawn.subject, revision, &rubrics, drawn.draw, &rate, deadline_ms, self.judge_cut);
            Some(PlannedSubject { subject: drawn.subject, revision, digest: drawn.digest, evaluations })
        });
        planned.collect()
    }
}

/// What was read of a trace.
struct Reading {
    /// The highest rate that any rubric gives it.
    rate: Probability,
    drawn: Vec<Drawn>,
}

/// A subject with the sampling facts of its trace.
struct Drawn {
    subject: Subject,
    digest: Digest,
    draw: TraceDraw,
    rates: Arc<TraceRates>,
}
