//! Starting, watching and stopping the tasks of a process.
//!
//! A soft shutdown (SIGTERM, Ctrl-C) stops taking work and finishes what is in hand; a second signal, or the end of the
//! drain time, is a hard one. Either way nothing is lost: what was not finished is leased again after the next start.
//! A task that ends by itself, by a panic too, takes the whole process down, visibly, rather than leaving half of it running.

mod calibration;
mod cells;
mod governor;
mod judge_watch;
pub mod keys;
mod leadership;
mod ledger_watch;
mod reload;
mod repeats;
mod report_maker;
mod retention;
pub mod rubric_loader;
mod sampling;
mod service;
mod spending;
pub mod supervisor;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::config::judges::Provider;
use crate::judges::{BASELINE, DEFAULT};

pub use judge_watch::booked;
pub use service::{Service, StartError};
pub use spending::spending;

/// What a process does. One process may play all roles, or several processes share them over one PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum Role {
    /// Receives spans.
    Intake,
    /// Assembles traces and plans evaluations.
    Assemble,
    /// Brings evaluations to their judges.
    Evaluate,
    /// Sends scores to the sinks and alerts to the webhooks.
    Deliver,
    /// Compares scores with labels and keeps alerts; deletes what is too old.
    Calibrate,
    /// Serves pages and metrics.
    Web,
}

/// The tasks of a process and the tokens that stop them.
#[derive(Clone, Default)]
pub struct Lifecycle {
    soft: CancellationToken,
    hard: CancellationToken,
    /// Somebody asked a second time.
    impatient: CancellationToken,
    tracker: TaskTracker,
    /// The first task that failed or ended by itself.
    failed: Arc<OnceLock<&'static str>>,
}

impl Lifecycle {
    /// No task yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// No task yet, and listening for SIGTERM and Ctrl-C from now on: the first asks every task to finish, the second not to
    /// wait for it.
    pub fn listening() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let this = Self::default();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        // Without a listener the signal to reload ends the process. The one of `Reload` comes later in the start, and its
        // first look reads the file, so that what was asked for until then is not lost.
        drop(signal(SignalKind::hangup())?);
        let tokens = [this.soft.clone(), this.impatient.clone()];
        tokio::spawn(async move {
            for token in tokens {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                tracing::info!("asked to stop");
                token.cancel();
            }
        });
        Ok(this)
    }

    /// Cancelled when no more work may be taken.
    pub fn soft(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Cancelled when work in hand must be dropped.
    pub fn hard(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Starts a task that is meant to run until the soft token is cancelled. One that fails, panics or ends earlier stops
    /// the process.
    pub fn spawn<E>(&self, name: &'static str, task: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: std::error::Error + Send + 'static,
    {
        let this = self.clone();
        self.tracker.spawn(async move {
            // The task is over after a panic, and with it all that the panic left half done.
            let result = AssertUnwindSafe(task).catch_unwind().await;
            match &result {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(task = name, error = crate::error_chain::causes(error), "task failed");
                }
                Err(_) => tracing::error!(task = name, "task panicked"),
            }
            if !matches!(result, Ok(Ok(()))) || !this.soft.is_cancelled() {
                tracing::error!(task = name, "task ended; shutting down");
                let _first = this.failed.set(name);
                this.soft.cancel();
            }
        });
    }

    /// Asks every task to finish.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Waits until it is asked to stop or a task failed, then drains for at most `drain`. True when all went as it should.
    pub async fn run(&self, drain: Duration) -> bool {
        self.soft.cancelled().await;
        tracing::info!("stopping: finishing what is in hand");
        self.drain(drain).await;
        self.failed.get().is_none()
    }

    /// For `/readyz`: the task whose end stops the process, while what is in hand is finished.
    pub fn trouble(&self) -> Option<(&'static str, String)> {
        self.failed.get().map(|task| ("a task ended", (*task).to_owned()))
    }

    /// Waits for all tasks, for at most `drain`; then cancels the hard token and waits a little longer.
    pub async fn drain(&self, drain: Duration) {
        self.tracker.close();
        tokio::select! {
            () = self.tracker.wait() => return,
            () = tokio::time::sleep(drain) => tracing::warn!("drain time is over"),
            () = self.impatient.cancelled() => tracing::warn!("asked twice: dropping what is in hand"),
        }
        self.hard.cancel();
        if tokio::time::timeout(Duration::from_secs(5), self.tracker.wait()).await.is_err() {
            tracing::warn!("some tasks did not stop; their leases will expire");
        }
    }
}

/// The judges that are the offline baseline, whatever they are called.
pub fn baselines(config: &Config) -> Vec<String> {
    let mut names = vec![BASELINE.to_owned()];
    names.extend(
        config.judges.iter().filter(|(_, judge)| judge.provider == Provider::Baseline).map(|(name, _)| name.clone()),
    );
    if !config.judges.contains_key(DEFAULT) {
        names.push(DEFAULT.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    mod alerts;
    mod deploy;
    mod rate_changes;

    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_stops_the_process_as_a_failure() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn("short", async { Ok::<(), std::io::Error>(()) });
        assert!(!lifecycle.run(Duration::from_secs(1)).await);
    }

    #[tokio::test]
    async fn a_task_that_panics_stops_the_process_as_a_failure() {
        let lifecycle = Lifecycle::new();
        lifecycle.spawn("broken", async { if true { panic!("a bug") } else { Ok::<(), std::io::Error>(()) } });
        assert!(!lifecycle.run(Duration::from_secs(1)).await);
        assert_eq!(lifecycle.trouble(), Some(("a task ended", "broken".to_owned())));
    }

    #[tokio::test]
    async fn a_stop_that_was_asked_for_is_a_success() {
        let lifecycle = Lifecycle::new();
        let soft = lifecycle.soft();
        lifecycle.spawn("long", async move {
            soft.cancelled().await;
            Ok::<(), std::io::Error>(())
        });
        lifecycle.stop();
        assert!(lifecycle.run(Duration::from_secs(1)).await);
        assert_eq!(lifecycle.trouble(), None);
    }
}
