//! Deletes what is older than it may become: content and what was counted of it, never scores.
//!
//! One process of a deployment does it, in steps that commit by themselves, and rests after each for as long as it took:
//! intake waits for no more than one step, and never for all of them.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::leadership::{RETENTION, holding, leads};
use crate::config::Config;
use crate::store::{Store, StoreError};

/// How often it is looked for what is too old.
const INTERVAL: Duration = Duration::from_hours(1);

/// Traces, or digests, of one step.
const STEP: usize = 500;

/// The bounds of the rest after a step.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

const ONE_DAY_MS: i64 = 86_400_000;

/// What weakened evaluations is counted by hour for so long: what is set up otherwise since has no use for more.
const PROBLEM_DAYS: i64 = 90;

/// Deletes until `soft` is cancelled.
pub(super) async fn retain(store: Store, config: Config, soft: CancellationToken) -> Result<(), StoreError> {
    while !soft.is_cancelled() {
        let pass = async {
            if leads(&store, RETENTION).await? {
                holding(&store, RETENTION, Box::pin(forget(&store, &config, &soft))).await?;
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = pass.await {
            tracing::warn!(
                error = crate::error_chain::causes(&error),
                "what is too old could not be deleted; trying again later"
            );
        }
        soft.run_until_cancelled(sleep(INTERVAL)).await;
    }
    Ok(())
}

async fn forget(store: &Store, config: &Config, soft: &CancellationToken) -> Result<(), StoreError> {
    forget_content(store, config.privacy.retention_days, soft).await?;
    forget_resources(store, config.privacy.retention_days).await?;
    store.forget_problems(store.now_ms() - PROBLEM_DAYS * ONE_DAY_MS).await?;
    forget_batches(store, config.store.keep_digests, soft).await
}

async fn forget_content(store: &Store, retention_days: u32, soft: &CancellationToken) -> Result<(), StoreError> {
    // 0 days keep content for ever.
    if retention_days == 0 {
        return Ok(());
    }
    let before_ms = store.now_ms() - i64::from(retention_days) * ONE_DAY_MS;
    let (mut traces, mut subjects) = (0, 0);
    while !soft.is_cancelled() {
        let start = Instant::now();
        let step = store.forget_content(before_ms, STEP).await?;
        traces += step.traces;
        subjects += step.subjects;
        if step.traces < STEP as u64 {
            break;
        }
        rest(start, soft).await;
    }
    if traces > 0 {
        tracing::info!(traces, subjects, "content older than privacy.retention_days deleted; scores stay");
    }
    Ok(())
}

/// What emitted records is deleted with the last of them.
async fn forget_resources(store: &Store, retention_days: u32) -> Result<(), StoreError> {
    if retention_days > 0 {
        store.forget_resources(store.now_ms() - i64::from(retention_days) * ONE_DAY_MS).await?;
    }
    Ok(())
}

async fn forget_batches(store: &Store, keep: Duration, soft: &CancellationToken) -> Result<(), StoreError> {
    let before_ms = store.now_ms() - keep.as_millis() as i64;
    while !soft.is_cancelled() {
        let start = Instant::now();
        if store.forget_batches(before_ms, STEP).await? < STEP as u64 {
            break;
        }
        rest(start, soft).await;
    }
    Ok(())
}

/// As long as the step took, within bounds.
async fn rest(start: Instant, soft: &CancellationToken) {
    soft.run_until_cancelled(sleep(start.elapsed().clamp(REST.0, REST.1))).await;
}
