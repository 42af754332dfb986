//! The leases this worker holds, and the heartbeat that keeps them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::model::EvaluationId;
use crate::store::Store;

/// Evaluations in hand: leased, and neither finished nor given back.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<HashSet<EvaluationId>>>);

impl Leases {
    pub(super) fn take(&self, id: EvaluationId) {
        self.lock().insert(id);
    }

    pub(super) fn drop_all(&self, ids: impl Iterator<Item = EvaluationId>) {
        let mut held = self.lock();
        for id in ids {
            held.remove(&id);
        }
    }

    pub(super) fn held(&self) -> Vec<EvaluationId> {
        self.lock().iter().copied().collect()
    }

    /// Extends every lease well before it ends. A heartbeat that fails is made up for by the next.
    pub(super) async fn keep(self, store: Store, lease: Duration, hard: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(lease / 4) => {}
                () = hard.cancelled() => return,
            }
            let held = self.held();
            if held.is_empty() {
                continue;
            }
            if let Err(error) = store.extend_leases(&held, lease.as_millis() as i64).await {
                tracing::warn!(error = &error as &dyn std::error::Error, held = held.len(), "could not extend leases");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<EvaluationId>> {
        // A set is whole even if a panic interrupted its user.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
