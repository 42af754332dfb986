//! The leases this worker holds, and the heartbeat that keeps them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::model::EvaluationId;
use crate::store::{LeasedEvaluation, Store};

/// Evaluations in hand: leased, and neither finished nor given back.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<HashMap<EvaluationId, Arc<Leased>>>>);

/// What an evaluation in hand is about.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) rubric: String,
    pub(super) version: u32,
    pub(super) judge: String,
}

impl Leases {
    pub(super) fn take(&self, evaluation: &LeasedEvaluation) {
        let leased =
            Leased { rubric: evaluation.rubric.clone(), version: evaluation.version, judge: evaluation.judge.clone() };
        self.lock().insert(evaluation.id, Arc::new(leased));
    }

    pub(super) fn get(&self, id: EvaluationId) -> Option<Arc<Leased>> {
        self.lock().get(&id).cloned()
    }

    pub(super) fn drop_all(&self, ids: impl Iterator<Item = EvaluationId>) {
        let mut held = self.lock();
        for id in ids {
            held.remove(&id);
        }
    }

    pub(super) fn held(&self) -> Vec<EvaluationId> {
        self.lock().keys().copied().collect()
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
                tracing::warn!(
                    error = crate::error_chain::causes(&error),
                    held = held.len(),
                    "could not extend leases"
                );
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<EvaluationId, Arc<Leased>>> {
        // A map is whole even if a panic interrupted its user.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
