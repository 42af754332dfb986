//! Keeps the cells up with the evaluations: a part of the duty to calibrate.
//!
//! Which worker folds does not matter to the numbers; one at a time is enough. It folds in groups that commit by themselves and
//! rests after each for as long as it took, so that nothing that is being stored waits for more than one.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::leadership::{CALIBRATION, holding, leads};
use crate::store::{Store, StoreError};

/// How long an evaluation waits at most before it is folded, while nothing is behind.
const INTERVAL: Duration = Duration::from_secs(5);

/// Evaluations of one group: some tens of milliseconds of SQLite's only writer.
const GROUP: usize = 500;

/// The longest rest after a group.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// Folds until `soft` is cancelled.
pub(super) async fn keep(store: Store, soft: CancellationToken) -> Result<(), StoreError> {
    while !soft.is_cancelled() {
        if let Err(error) = catch_up(&store, &soft).await {
            tracing::warn!(
                error = crate::error_chain::causes(&error),
                "scores could not be added to the statistics; trying again later"
            );
        }
        soft.run_until_cancelled(sleep(INTERVAL)).await;
    }
    Ok(())
}

async fn catch_up(store: &Store, soft: &CancellationToken) -> Result<(), StoreError> {
    if !store.has_unfolded().await? || !leads(store, CALIBRATION).await? {
        return Ok(());
    }
    let folding = Box::pin(async {
        while !soft.is_cancelled() {
            let start = Instant::now();
            if !store.fold(GROUP).await?.is_behind {
                break;
            }
            soft.run_until_cancelled(sleep(start.elapsed().min(LONGEST_REST))).await;
        }
        Ok(())
    });
    holding(store, CALIBRATION, folding).await
}
