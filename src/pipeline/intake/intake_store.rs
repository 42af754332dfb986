//! The store as intake sees it.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::accept_error::AcceptError;
use crate::model::TraceId;
use crate::store::{Committed, IntakeBatch, SettleTimes, Store, StoreError, StreamClaim};

/// What intake needs of the store.
pub trait IntakeStore: Send + Sync {
    /// The time by the store's clock, milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;

    /// Stores batches and their account in one transaction; returns after the commit, in the order given.
    fn commit_intake<'a>(
        &'a self,
        batches: &'a [IntakeBatch],
        times: SettleTimes,
    ) -> BoxFuture<'a, Result<Vec<Committed>, StoreError>>;

    /// Which of these traces have a span stored already.
    fn kept_traces<'a>(&'a self, ids: &'a [TraceId]) -> BoxFuture<'a, Result<HashSet<TraceId>, StoreError>>;

    /// Takes a stream of the broker, which one worker at a time reads; see [`Store::claim_stream`].
    fn claim_stream<'a>(
        &'a self,
        queue: &'a str,
        began_at: &'a str,
        lease_ms: i64,
    ) -> BoxFuture<'a, Result<StreamClaim, StoreError>>;

    /// Notes how far a stream was read; see [`Store::advance_stream`].
    fn advance_stream<'a>(
        &'a self,
        queue: &'a str,
        next: Option<u64>,
        lease_ms: i64,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Notes records that a broker removed before they were read; see [`Store::note_lost_records`].
    #[cfg(feature = "kafka")]
    fn note_lost_records<'a>(
        &'a self,
        topic: &'a str,
        partition: i32,
        from: u64,
        to: u64,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;
}

impl IntakeStore for Store {
    fn now_ms(&self) -> i64 {
        Store::now_ms(self)
    }

    fn commit_intake<'a>(
        &'a self,
        batches: &'a [IntakeBatch],
        times: SettleTimes,
    ) -> BoxFuture<'a, Result<Vec<Committed>, StoreError>> {
        Box::pin(Store::commit_intake(self, batches, times))
    }

    fn kept_traces<'a>(&'a self, ids: &'a [TraceId]) -> BoxFuture<'a, Result<HashSet<TraceId>, StoreError>> {
        Box::pin(Store::kept_traces(self, ids))
    }

    fn claim_stream<'a>(
        &'a self,
        queue: &'a str,
        began_at: &'a str,
        lease_ms: i64,
    ) -> BoxFuture<'a, Result<StreamClaim, StoreError>> {
        Box::pin(Store::claim_stream(self, queue, began_at, lease_ms))
    }

    fn advance_stream<'a>(
        &'a self,
        queue: &'a str,
        next: Option<u64>,
        lease_ms: i64,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(Store::advance_stream(self, queue, next, lease_ms))
    }

    #[cfg(feature = "kafka")]
    fn note_lost_records<'a>(
        &'a self,
        topic: &'a str,
        partition: i32,
        from: u64,
        to: u64,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(Store::note_lost_records(self, topic, partition, from, to))
    }
}

/// A database that does not answer for so long is away. What it may have committed all the same comes again, and is
/// recognised.
const STORE_TIMEOUT: Duration = Duration::from_mins(1);

/// The store's answer, or its silence, as a refusal.
pub(super) async fn answered<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, AcceptError> {
    match tokio::time::timeout(STORE_TIMEOUT, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(AcceptError::Unavailable {
            reason: crate::error_chain::causes(&error),
            transient: error.is_transient(),
        }),
        Err(_) => {
            let reason = format!("no answer within {} seconds", STORE_TIMEOUT.as_secs());
            Err(AcceptError::Unavailable { reason, transient: true })
        }
    }
}
