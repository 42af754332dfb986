//! Waiting for something that is away: longer each time, and no longer than until the shutdown.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::status::{Dependency, IntakeStatus};

/// A connection that held so long was no failed attempt: the next one is tried soon.
const STABLE: Duration = Duration::from_mins(1);

pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    wait: Duration,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, wait: first }
    }

    /// For a message that cannot be handed over.
    pub(super) fn of_message() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(20))
    }

    /// False when the shutdown came first.
    pub(super) async fn wait(&mut self, shutdown: &CancellationToken) -> bool {
        tokio::select! {
            () = tokio::time::sleep(self.wait) => {
                self.wait = (self.wait * 2).min(self.longest);
                true
            }
            () = shutdown.cancelled() => false,
        }
    }
}

/// Sessions with a broker, one after the other, whatever ends them.
pub(super) struct Sessions {
    broker: Dependency,
    backoff: Backoff,
    begun: Instant,
}

impl Sessions {
    pub(super) fn with(broker: Dependency) -> Self {
        let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        Self { broker, backoff, begun: Instant::now() }
    }

    /// A session begins.
    pub(super) fn begin(&mut self) {
        self.begun = Instant::now();
    }

    /// A session failed, for this reason: waits before the next one, or for the shutdown.
    pub(super) async fn failed(&mut self, reason: String, status: &IntakeStatus, shutdown: &CancellationToken) {
        tracing::warn!(error = %reason, "{} is away; trying again", self.broker.name());
        status.away(self.broker, reason);
        if self.begun.elapsed() > STABLE {
            self.backoff.wait = self.backoff.first;
        }
        self.backoff.wait(shutdown).await;
    }
}
