//! The outbox of alerts: messages owed to webhooks, until they are accepted.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::lease::Queue;
use super::outbox::{DeliveryOutcome, Outbox};
use super::rows::push_list;
use super::{Store, StoreError, read, row, rows};
use crate::model::{Alert, AlertDeliveryId, AlertEvent, AlertId, DeliveryStatus};

/// A message owed to a webhook, leased to this worker.
#[derive(Debug, Clone, PartialEq)]
pub struct OwedAlert {
    /// The message's identity, the same at every attempt.
    pub id: AlertDeliveryId,
    /// What happened.
    pub event: AlertEvent,
    /// The alert as it was then.
    pub alert: Alert,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it happened, milliseconds since the Unix epoch.
    pub created_at_ms: i64,
}

/// How far a message is, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AlertDeliveryState {
    pub webhook: String,
    /// What happened.
    pub event: AlertEvent,
    /// Where it stands.
    pub state: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the latest attempt came to nothing.
    pub last_error: Option<String>,
}

row! {
    struct OwedRow {
        id: Uuid,
        event: String,
        sequence: i64,
        alert: String,
        attempts: i64,
        created_at_ms: i64,
    }
}

row! {
    struct StateRow {
        alert_id: Uuid,
        webhook: String,
        event: String,
        state: String,
        attempts: i64,
        last_error: Option<String>,
    }
}

const ALERTS_PER_STATEMENT: usize = 100;

const OWED: Outbox = Outbox {
    queue: Queue {
        table: "alert_deliveries",
        key: "id",
        waiting: " AND state = 'owed' AND webhook = $5 AND NOT EXISTS (\
                      SELECT 1 FROM alert_deliveries earlier WHERE earlier.alert_id = alert_deliveries.alert_id \
                      AND earlier.webhook = alert_deliveries.webhook AND earlier.state = 'owed' \
                      AND earlier.sequence < alert_deliveries.sequence)",
        part: "",
        returning: "id, event, sequence, alert, attempts, created_at_ms",
    },
    receiver: "webhook",
};

impl Store {
    /// Leases up to `limit` messages owed to `webhook`, longest owed first, for `lease_ms`. A message waits for the earlier
    /// ones about the same alert, so that none is overtaken.
    pub async fn lease_alert_deliveries(
        &self,
        webhook: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<OwedAlert>, StoreError> {
        let mut leased: Vec<OwedRow> = self.claim(&OWED.queue, Some(webhook), limit, lease_ms).await?;
        leased.sort_by_key(|row| (row.created_at_ms, row.sequence));
        Ok(leased.into_iter().filter_map(OwedRow::readable).collect())
    }

    /// Records what became of this worker's attempts to send messages to `webhook`.
    pub async fn finish_alert_deliveries(
        &self,
        webhook: &str,
        outcomes: &[(AlertDeliveryId, DeliveryOutcome)],
    ) -> Result<(), StoreError> {
        let outcomes = outcomes.iter().map(|(id, outcome)| (id.as_uuid(), outcome)).collect();
        self.finish_owed(&OWED, webhook, outcomes).await
    }

    /// How many messages are owed, and since when the oldest, by webhook.
    pub async fn owed_by_webhook(&self) -> Result<BTreeMap<String, (i64, i64)>, StoreError> {
        self.owed_by_receiver(&OWED).await
    }

    /// How far the messages about each of these alerts are, in order; reminders are left out.
    pub async fn alert_delivery_states(
        &self,
        alerts: &[Alert],
    ) -> Result<BTreeMap<AlertId, Vec<AlertDeliveryState>>, StoreError> {
        let mut found: Vec<StateRow> = Vec::new();
        for alerts in alerts.chunks(ALERTS_PER_STATEMENT) {
            found.extend::<Vec<StateRow>>(read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new(
                    "SELECT alert_id, webhook, event, state, attempts, last_error FROM alert_deliveries \
                     WHERE event <> 'standing' AND alert_id IN ",
                );
                push_list(&mut select, alerts.iter().map(|alert| alert.id.as_uuid()));
                select.push(" ORDER BY alert_id, webhook, sequence").build_query_as().fetch_all(pool).await?
            }));
        }
        let mut states: BTreeMap<AlertId, Vec<AlertDeliveryState>> = BTreeMap::new();
        for row in found {
            states.entry(row.alert_id.into()).or_default().push(AlertDeliveryState {
                webhook: row.webhook,
                event: rows::named("alert_deliveries", "event", &row.event)?,
                state: rows::named("alert_deliveries", "state", &row.state)?,
                attempts: row.attempts as u32,
                last_error: row.last_error,
            });
        }
        Ok(states)
    }
}

impl OwedRow {
    /// None for a message that only a newer version can read: it must not hold up the others. Its lease runs out, and a
    /// worker that can read it sends it.
    fn readable(self) -> Option<OwedAlert> {
        let id = self.id;
        self.into_owed()
            .inspect_err(|error| {
                tracing::warn!(error = %error, message = %id, "a message about an alert is left to a newer worker");
            })
            .ok()
    }

    fn into_owed(self) -> Result<OwedAlert, StoreError> {
        let event = rows::named("alert_deliveries", "event", &self.event)?;
        Ok(OwedAlert {
            id: self.id.into(),
            event,
            alert: rows::json("alert_deliveries", "alert", &self.alert)?,
            attempts: self.attempts as u32,
            created_at_ms: self.created_at_ms,
        })
    }
}
