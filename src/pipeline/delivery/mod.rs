//! The outbox: scores owed to sinks are sent until they are accepted.
//!
//! Each sink has a loop of its own, so that one that is down holds up no other. A crash between sending and recording
//! sends again; every sink's identities are deterministic, so that the effect is one.

pub mod sinks;
pub mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::sinks::{Disposition, Sink};
use super::db_backoff::Patience;
use super::task_loop;
use crate::model::{Evaluation, EvaluationId};
use crate::rubrics::Catalogue;
use crate::store::{DeliveryOutcome, OwedDelivery, Stage, Store, StoreError};
use crate::telemetry::Metrics;

/// What the delivery stage works with.
#[derive(Clone)]
pub struct Delivery {
    /// Where the outbox is.
    pub store: Store,
    /// Hash and scale of the rubric versions scores belong to.
    pub catalogue: Catalogue,
    /// The configured sinks.
    pub sinks: Vec<Arc<Sink>>,
    /// A worker that dies gives its batch back after this long: longer than the slowest sink takes for one.
    pub lease: Duration,
    /// Its instruments.
    pub metrics: Metrics,
}

/// How long a loop waits for scores that another process may have stored.
const IDLE: Duration = Duration::from_secs(1);

/// The most scores sent in one request.
const BATCH: usize = 200;

/// The longest wait between two attempts.
const LONGEST_WAIT_MS: i64 = 600_000;

impl Delivery {
    /// Works until `soft` is cancelled, then finishes the batches in hand.
    pub async fn run(self, soft: CancellationToken) -> Result<(), StoreError> {
        let mut loops = tokio::task::JoinSet::new();
        for sink in &self.sinks {
            loops.spawn(self.clone().serve(Arc::clone(sink), soft.clone()));
        }
        if loops.is_empty() {
            soft.cancelled().await;
        }
        task_loop::ended(loops, &soft).await
    }

    async fn serve(self, sink: Arc<Sink>, soft: CancellationToken) -> Result<(), StoreError> {
        let mut patience = Patience::new("delivery");
        let mut away = false;
        while !soft.is_cancelled() {
            let woken = self.store.wakeups().woken(Stage::Deliver);
            let Some(owed) = patience.with(&soft, self.owed(&sink).await).await? else { continue };
            if owed.is_empty() {
                tokio::select! {
                    () = woken => {}
                    () = tokio::time::sleep(IDLE) => {}
                    () = soft.cancelled() => {}
                }
                continue;
            }
            let outcomes = self.send(&sink, &owed).await;
            // What was sent cannot be unsent: to forget it, because the database was away for a moment, is to send it again.
            loop {
                let recorded = self.store.finish_deliveries(sink.name(), &outcomes).await;
                if patience.with(&soft, recorded).await?.is_some() || soft.is_cancelled() {
                    break;
                }
            }
            self.observe(&sink, &outcomes);
            tell_change(sink.name(), &outcomes, &mut away);
        }
        Ok(())
    }

    /// Leases one batch of what is owed to `sink`.
    async fn owed(&self, sink: &Sink) -> Result<Vec<OwedDelivery>, StoreError> {
        let rubrics = |name: &str, version: u32| {
            self.catalogue.version(name, version).map(|rubric| (rubric.hash.clone(), rubric.scale.clone()))
        };
        self.store.lease_deliveries(sink.name(), BATCH, self.lease.as_millis() as i64, &rubrics).await
    }

    async fn send(&self, sink: &Sink, owed: &[OwedDelivery]) -> Vec<(EvaluationId, DeliveryOutcome)> {
        let evaluations: Vec<Evaluation> = owed.iter().map(|owed| owed.evaluation.clone()).collect();
        let results = sink.deliver(&evaluations).await;
        owed.iter().zip(results).map(|(owed, result)| (owed.evaluation.id, self.outcome(sink, owed, result))).collect()
    }

    fn observe(&self, sink: &Sink, outcomes: &[(EvaluationId, DeliveryOutcome)]) {
        let number = |wanted: fn(&DeliveryOutcome) -> bool| {
            outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count() as u64
        };
        let tried = |result, wanted| self.metrics.deliveries_tried(sink.name(), result, number(wanted));
        tried("sent", |outcome| matches!(outcome, DeliveryOutcome::Sent));
        tried("retry", |outcome| matches!(outcome, DeliveryOutcome::Retry { .. }));
        tried("given_up", |outcome| matches!(outcome, DeliveryOutcome::GivenUp { .. }));
    }

    fn outcome(&self, sink: &Sink, owed: &OwedDelivery, result: Result<(), sinks::DeliveryError>) -> DeliveryOutcome {
        let Err(error) = result else { return DeliveryOutcome::Sent };
        match error.disposition() {
            Disposition::Retry { after } => {
                tracing::debug!(sink = sink.name(), evaluation = %owed.evaluation.id, %error, "not accepted yet");
                DeliveryOutcome::Retry {
                    due_at_ms: self.store.now_ms() + wait_ms(owed.attempts, after),
                    error: error.to_string(),
                }
            }
            Disposition::GiveUp => {
                tracing::error!(
                    sink = sink.name(),
                    evaluation = %owed.evaluation.id,
                    error = crate::error_chain::causes(&error),
                    "a score was refused for good"
                );
                DeliveryOutcome::GivenUp { error: error.to_string() }
            }
        }
    }
}

/// How long to wait after so many attempts that came to nothing, and at least as long as was asked for.
fn wait_ms(attempts: u32, asked: Option<Duration>) -> i64 {
    let wait_ms = (1_000_i64 << attempts.min(10)).min(LONGEST_WAIT_MS);
    wait_ms.max(asked.map_or(0, |asked| asked.as_millis() as i64))
}

/// Says when a sink stops taking scores, with what it says, and when it takes them again.
fn tell_change(sink: &str, outcomes: &[(EvaluationId, DeliveryOutcome)], away: &mut bool) {
    let refusal = outcomes.iter().find_map(|(_, outcome)| match outcome {
        DeliveryOutcome::Retry { error, .. } => Some(error),
        DeliveryOutcome::Sent | DeliveryOutcome::GivenUp { .. } => None,
    });
    let sent = outcomes.iter().any(|(_, outcome)| matches!(outcome, DeliveryOutcome::Sent));
    match refusal {
        Some(error) if !*away => {
            tracing::warn!(sink, error, "scores are not accepted; they stay owed and are sent again");
            *away = true;
        }
        None if *away && sent => {
            tracing::info!(sink, "scores are accepted again");
            *away = false;
        }
        _ => {}
    }
}
