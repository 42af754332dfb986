//! The outbox of alerts: messages owed to webhooks, until they are accepted.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::dialect::Dialect;
use super::{DeliveryOutcome, Store, StoreError, read, row, rows, transaction};
use crate::model::{Alert, AlertDeliveryId, AlertEvent, AlertId};

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
    /// The webhook.
    pub webhook: String,
    /// What happened.
    pub event: String,
    /// `owed`, `sent` or `given_up`.
    pub state: String,
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

impl Store {
    /// Leases up to `limit` messages owed to `webhook`, longest owed first, for `lease_ms`. A message waits for the earlier
    /// ones about the same alert, so that none is overtaken.
    pub async fn lease_alert_deliveries(
        &self,
        webhook: &str,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<OwedAlert>, StoreError> {
        let now_ms = self.now_ms();
        let mut leased: Vec<OwedRow> = transaction!(self, DB, tx => {
            sqlx::query_as(AssertSqlSafe(format!(
                "UPDATE alert_deliveries SET lease_owner = $1, lease_until_ms = $2 WHERE id IN (\
                     SELECT d.id FROM alert_deliveries d \
                     WHERE d.state = 'owed' AND d.webhook = $3 AND d.due_at_ms <= $4 AND d.lease_until_ms <= $4 \
                     AND NOT EXISTS (SELECT 1 FROM alert_deliveries e WHERE e.alert_id = d.alert_id AND e.webhook = d.webhook \
                         AND e.state = 'owed' AND e.sequence < d.sequence) \
                     ORDER BY d.due_at_ms LIMIT $5{}) \
                 RETURNING id, event, sequence, alert, attempts, created_at_ms",
                <DB as Dialect>::SKIP_LOCKED
            )))
            .bind(self.worker())
            .bind(now_ms + lease_ms)
            .bind(webhook)
            .bind(now_ms)
            .bind(limit as i64)
            .fetch_all(&mut *tx)
            .await?
        });
        leased.sort_by_key(|row| (row.created_at_ms, row.sequence));
        leased.into_iter().map(OwedRow::into_owed).collect()
    }

    /// Records what became of this worker's attempt to send a message.
    pub async fn finish_alert_delivery(
        &self,
        id: AlertDeliveryId,
        outcome: &DeliveryOutcome,
    ) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        let (state, due_at_ms, error, finished_at_ms) = match outcome {
            DeliveryOutcome::Sent => ("sent", now_ms, None, Some(now_ms)),
            DeliveryOutcome::Retry { due_at_ms, error } => ("owed", *due_at_ms, Some(error.as_str()), None),
            DeliveryOutcome::GivenUp { error } => ("given_up", now_ms, Some(error.as_str()), Some(now_ms)),
        };
        transaction!(self, DB, tx => {
            sqlx::query(
                "UPDATE alert_deliveries SET state = $1, due_at_ms = $2, last_error = $3, finished_at_ms = $4, \
                 attempts = attempts + 1, lease_until_ms = 0 WHERE id = $5 AND state = 'owed' AND lease_owner = $6",
            )
            .bind(state)
            .bind(due_at_ms)
            .bind(rows::optional(error))
            .bind(finished_at_ms)
            .bind(id.as_uuid())
            .bind(self.worker())
            .execute(&mut *tx)
            .await?;
        });
        Ok(())
    }

    /// How many messages are owed, and since when the oldest, by webhook.
    pub async fn owed_by_webhook(&self) -> Result<BTreeMap<String, (i64, i64)>, StoreError> {
        let found: Vec<(String, i64, i64)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT webhook, count(*), min(created_at_ms) FROM alert_deliveries WHERE state = 'owed' GROUP BY webhook",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(found.into_iter().map(|(webhook, count, oldest)| (webhook, (count, oldest))).collect())
    }

    /// How far the messages about each alert are, in order; reminders are left out.
    pub async fn alert_delivery_states(&self) -> Result<BTreeMap<AlertId, Vec<AlertDeliveryState>>, StoreError> {
        let found: Vec<StateRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT alert_id, webhook, event, state, attempts, last_error FROM alert_deliveries \
                 WHERE event <> 'standing' ORDER BY alert_id, webhook, sequence",
            )
            .fetch_all(pool)
            .await?
        });
        let mut states: BTreeMap<AlertId, Vec<AlertDeliveryState>> = BTreeMap::new();
        for row in found {
            states.entry(row.alert_id.into()).or_default().push(AlertDeliveryState {
                webhook: row.webhook,
                event: row.event,
                state: row.state,
                attempts: row.attempts as u32,
                last_error: row.last_error,
            });
        }
        Ok(states)
    }
}

impl OwedRow {
    fn into_owed(self) -> Result<OwedAlert, StoreError> {
        let event = AlertEvent::parse(&self.event).ok_or_else(|| StoreError::Inconsistent {
            table: "alert_deliveries",
            column: "event",
            found: self.event.clone(),
        })?;
        Ok(OwedAlert {
            id: self.id.into(),
            event,
            alert: rows::json("alert_deliveries", "alert", &self.alert)?,
            attempts: self.attempts as u32,
            created_at_ms: self.created_at_ms,
        })
    }
}
