//! How a stage waits for a database that is away: says so once, backs off, and says when it is back.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::store::StoreError;

/// The waiting of one stage.
pub(super) struct Patience {
    stage: &'static str,
    failures: u32,
}

impl Patience {
    pub(super) fn new(stage: &'static str) -> Self {
        Self { stage, failures: 0 }
    }

    /// Passes success on; after a transient failure waits (or until `stop`) and answers `None`; passes any other failure on.
    pub(super) async fn with<T>(
        &mut self,
        stop: &CancellationToken,
        result: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => {
                if self.failures > 0 {
                    tracing::info!(stage = self.stage, "the database is back");
                    self.failures = 0;
                }
                Ok(Some(value))
            }
            Err(error) if error.is_transient() => {
                if self.failures == 0 {
                    tracing::warn!(
                        stage = self.stage,
                        error = crate::error_chain::causes(&error),
                        "the database is away; waiting for it"
                    );
                }
                self.failures = self.failures.saturating_add(1);
                let wait = Duration::from_millis(100 << self.failures.min(7));
                stop.run_until_cancelled(sleep(wait)).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
