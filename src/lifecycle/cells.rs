//! Keeps the cells up with the evaluations: a duty of its own, which a worker of any role takes, so that the queues of changes
//! are emptied whatever roles there are.
//!
//! Which worker folds does not matter to the numbers; one at a time is enough. It folds in groups that commit by themselves and
//! rests after each for as long as it took, so that nothing that is being stored waits for more than one.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::leadership::{FOLDING, holding, leads};
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
    if let Err(error) = store.give_up_lead(FOLDING).await {
        tracing::debug!(error = crate::error_chain::causes(&error), "the lease on folding will expire by itself");
    }
    Ok(())
}

async fn catch_up(store: &Store, soft: &CancellationToken) -> Result<(), StoreError> {
    if !store.has_unfolded().await? || !leads(store, FOLDING).await? {
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
    holding(store, FOLDING, folding).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::config::Config;
    use crate::lifecycle::{Lifecycle, Role, Service};
    use crate::model::Outcome;
    use crate::store::PlannedFrom;
    use crate::testing::on_both_databases;
    use crate::testing::records::planned;

    on_both_databases! {
        scores_are_summed_up_where_no_worker_has_the_role_to_calibrate(database) {
            let store = &database.store;
            store.commit_plan(PlannedFrom::default(), &[planned(1, 0, Outcome::Filtered, "an answer")]).await.unwrap();
            assert!(store.has_unfolded().await.unwrap());
            let config: Config = toml::from_str("rubrics.enabled = [\"faithfulness\"]").unwrap();
            let lifecycle = Lifecycle::new();
            Service::build(config, [Role::Deliver].into(), store.clone()).await.unwrap().start(&lifecycle);
            let folded = async {
                while store.has_unfolded().await.unwrap() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(Duration::from_mins(1), folded).await.expect("somebody folds");
            lifecycle.stop();
            lifecycle.drain(Duration::from_secs(20)).await;
        }
    }
}
