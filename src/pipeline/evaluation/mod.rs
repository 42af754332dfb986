//! Bringing pending evaluations to their judges: lease → render → judge → commit score and deliveries.
//!
//! For each judge a leaser keeps a small buffer of leased evaluations, and as many of them are with the judge at once as
//! it admits. All results go through one committer, which stores what has gathered in one transaction. A heartbeat
//! extends the leases of everything in hand, so that a lease ends only when its worker is dead.

mod attempt;
mod committer;
mod leases;
mod pause;
mod stage;
#[cfg(test)]
mod tests;
mod thresholds;
mod together;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::stage::{Evaluation, Routing};

use self::attempt::Attempt;
use self::leases::Leases;
use self::pause::Pause;
use self::thresholds::Thresholds;
use super::db_backoff::Patience;
use super::task_loop;
use crate::judges::Judge;
use crate::store::{EvaluationResult, LeasedEvaluation, Stage, Store, StoreError};

/// How long a leaser waits for work that another process may have planned.
const IDLE: Duration = Duration::from_millis(500);

/// The most evaluations leased in one statement.
const LEASE_BATCH: usize = 256;

/// The most evaluations of one judge in hand, whatever it admits: a bound on memory.
const MOST_IN_HAND: usize = 2048;

impl Evaluation {
    /// Works until `soft` is cancelled, then finishes what is in hand unless `hard` is cancelled too.
    pub async fn run(self, soft: CancellationToken, hard: CancellationToken) -> Result<(), StoreError> {
        let leases = Leases::default();
        let (results, inbox) = mpsc::channel(LEASE_BATCH * 4);
        let tasks = TaskTracker::new();
        let committer = committer::run(self.clone(), leases.clone(), inbox, hard.clone());
        let committer = task_loop::spawn_vital(committer, &soft);
        let heartbeat = leases.clone().keep(self.store.clone(), self.lease, hard.clone());
        let heartbeat = task_loop::spawn_vital(heartbeat, &soft);

        let judges: Vec<Arc<Judge>> = self.judges.all().cloned().collect();
        let mut loops = tokio::task::JoinSet::new();
        let thresholds = Thresholds::default();
        if let Err(error) = thresholds.refresh(&self.store).await {
            tracing::warn!(
                error = crate::error_chain::causes(&error),
                "could not read the thresholds; 0.5 until they are"
            );
        }
        loops.spawn(look_after(self.store.clone(), thresholds.clone(), soft.clone()));
        for judge in judges {
            let worker = JudgeLoop {
                stage: self.clone(),
                judge,
                leases: leases.clone(),
                thresholds: thresholds.clone(),
                results: results.clone(),
                tasks: tasks.clone(),
            };
            loops.spawn(worker.run(soft.clone(), hard.clone()));
        }
        let looped = task_loop::ended(loops, &soft).await;
        tasks.close();
        tokio::select! {
            () = tasks.wait() => {}
            () = hard.cancelled() => {}
        }
        drop(results);
        let committed = task_loop::not_panicked(committer.await).unwrap_or(Ok(()));
        heartbeat.abort();
        task_loop::not_panicked(heartbeat.await);
        // What was leased but never begun, or cut off: others need not wait for the lease to end.
        let left = leases.held();
        if !left.is_empty() {
            self.store.release_evaluations(&left).await?;
        }
        looped.and(committed)
    }
}

/// Ends evaluations whose deadline passed while no judge was free, and reads the thresholds that were chosen.
async fn look_after(store: Store, thresholds: Thresholds, soft: CancellationToken) -> Result<(), StoreError> {
    while !soft.is_cancelled() {
        if let Err(error) = thresholds.refresh(&store).await {
            tracing::debug!(error = crate::error_chain::causes(&error), "could not read the thresholds");
        }
        match store.expire_evaluations().await {
            Ok(0) => {}
            Ok(expired) => tracing::warn!(expired, "evaluations expired before a judge was free"),
            Err(error) => {
                tracing::debug!(error = crate::error_chain::causes(&error), "could not look for overdue evaluations");
            }
        }
        soft.run_until_cancelled(sleep(Duration::from_secs(10))).await;
    }
    Ok(())
}

/// The work of one judge.
struct JudgeLoop {
    stage: Evaluation,
    judge: Arc<Judge>,
    leases: Leases,
    thresholds: Thresholds,
    results: mpsc::Sender<EvaluationResult>,
    tasks: TaskTracker,
}

impl JudgeLoop {
    async fn run(self, soft: CancellationToken, hard: CancellationToken) -> Result<(), StoreError> {
        let slots = Arc::new(Semaphore::new(MOST_IN_HAND));
        let pause = Pause::default();
        let mut patience = Patience::new("evaluation");
        while !soft.is_cancelled() {
            let free = self.free(&slots);
            if free < self.enough() {
                // Slots that come free wake this up; the short sleep covers a judge that admits more than before.
                let wanted = MOST_IN_HAND - self.most() + self.enough();
                tokio::select! {
                    permit = slots.acquire_many(wanted as u32) => drop(permit),
                    () = sleep(IDLE) => {}
                    () = soft.cancelled() => {}
                }
                continue;
            }
            let planned = self.stage.store.wakeups().woken(Stage::Evaluate);
            if let Some(wait) = pause.left(self.stage.store.now_ms()) {
                soft.run_until_cancelled(sleep(wait.min(IDLE * 4))).await;
                continue;
            }
            let lease_ms = self.stage.lease.as_millis() as i64;
            let leased = self.stage.store.lease_evaluations(self.judge.name(), free.min(LEASE_BATCH), lease_ms).await;
            let Some(leased) = patience.with(&soft, leased).await? else { continue };
            if leased.is_empty() {
                soft.run_until_cancelled(timeout(IDLE, planned)).await;
                continue;
            }
            for group in self.groups(leased, lease_ms).await {
                self.begin(group, &slots, &pause, &hard).await;
            }
        }
        Ok(())
    }

    /// What goes into one call each. A decision model is asked by all rubrics of a subject at once, so that what is due for it
    /// besides is leased as well.
    async fn groups(&self, mut leased: Vec<LeasedEvaluation>, lease_ms: i64) -> Vec<Vec<LeasedEvaluation>> {
        if !self.judge.is_decision_model() {
            return leased.into_iter().map(|evaluation| vec![evaluation]).collect();
        }
        match self.stage.store.lease_beside(self.judge.name(), &leased, lease_ms).await {
            Ok(beside) => leased.extend(beside),
            // They stay due, and go into a call of their own.
            Err(error) => tracing::debug!(error = crate::error_chain::causes(&error), "could not lease what is beside"),
        }
        together::groups(leased, &self.stage.catalogue)
    }

    /// The most calls in hand at once: twice what the judge admits, so that it never waits for the database.
    fn most(&self) -> usize {
        self.judge.concurrency().saturating_mul(2).clamp(1, MOST_IN_HAND)
    }

    /// As many free slots make a lease worth its transaction; what is in hand meanwhile is still more than the judge admits.
    fn enough(&self) -> usize {
        (self.most() / 4).max(1)
    }

    fn free(&self, slots: &Semaphore) -> usize {
        let in_hand = MOST_IN_HAND - slots.available_permits();
        self.most().saturating_sub(in_hand)
    }

    async fn begin(
        &self,
        group: Vec<LeasedEvaluation>,
        slots: &Arc<Semaphore>,
        pause: &Pause,
        hard: &CancellationToken,
    ) {
        for evaluation in &group {
            self.leases.take(evaluation);
        }
        // The semaphore is never closed; were it, the lease would be given back at the end.
        let Ok(permit) = Arc::clone(slots).acquire_owned().await else { return };
        let attempt = |evaluation| Attempt {
            stage: self.stage.clone(),
            judge: Arc::clone(&self.judge),
            pause: pause.clone(),
            thresholds: self.thresholds.clone(),
            evaluation,
        };
        let attempts: Vec<Attempt> = group.into_iter().map(attempt).collect();
        let (results, hard) = (self.results.clone(), hard.clone());
        self.tasks.spawn(async move {
            let _permit = permit;
            tokio::select! {
                ended = run(attempts) => {
                    for result in ended {
                        // The committer is gone only after a hard stop; the lease is then given back.
                        if results.send(result).await.is_err() {
                            tracing::debug!("a result came after the hard stop");
                        }
                    }
                }
                () = hard.cancelled() => {}
            }
        });
    }
}

/// One result for each evaluation of a group.
async fn run(attempts: Vec<Attempt>) -> Vec<EvaluationResult> {
    if attempts.first().is_some_and(|attempt| attempt.judge.is_decision_model()) {
        return together::run(attempts).await;
    }
    let mut results = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        results.push(attempt.run().await);
    }
    results
}
