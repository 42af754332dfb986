//! Doing by one worker at a time what several would only do twice.

use std::time::Duration;

use crate::store::{Store, StoreError};

/// A worker that dies gives its duty up after this long.
const LEASE: Duration = Duration::from_mins(2);

/// How often the lease is renewed while the duty is done.
const RENEWAL: Duration = Duration::from_secs(30);

/// Agreement, drift and alerts.
pub(super) const CALIBRATION: &str = "calibration";

/// Reading the whole ledger for its gauge.
pub(super) const LEDGER: &str = "ledger";

/// Deleting what is too old.
pub(super) const RETENTION: &str = "retention";

/// Takes the duty, or goes on holding it. False while another worker has it.
pub(super) async fn leads(store: &Store, duty: &str) -> Result<bool, StoreError> {
    store.take_lead(duty, LEASE.as_millis() as i64).await
}

/// Waits for `work` and keeps the lease alive meanwhile. Whoever loses it nevertheless finds out when it writes.
pub(super) async fn holding<T>(store: &Store, duty: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(RENEWAL) => {
                if let Err(error) = leads(store, duty).await {
                    tracing::debug!(duty, error = crate::error_chain::causes(&error), "a lease could not be renewed");
                }
            }
        }
    }
}
