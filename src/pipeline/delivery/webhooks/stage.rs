//! The loop of each webhook: lease, send, record.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::sinks::{DeliveryError, Disposition};
use super::super::wait_ms;
use super::Webhook;
use crate::pipeline::db_backoff::Patience;
use crate::pipeline::task_loop;
use crate::store::{DeliveryOutcome, OwedAlert, Stage, Store, StoreError};
use crate::telemetry::Metrics;

/// How long a loop waits for alerts that another process may have changed.
const IDLE: Duration = Duration::from_secs(5);

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
        let mut loops = tokio::task::JoinSet::new();
        for webhook in &self.webhooks {
            loops.spawn(self.clone().serve(Arc::clone(webhook), soft.clone()));
        }
        if loops.is_empty() {
            soft.cancelled().await;
        }
        task_loop::ended(loops, &soft).await
    }

    async fn serve(self, webhook: Arc<Webhook>, soft: CancellationToken) -> Result<(), StoreError> {
        let mut patience = Patience::new("alerts");
        while !soft.is_cancelled() {
            let woken = self.store.wakeups().woken(Stage::Notify);
            let lease_ms = self.lease.as_millis() as i64;
            let leased = self.store.lease_alert_deliveries(webhook.name(), BATCH, lease_ms).await;
            let Some(owed) = patience.with(&soft, leased).await? else { continue };
            if owed.is_empty() {
                tokio::select! {
                    () = woken => {}
                    () = tokio::time::sleep(IDLE) => {}
                    () = soft.cancelled() => {}
                }
                continue;
            }
            for owed in owed {
                let outcome = self.send(&webhook, &owed).await;
                // What was sent cannot be unsent: to forget it, because the database was away for a moment, is to send it again.
                loop {
                    let recorded =
                        self.store.finish_alert_deliveries(webhook.name(), &[(owed.id, outcome.clone())]).await;
                    if patience.with(&soft, recorded).await?.is_some() || soft.is_cancelled() {
                        break;
                    }
                }
                if soft.is_cancelled() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn send(&self, webhook: &Webhook, owed: &OwedAlert) -> DeliveryOutcome {
        let outcome = match webhook.send(owed, self.store.now_ms()).await {
            Ok(()) => DeliveryOutcome::Sent,
            Err(error) => self.refused(webhook, owed, &error),
        };
        let result = match outcome {
            DeliveryOutcome::Sent => "sent",
            DeliveryOutcome::Retry { .. } => "retry",
            DeliveryOutcome::GivenUp { .. } => "given_up",
        };
        self.metrics.webhook_tried(webhook.name(), result);
        outcome
    }

    fn refused(&self, webhook: &Webhook, owed: &OwedAlert, error: &DeliveryError) -> DeliveryOutcome {
        let now_ms = self.store.now_ms();
        let too_old = now_ms - owed.created_at_ms >= GIVE_UP_AFTER_MS;
        match error.disposition() {
            Disposition::Retry { after } if !too_old => {
                if owed.attempts == 0 {
                    tracing::warn!(
                        webhook = webhook.name(),
                        alert = %owed.alert.id,
                        error = crate::error_chain::causes(error),
                        "an alert is not accepted; it stays owed and is sent again"
                    );
                }
                DeliveryOutcome::Retry { due_at_ms: now_ms + wait_ms(owed.attempts, after), error: error.to_string() }
            }
            Disposition::Retry { .. } | Disposition::GiveUp => {
                tracing::error!(
                    webhook = webhook.name(),
                    alert = %owed.alert.id,
                    error = crate::error_chain::causes(error),
                    "an alert was refused for good"
                );
                DeliveryOutcome::GivenUp { error: error.to_string() }
            }
        }
    }
}
