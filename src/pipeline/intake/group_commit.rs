//! Group commit: requests that wait together are committed together, and each sender hears of its own.
//!
//! Nothing is delayed for the sake of a larger group: while one transaction runs, the next group gathers by itself.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::accept_error::AcceptError;
use super::admission::Reservation;
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
    /// Of the batch: as long as it is there, whoever waits for it may be gone.
    memory: Reservation,
}

/// Where requests wait for their commit.
#[derive(Debug, Clone)]
pub(super) struct Commits {
    queue: mpsc::Sender<Waiting>,
}

impl Commits {
    /// Waits until the batch is committed.
    pub(super) async fn commit(&self, batch: IntakeBatch, memory: Reservation) -> Result<Committed, AcceptError> {
        let (answer, committed) = oneshot::channel();
        self.queue.send(Waiting { batch, answer, memory }).await.map_err(|_| AcceptError::Stopping)?;
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
        let (mut batches, mut answers, mut memory) = (Vec::new(), Vec::new(), Vec::new());
        for waiting in group {
            batches.push(waiting.batch);
            answers.push(waiting.answer);
            memory.push(waiting.memory);
        }
        match self.transaction(&batches).await {
            Ok(outcomes) => {
                drop((batches, memory));
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::otlp::Signal;
    use crate::pipeline::intake::admission::{Admission, Overrun, Sender};
    use crate::store::OwnParts;
    use crate::testing::databases::Database;

    fn batch() -> IntakeBatch {
        IntakeBatch {
            signal: Signal::Traces,
            digest: [0; 32],
            sampling_version: None,
            received: 1,
            sampled_out: 1,
            own: 0,
            own_parts: OwnParts::default(),
            rejected: 0,
            spans: Vec::new(),
            logs: Vec::new(),
        }
    }

    #[tokio::test]
    async fn what_waits_for_its_commit_keeps_its_memory_when_its_sender_is_gone() {
        let database = Database::sqlite().await;
        let times = SettleTimes { settle_ms: 0, max_wait_ms: 0 };
        let store: Arc<dyn IntakeStore> = Arc::new(database.store.clone());
        let (commits, committer) = Committer::new(store, times, Arc::default(), Arc::new(Metrics::new()));
        let admission = Admission::new(240 * 1024, std::time::Duration::from_millis(10));
        let memory = admission.enter_large(&Sender::Broker, 100 * 1024).await.unwrap();
        assert!(commits.commit(batch(), memory).now_or_never().is_none(), "it waits, and its sender goes away");
        assert_eq!(commits.waiting(), 1);
        assert_eq!(admission.enter_large(&Sender::Broker, 1).await.err(), Some(Overrun::Busy));
        drop(commits);
        committer.run().await;
        assert!(admission.enter_large(&Sender::Broker, 1).await.is_ok());
    }
}
