//! Telling webhooks of alerts: what is owed to each is sent in order, one message after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::outbox_loop::{Receiver, outcome_of, serve_all, tally};
use super::super::sinks::DeliveryError;
use super::Webhook;
use crate::model::AlertDeliveryId;
use crate::store::{DeliveryOutcome, OwedAlert, Stage, Store, StoreError};
use crate::telemetry::Metrics;

/// The most messages leased at a time: they are sent one after the other, within one lease.
const BATCH: usize = 5;

/// A message that nobody accepts is given up after this long.
const GIVE_UP_AFTER_MS: i64 = 3 * 86_400_000;

/// What telling of alerts works with.
#[derive(Clone)]
pub struct Notification {
    /// Where the outbox is.
    pub store: Store,
    /// The configured webhooks.
    pub webhooks: Vec<Arc<Webhook>>,
    /// A worker that dies gives its messages back after this long.
    pub lease: Duration,
    /// Its instruments.
    pub metrics: Metrics,
}

impl Notification {
    /// Works until `soft` is cancelled, then finishes the message in hand.
    pub async fn run(self, soft: CancellationToken) -> Result<(), StoreError> {
        self.webhooks.iter().for_each(|webhook| self.metrics.webhook_is_there(webhook.name()));
        let receivers =
            self.webhooks.iter().map(|webhook| WebhookReceiver { stage: self.clone(), webhook: Arc::clone(webhook) });
        serve_all(receivers, &self.store, soft).await
    }
}

struct WebhookReceiver {
    stage: Notification,
    webhook: Arc<Webhook>,
}

impl Receiver for WebhookReceiver {
    type Owed = OwedAlert;
    type Id = AlertDeliveryId;

    const STAGE: Stage = Stage::Notify;
    const LOOP: &'static str = "alerts";
    const IDLE: Duration = Duration::from_secs(5);
    const AT_ONCE: usize = 1;

    async fn lease(&self) -> Result<Vec<OwedAlert>, StoreError> {
        let lease_ms = self.stage.lease.as_millis() as i64;
        self.stage.store.lease_alert_deliveries(self.webhook.name(), BATCH, lease_ms).await
    }

    async fn send(&self, owed: &[OwedAlert]) -> Vec<(AlertDeliveryId, DeliveryOutcome)> {
        let mut outcomes = Vec::with_capacity(owed.len());
        for owed in owed {
            let outcome = match self.webhook.send(owed, self.stage.store.now_ms()).await {
                Ok(()) => DeliveryOutcome::Sent,
                Err(error) => self.refused(owed, &error),
            };
            outcomes.push((owed.id, outcome));
        }
        outcomes
    }

    async fn record(&self, outcomes: &[(AlertDeliveryId, DeliveryOutcome)]) -> Result<(), StoreError> {
        self.stage.store.finish_alert_deliveries(self.webhook.name(), outcomes).await
    }

    fn recorded(&mut self, outcomes: &[(AlertDeliveryId, DeliveryOutcome)]) -> Option<Duration> {
        for (result, number) in tally(outcomes) {
            self.stage.metrics.webhooks_tried(self.webhook.name(), result, number);
        }
        // A message that is refused does not say that another one would be.
        None
    }
}

impl WebhookReceiver {
    fn refused(&self, owed: &OwedAlert, error: &DeliveryError) -> DeliveryOutcome {
        let now_ms = self.stage.store.now_ms();
        let too_late = now_ms - owed.created_at_ms >= GIVE_UP_AFTER_MS;
        let outcome = outcome_of(error, owed.attempts, now_ms, too_late);
        if matches!(outcome, DeliveryOutcome::GivenUp { .. }) {
            tracing::error!(
                webhook = self.webhook.name(),
                alert = %owed.alert.id,
                error = crate::error_chain::causes(error),
                "an alert was refused for good"
            );
        } else if owed.attempts == 0 {
            tracing::warn!(
                webhook = self.webhook.name(),
                alert = %owed.alert.id,
                error = crate::error_chain::causes(error),
                "an alert is not accepted; it stays owed and is sent again"
            );
        }
        outcome
    }
}
