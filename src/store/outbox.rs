//! What is owed to receivers until they accept it: scores to sinks, messages about alerts to webhooks.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

use super::dialect::Dialect;
use super::lease::Queue;
use super::{Store, StoreError, read, rows, transaction};
use crate::model::DeliveryStatus;

/// What became of an attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// Accepted.
    Sent,
    /// Not now.
    Retry {
        /// When to try again, milliseconds since the Unix epoch.
        due_at_ms: i64,
        /// Why, for the backlog page.
        error: String,
    },
    /// Refused for good, or tried for too long.
    GivenUp { error: String },
}

/// A queue whose rows are owed (`state`) to receivers, with what became of them.
pub(super) struct Outbox {
    pub(super) queue: Queue,
    /// The column that names the receiver.
    pub(super) receiver: &'static str,
}

impl Store {
    /// Records what became of this worker's attempts to deliver to `receiver`.
    pub(super) async fn finish_owed(
        &self,
        outbox: &Outbox,
        receiver: &str,
        mut outcomes: Vec<(Uuid, &DeliveryOutcome)>,
    ) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        let Outbox { queue: Queue { table, key, .. }, receiver: column } = outbox;
        outcomes.sort_by_key(|(key, _)| *key);
        transaction!(self, DB, tx => {
            for outcomes in outcomes.chunks(64) {
                let mut update = QueryBuilder::<DB>::new(format!(
                    "UPDATE {table} SET state = v.column2, due_at_ms = v.column3, last_error = v.column4, \
                     finished_at_ms = v.column5, attempts = attempts + 1, lease_owner = NULL, lease_until_ms = 0 FROM ("
                ));
                update.push_values(outcomes, |mut row, (key, outcome)| {
                    let (state, due_at_ms, error, finished_at_ms) = match outcome {
                        DeliveryOutcome::Sent => (DeliveryStatus::Sent, now_ms, None, Some(now_ms)),
                        DeliveryOutcome::Retry { due_at_ms, error } => (DeliveryStatus::Owed, *due_at_ms, Some(error.as_str()), None),
                        DeliveryOutcome::GivenUp { error } => (DeliveryStatus::GivenUp, now_ms, Some(error.as_str()), Some(now_ms)),
                    };
                    row.push_bind(*key)
                        .push_bind(state.as_str())
                        .push_bind(due_at_ms)
                        .push_bind(rows::optional(error))
                        .push_bind(finished_at_ms);
                });
                update.push(format!(
                    ") AS v WHERE {table}.{key} = v.column1 AND {table}.state{} = 'owed' AND {table}.{column} = ",
                    <DB as Dialect>::BY_KEY
                ));
                update.push_bind(receiver);
                update.push(format!(" AND {table}.lease_owner = "));
                update.push_bind(self.worker());
                update.build().execute(&mut *tx).await?;
            }
        });
        Ok(())
    }

    /// How much is owed, and since when the oldest, by receiver.
    pub(super) async fn owed_by_receiver(&self, outbox: &Outbox) -> Result<BTreeMap<String, (i64, i64)>, StoreError> {
        let Outbox { queue: Queue { table, .. }, receiver } = outbox;
        let found: Vec<(String, i64, i64)> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {receiver}, count(*), min(created_at_ms) FROM {table} WHERE state = 'owed' GROUP BY {receiver}"
            )))
            .fetch_all(pool)
            .await?
        });
        Ok(found.into_iter().map(|(receiver, count, oldest)| (receiver, (count, oldest))).collect())
    }
}
