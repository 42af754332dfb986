//! The outbox: scores owed to sinks are sent until they are accepted.
//!
//! Each sink has a loop of its own, so that one that is down holds up no other. A crash between sending and recording
//! sends again; every sink's identities are deterministic, so that the effect is one.

mod outbox_loop;
pub mod sinks;
pub mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::outbox_loop::{Receiver, outcome_of, serve_all, tally};
use self::sinks::{DeliveryError, Sink};
use crate::model::{EvaluationId, WriteBack};
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

/// The most scores sent in one request.
const BATCH: usize = 200;

impl Delivery {
    /// Works until `soft` is cancelled, then finishes the batches in hand.
    pub async fn run(self, soft: CancellationToken) -> Result<(), StoreError> {
        let receivers =
            self.sinks.iter().map(|sink| SinkReceiver { stage: self.clone(), sink: Arc::clone(sink), away: false });
        serve_all(receivers, &self.store, soft).await
    }
}

struct SinkReceiver {
    stage: Delivery,
    sink: Arc<Sink>,
    /// It takes no scores at the moment.
    away: bool,
}

impl Receiver for SinkReceiver {
    type Owed = OwedDelivery;
    type Id = EvaluationId;

    const STAGE: Stage = Stage::Deliver;
    const LOOP: &'static str = "delivery";
    const IDLE: Duration = Duration::from_secs(1);
    const AT_ONCE: usize = BATCH;

    async fn lease(&self) -> Result<Vec<OwedDelivery>, StoreError> {
        let Delivery { store, catalogue, lease, .. } = &self.stage;
        let rubrics = |name: &str, version: u32| {
            catalogue.version(name, version).map(|rubric| (rubric.hash, rubric.scale.clone()))
        };
        store.lease_deliveries(self.sink.name(), BATCH, lease.as_millis() as i64, &rubrics).await
    }

    async fn send(&self, owed: &[OwedDelivery]) -> Vec<(EvaluationId, DeliveryOutcome)> {
        let scores: Vec<&WriteBack> = owed.iter().map(|owed| &owed.score).collect();
        let results = self.sink.deliver(&scores).await;
        owed.iter().zip(results).map(|(owed, result)| (owed.score.evaluation.id, self.outcome(owed, result))).collect()
    }

    async fn record(&self, outcomes: &[(EvaluationId, DeliveryOutcome)]) -> Result<(), StoreError> {
        self.stage.store.finish_deliveries(self.sink.name(), outcomes).await
    }

    fn recorded(&mut self, outcomes: &[(EvaluationId, DeliveryOutcome)]) {
        for (result, number) in tally(outcomes) {
            self.stage.metrics.deliveries_tried(self.sink.name(), result, number);
        }
        self.tell_change(outcomes);
    }
}

impl SinkReceiver {
    fn outcome(&self, owed: &OwedDelivery, result: Result<(), DeliveryError>) -> DeliveryOutcome {
        let Err(error) = result else { return DeliveryOutcome::Sent };
        let outcome = outcome_of(&error, owed.attempts, self.stage.store.now_ms(), false);
        if matches!(outcome, DeliveryOutcome::GivenUp { .. }) {
            tracing::error!(
                sink = self.sink.name(),
                evaluation = %owed.score.evaluation.id,
                error = crate::error_chain::causes(&error),
                "a score was refused for good"
            );
        } else {
            tracing::debug!(sink = self.sink.name(), evaluation = %owed.score.evaluation.id, %error, "not accepted yet");
        }
        outcome
    }

    /// Says when the sink stops taking scores, with what it says, and when it takes them again.
    fn tell_change(&mut self, outcomes: &[(EvaluationId, DeliveryOutcome)]) {
        let refusal = outcomes.iter().find_map(|(_, outcome)| match outcome {
            DeliveryOutcome::Retry { error, .. } => Some(error),
            DeliveryOutcome::Sent | DeliveryOutcome::GivenUp { .. } => None,
        });
        let sent = outcomes.iter().any(|(_, outcome)| matches!(outcome, DeliveryOutcome::Sent));
        let sink = self.sink.name();
        match refusal {
            Some(error) if !self.away => {
                tracing::warn!(sink, error, "scores are not accepted; they stay owed and are sent again");
                self.away = true;
            }
            None if self.away && sent => {
                tracing::info!(sink, "scores are accepted again");
                self.away = false;
            }
            _ => {}
        }
    }
}
