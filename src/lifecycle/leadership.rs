//! Doing by one worker at a time what several would only do twice.

use std::convert::Infallible;
use std::time::Duration;

use crate::store::{Store, StoreError};

/// A worker that dies gives its duty up after this long.
const LEASE: Duration = Duration::from_mins(2);

/// How often the lease is renewed while the duty is done.
const RENEWAL: Duration = Duration::from_secs(30);

/// Agreement, drift and alerts.
pub(super) const CALIBRATION: &str = "calibration";

/// Adding to the sums of scores and to the ledger's totals.
pub(super) const FOLDING: &str = "folding";

/// Lowering rates so that budgets last.
pub(super) const BUDGETS: &str = "budgets";

/// Reading the ledger for its gauge.
pub(super) const LEDGER: &str = "ledger";

/// Deleting what is too old.
pub(super) const RETENTION: &str = "retention";

/// Takes the duty, or goes on holding it. False while another worker has it.
pub(super) async fn leads(store: &Store, duty: &str) -> Result<bool, StoreError> {
    store.take_lead(duty, LEASE.as_millis() as i64).await
}

/// Gives the duty up on the way out, so that no other worker waits for the lease to expire.
pub(super) async fn give_up(store: &Store, duty: &str) {
    if let Err(error) = store.give_up_lead(duty).await {
        tracing::debug!(duty, error = crate::error_chain::causes(&error), "a lease will expire by itself");
    }
}

/// Waits for `work` and keeps the lease alive meanwhile. Whoever loses it nevertheless finds out when it writes.
pub(super) async fn holding<T>(store: &Store, duty: &str, work: impl Future<Output = T>) -> T {
    beside(work, renewing(store, duty)).await
}

async fn renewing(store: &Store, duty: &str) -> Infallible {
    loop {
        tokio::time::sleep(RENEWAL).await;
        if let Err(error) = leads(store, duty).await {
            tracing::debug!(duty, error = crate::error_chain::causes(&error), "a lease could not be renewed");
        }
    }
}

/// The work goes on while the lease is being renewed: it may hold SQLite's only writer, for which the renewal waits.
async fn beside<T>(work: impl Future<Output = T>, renewal: impl Future<Output = Infallible>) -> T {
    tokio::select! {
        done = work => done,
        never = renewal => match never {},
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Mutex;
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test]
    async fn a_duty_that_is_given_up_is_taken_at_once() {
        let database = crate::testing::databases::Database::sqlite().await;
        let other = database.another_worker().await;
        assert!(leads(&database.store, LEDGER).await.unwrap());
        assert!(!leads(&other, LEDGER).await.unwrap());
        give_up(&database.store, LEDGER).await;
        assert!(leads(&other, LEDGER).await.unwrap());
    }

    #[tokio::test]
    async fn work_that_holds_what_a_renewal_waits_for_goes_on() {
        let writer = Mutex::new(());
        let work = async {
            let held = writer.lock().await;
            sleep(Duration::from_millis(50)).await;
            drop(held);
        };
        let renewal = async {
            loop {
                sleep(Duration::from_millis(5)).await;
                drop(writer.lock().await);
            }
        };
        assert!(timeout(Duration::from_secs(5), beside(work, renewal)).await.is_ok());
    }
}
