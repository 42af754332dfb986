//! Group commit: requests that wait together are committed together, and each sender hears of its own.
//!
//! Nothing is delayed for the sake of a larger group: while one transaction runs, the next group gathers by itself.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::accept_error::AcceptError;
use super::intake_store::{IntakeStore, answered};
use super::metrics::Metrics;
use super::status::{Dependency, IntakeStatus};
use crate::store::{Committed, IntakeBatch, SettleTimes};

/// Requests in one transaction at most.
const GROUP: usize = 64;
/// Bytes to store in one transaction at most, so that a commit stays short.
const GROUP_BYTES: usize = 16 * 1024 * 1024;
/// Requests that may wait for their transaction; the memory they hold is bounded by the budget.
const WAITING: usize = 1024;

type Answer = oneshot::Sender<Result<Committed, AcceptError>>;

/// A batch and who waits for it.
struct Waiting {
    batch: IntakeBatch,
    answer: Answer,
}

/// Where requests wait for their commit.
#[derive(Debug, Clone)]
pub(super) struct Commits {
    queue: mpsc::Sender<Waiting>,
}

impl Commits {
    /// Waits until the batch is committed.
    pub(super) async fn commit(&self, batch: IntakeBatch) -> Result<Committed, AcceptError> {
        let (answer, committed) = oneshot::channel();
        self.queue.send(Waiting { batch, answer }).await.map_err(|_| AcceptError::Stopping)?;
        committed.await.map_err(|_| AcceptError::Stopping)?
    }

    /// Requests in the queue.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

/// The task that commits; it ends when the last [`super::Intake`] is gone and everything that waited is committed.
pub struct Committer {
    queue: mpsc::Receiver<Waiting>,
    /// Taken from the queue, but too large for the group it would have joined.
    next: Option<Waiting>,
    store: Arc<dyn IntakeStore>,
    times: SettleTimes,
    status: Arc<IntakeStatus>,
    metrics: Arc<Metrics>,
}

impl Committer {
    pub(super) fn new(
        store: Arc<dyn IntakeStore>,
        times: SettleTimes,
        status: Arc<IntakeStatus>,
        metrics: Arc<Metrics>,
    ) -> (Commits, Self) {
        let (sender, queue) = mpsc::channel(WAITING);
        (Commits { queue: sender }, Self { queue, next: None, store, times, status, metrics })
    }

    /// Commits until nobody can hand over any more.
    pub async fn run(mut self) {
        while let Some(group) = self.gather().await {
            self.commit(group).await;
        }
    }

    /// Everything that waits now, up to the limits; waits for the first.
    async fn gather(&mut self) -> Option<Vec<Waiting>> {
        let first = match self.next.take() {
            Some(left_over) => left_over,
            None => self.queue.recv().await?,
        };
        let mut bytes = size(&first.batch);
        let mut group = vec![first];
        while group.len() < GROUP {
            let Ok(waiting) = self.queue.try_recv() else { break };
            bytes += size(&waiting.batch);
            if bytes > GROUP_BYTES {
                self.next = Some(waiting);
                break;
            }
            group.push(waiting);
        }
        Some(group)
    }

    async fn commit(&self, group: Vec<Waiting>) {
        let (batches, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|one| (one.batch, one.answer)).unzip();
        match self.transaction(&batches).await {
            Ok(outcomes) => {
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    // A sender that went away will send again, and be told that this is a duplicate.
                    drop(answer.send(Ok(outcome)));
                }
            }
            Err(AcceptError::Unavailable { transient: false, .. }) if batches.len() > 1 => {
                self.one_by_one(batches, answers).await;
            }
            Err(error) => answers.into_iter().for_each(|answer| drop(answer.send(Err(error.clone())))),
        }
    }

    /// One batch that the database refuses must not take its neighbours with it.
    async fn one_by_one(&self, batches: Vec<IntakeBatch>, answers: Vec<Answer>) {
        for (batch, answer) in batches.into_iter().zip(answers) {
            let result = self.transaction(std::slice::from_ref(&batch)).await;
            let result = result.map(|outcomes| outcomes.first().copied().unwrap_or_default());
            drop(answer.send(result));
        }
    }

    async fn transaction(&self, batches: &[IntakeBatch]) -> Result<Vec<Committed>, AcceptError> {
        let start = Instant::now();
        let result = answered(self.store.commit_intake(batches, self.times)).await;
        match &result {
            Ok(outcomes) => {
                self.metrics.transaction(batches.len(), start.elapsed().as_secs_f64());
                for (batch, outcome) in batches.iter().zip(outcomes) {
                    self.metrics.committed(batch, *outcome);
                }
                self.status.back(Dependency::Store);
            }
            Err(error) => {
                tracing::error!(%error, requests = batches.len(), "a transaction failed; its senders keep the data");
                if let AcceptError::Unavailable { reason, .. } = error {
                    self.status.away(Dependency::Store, reason);
                }
            }
        }
        result
    }
}

fn size(batch: &IntakeBatch) -> usize {
    let spans: usize = batch.spans.iter().map(|span| span.body.len()).sum();
    spans + batch.logs.iter().map(|record| record.body.len()).sum::<usize>()
}
