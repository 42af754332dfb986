//! The loop that every receiver of an outbox has: lease what is owed, send it, record what became of it.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::sinks::{DeliveryError, Disposition};
use crate::error_chain::causes;
use crate::pipeline::db_backoff::Patience;
use crate::pipeline::task_loop;
use crate::store::{DeliveryOutcome, Stage, Store, StoreError, Wakeups};

/// The longest wait between two attempts.
const LONGEST_WAIT_MS: i64 = 600_000;

/// A sink or a webhook, with the part of the outbox that is owed to it.
pub(super) trait Receiver: Send + Sync + Sized + 'static {
    /// What it is owed.
    type Owed: Send + Sync;
    /// The identity of what it is owed.
    type Id: Send + Sync;

    /// What rings when more is owed.
    const STAGE: Stage;
    /// The name of the loop in the log.
    const LOOP: &'static str;
    /// How long the loop waits for what another process may owe.
    const IDLE: Duration;
    /// How many are sent before it is recorded what became of them.
    const AT_ONCE: usize;

    /// Takes a part of what is owed and due.
    fn lease(&self) -> impl Future<Output = Result<Vec<Self::Owed>, StoreError>> + Send;

    /// Sends at most [`Self::AT_ONCE`] of them, and says of each what became of it.
    fn send(&self, owed: &[Self::Owed]) -> impl Future<Output = Vec<(Self::Id, DeliveryOutcome)>> + Send;

    /// Stores what became of them.
    fn record(&self, outcomes: &[(Self::Id, DeliveryOutcome)]) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes note of what was recorded, for logs and metrics, and says how long the receiver is left alone, if it takes
    /// nothing at the moment.
    fn recorded(&mut self, outcomes: &[(Self::Id, DeliveryOutcome)]) -> Option<Duration>;
}

/// Serves every receiver in a loop of its own until `soft` is cancelled, then finishes what is in hand.
pub(super) async fn serve_all<R: Receiver>(
    receivers: impl Iterator<Item = R>,
    store: &Store,
    soft: CancellationToken,
) -> Result<(), StoreError> {
    let mut loops = JoinSet::new();
    for receiver in receivers {
        let (store, soft) = (store.clone(), soft.clone());
        loops.spawn(async move { serve(receiver, store.wakeups(), &soft).await });
    }
    if loops.is_empty() {
        soft.cancelled().await;
    }
    task_loop::ended(loops, &soft).await
}

async fn serve<R: Receiver>(mut receiver: R, wakeups: &Wakeups, soft: &CancellationToken) -> Result<(), StoreError> {
    let mut patience = Patience::new(R::LOOP);
    while !soft.is_cancelled() {
        let woken = wakeups.woken(R::STAGE);
        let Some(owed) = patience.with(soft, receiver.lease().await).await? else { continue };
        if owed.is_empty() {
            soft.run_until_cancelled(timeout(R::IDLE, woken)).await;
            continue;
        }
        for owed in owed.chunks(R::AT_ONCE) {
            let outcomes = receiver.send(owed).await;
            // What was sent cannot be unsent: to forget it, because the database was away for a moment, is to send it again.
            loop {
                let recorded = receiver.record(&outcomes).await;
                if patience.with(soft, recorded).await?.is_some() || soft.is_cancelled() {
                    break;
                }
            }
            if let Some(pause) = receiver.recorded(&outcomes) {
                soft.run_until_cancelled(sleep(pause)).await;
            }
            if soft.is_cancelled() {
                break;
            }
        }
    }
    Ok(())
}

/// What an attempt that failed comes to, after so many that failed before. `too_late` gives up what might be tried again.
pub(super) fn outcome_of(error: &DeliveryError, attempts: u32, now_ms: i64, too_late: bool) -> DeliveryOutcome {
    match error.disposition() {
        Disposition::Retry { after } if !too_late => {
            DeliveryOutcome::Retry { due_at_ms: now_ms + wait_ms(attempts, after), error: causes(error) }
        }
        Disposition::Retry { .. } | Disposition::GiveUp => DeliveryOutcome::GivenUp { error: causes(error) },
    }
}

/// How long to wait after so many attempts that came to nothing, and at least as long as was asked for.
fn wait_ms(attempts: u32, asked: Option<Duration>) -> i64 {
    let wait_ms = (1_000_i64 << attempts.min(10)).min(LONGEST_WAIT_MS);
    wait_ms.max(asked.map_or(0, |asked| asked.as_millis() as i64))
}

/// How many attempts came to each result, for a counter.
pub(super) fn tally<Id>(outcomes: &[(Id, DeliveryOutcome)]) -> [(&'static str, u64); 3] {
    let (mut sent, mut retry, mut given_up) = (0, 0, 0);
    for (_, outcome) in outcomes {
        match outcome {
            DeliveryOutcome::Sent => sent += 1,
            DeliveryOutcome::Retry { .. } => retry += 1,
            DeliveryOutcome::GivenUp { .. } => given_up += 1,
        }
    }
    [("sent", sent), ("retry", retry), ("given_up", given_up)]
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Default)]
    struct Book {
        sent: Vec<u8>,
        recorded: Vec<u8>,
        /// How many attempts to record fail.
        away: u32,
    }

    /// Is owed two things, and stops its loop when both are recorded.
    #[derive(Clone, Default)]
    struct Pair {
        book: Arc<Mutex<Book>>,
        soft: CancellationToken,
    }

    impl Receiver for Pair {
        type Owed = u8;
        type Id = u8;

        const STAGE: Stage = Stage::Deliver;
        const LOOP: &'static str = "test";
        const IDLE: Duration = Duration::from_secs(1);
        const AT_ONCE: usize = 1;

        async fn lease(&self) -> Result<Vec<u8>, StoreError> {
            Ok(vec![1, 2])
        }

        async fn send(&self, owed: &[u8]) -> Vec<(u8, DeliveryOutcome)> {
            self.book.lock().unwrap().sent.extend(owed);
            owed.iter().map(|id| (*id, DeliveryOutcome::Sent)).collect()
        }

        async fn record(&self, _: &[(u8, DeliveryOutcome)]) -> Result<(), StoreError> {
            let mut book = self.book.lock().unwrap();
            if book.away == 0 {
                return Ok(());
            }
            book.away -= 1;
            Err(StoreError::Database(sqlx::Error::PoolTimedOut))
        }

        fn recorded(&mut self, outcomes: &[(u8, DeliveryOutcome)]) -> Option<Duration> {
            let mut book = self.book.lock().unwrap();
            book.recorded.extend(outcomes.iter().map(|(id, _)| id));
            if book.recorded.len() == 2 {
                self.soft.cancel();
            }
            None
        }
    }

    #[tokio::test]
    async fn what_was_sent_while_the_database_was_away_is_recorded_later_and_not_sent_again() {
        let pair = Pair::default();
        pair.book.lock().unwrap().away = 1;
        serve(pair.clone(), &Wakeups::default(), &pair.soft).await.unwrap();
        let book = pair.book.lock().unwrap();
        assert_eq!(
            (book.sent.as_slice(), book.recorded.as_slice(), book.away),
            ([1, 2].as_slice(), [1, 2].as_slice(), 0)
        );
    }

    #[test]
    fn an_attempt_is_repeated_later_and_later_until_it_is_too_late() {
        let busy = |after| DeliveryError::NotReady { status: "503".into(), message: "busy".into(), retry_after: after };
        let due = |attempts, after| match outcome_of(&busy(after), attempts, 1_000, false) {
            DeliveryOutcome::Retry { due_at_ms, .. } => due_at_ms - 1_000,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            [0, 1, 9, 10, u32::MAX].map(|attempts| due(attempts, None)),
            [1_000, 2_000, 512_000, 600_000, 600_000]
        );
        assert_eq!(due(0, Some(Duration::from_secs(7))), 7_000, "no earlier than the receiver asks");
        assert!(matches!(outcome_of(&busy(None), 3, 1_000, true), DeliveryOutcome::GivenUp { .. }));
        let refused = DeliveryError::Refused { status: "400".into(), message: "no".into() };
        assert!(matches!(outcome_of(&refused, 0, 1_000, false), DeliveryOutcome::GivenUp { .. }));
    }
}
