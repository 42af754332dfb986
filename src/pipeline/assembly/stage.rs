//! The durable loop of assembly.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::planner::{self, TraceDraw};
use super::subjects::subjects;
use super::trace::assemble;
use crate::config::SegmentConfig;
use crate::model::{Probability, SubjectId};
use crate::pipeline::patience::Patience;
use crate::rubrics::Catalogue;
use crate::sampling::{Matches, Sampler, SpanFacts};
use crate::store::{DueTrace, PlannedSubject, Store, StoreError, TraceRecords};
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
    /// An evaluation not judged this long after it was planned expires.
    pub deadline: Duration,
    /// Its instruments.
    pub metrics: Metrics,
}

/// Traces assembled in one transaction.
const TRACES_AT_ONCE: usize = 64;

/// A worker that dies while assembling gives its traces back then.
const LEASE: Duration = Duration::from_mins(1);

/// The longest wait between two looks: other processes may have stored traces that settle sooner.
const IDLE: Duration = Duration::from_secs(1);

impl Assembly {
    /// Works until `soft` is cancelled.
    pub async fn run(self, soft: CancellationToken) -> Result<(), StoreError> {
        let mut patience = Patience::new("assembly");
        while !soft.is_cancelled() {
            let pass = self.assemble_due().await;
            let Some(assembled) = patience.with(&soft, pass).await? else { continue };
            if assembled == 0 {
                let wait = patience.with(&soft, self.until_next_due().await).await?.unwrap_or(IDLE);
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = soft.cancelled() => {}
                }
            }
        }
        Ok(())
    }

    async fn until_next_due(&self) -> Result<Duration, StoreError> {
        let next_ms = self.store.next_due_trace_ms().await?;
        let wait_ms = next_ms.map_or(i64::MAX, |next_ms| next_ms - self.store.now_ms());
        Ok(Duration::from_millis(u64::try_from(wait_ms.max(5)).unwrap_or(5)).min(IDLE))
    }

    /// Assembles and plans one group of due traces. Returns how many there were.
    pub async fn assemble_due(&self) -> Result<usize, StoreError> {
        let due = self.store.lease_due_traces(TRACES_AT_ONCE, LEASE.as_millis() as i64).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let ids: Vec<_> = due.iter().map(|trace| trace.trace_id).collect();
        let records = self.store.trace_records(&ids).await?;
        let mut subjects = Vec::new();
        for (trace, records) in due.iter().zip(records) {
            if records.damaged > 0 {
                tracing::error!(trace_id = %trace.trace_id, damaged = records.damaged, "stored records cannot be read back");
            }
            subjects.extend(self.subjects_of(trace, records));
        }
        let planned = self.plan(subjects).await?;
        self.store.commit_plan(&due, &planned).await?;
        for trace in &due {
            self.metrics.trace_assembled(trace.root_seen, trace.late);
        }
        Ok(due.len())
    }

    fn subjects_of(&self, trace: &DueTrace, records: TraceRecords) -> Vec<Drawn> {
        let matches = records
            .spans
            .iter()
            .fold(Matches::default(), |matches, span| matches.or(self.sampler.matches(SpanFacts::from(span))));
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
    subject: crate::model::Subject,
    digest: [u8; 32],
    draw: TraceDraw,
    matches: Matches,
}
