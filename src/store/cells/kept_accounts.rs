//! Adds queued changes of traces and deliveries to the ledger's totals.

use std::collections::BTreeMap;

use crate::store::StoreError;
use crate::store::open_transaction::{Open, within};

/// Changes of each kind that are added at once.
const CHANGES: i64 = 2_000;

impl Open<'_> {
    /// Returns whether more are left.
    pub(super) async fn fold_kept_accounts(&mut self) -> Result<bool, StoreError> {
        let traces = self.fold_traces().await?;
        let deliveries = self.fold_deliveries().await?;
        Ok(traces.max(deliveries) as i64 == CHANGES)
    }

    async fn fold_traces(&mut self) -> Result<usize, StoreError> {
        let taken: Vec<(i64, i64, i64)> = within!(self, DB, tx => {
            sqlx::query_as(
                "DELETE FROM trace_changes WHERE sequence IN \
                 (SELECT sequence FROM trace_changes ORDER BY sequence LIMIT $1) RETURNING hour_ms, kept, assembled",
            )
            .bind(CHANGES)
            .fetch_all(tx)
            .await?
        });
        let mut hours: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for (hour_ms, kept, assembled) in &taken {
            let sums = hours.entry(*hour_ms).or_default();
            *sums = (sums.0 + kept, sums.1 + assembled);
        }
        for (hour_ms, (kept, assembled)) in hours {
            within!(self, DB, tx => {
                sqlx::query(
                    "INSERT INTO trace_totals AS total (hour_ms, kept, assembled) VALUES ($1, $2, $3) \
                     ON CONFLICT (hour_ms) DO UPDATE SET kept = total.kept + excluded.kept, \
                     assembled = total.assembled + excluded.assembled",
                )
                .bind(hour_ms)
                .bind(kept)
                .bind(assembled)
                .execute(tx)
                .await?;
            });
        }
        Ok(taken.len())
    }

    async fn fold_deliveries(&mut self) -> Result<usize, StoreError> {
        let taken: Vec<(String, i64, i64, i64, i64, i64)> = within!(self, DB, tx => {
            sqlx::query_as(
                "DELETE FROM delivery_changes WHERE sequence IN \
                 (SELECT sequence FROM delivery_changes ORDER BY sequence LIMIT $1) \
                 RETURNING sink, hour_ms, made, sent, given_up, superseded",
            )
            .bind(CHANGES)
            .fetch_all(tx)
            .await?
        });
        let number = taken.len();
        let mut hours: BTreeMap<(String, i64), [i64; 4]> = BTreeMap::new();
        for (sink, hour_ms, made, sent, given_up, superseded) in taken {
            let sums = hours.entry((sink, hour_ms)).or_default();
            for (own, change) in sums.iter_mut().zip([made, sent, given_up, superseded]) {
                *own += change;
            }
        }
        for ((sink, hour_ms), [made, sent, given_up, superseded]) in hours {
            within!(self, DB, tx => {
                sqlx::query(
                    "INSERT INTO delivery_totals AS total (sink, hour_ms, made, sent, given_up, superseded) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (sink, hour_ms) DO UPDATE SET \
                     made = total.made + excluded.made, sent = total.sent + excluded.sent, \
                     given_up = total.given_up + excluded.given_up, superseded = total.superseded + excluded.superseded",
                )
                .bind(sink)
                .bind(hour_ms)
                .bind(made)
                .bind(sent)
                .bind(given_up)
                .bind(superseded)
                .execute(tx)
                .await?;
            });
        }
        Ok(number)
    }

    /// Counts every trace and delivery anew. Nobody changes one meanwhile.
    pub(super) async fn count_kept_accounts(&mut self) -> Result<(), StoreError> {
        if let Open::Postgres(connection) = self {
            sqlx::query("LOCK TABLE traces, deliveries IN SHARE ROW EXCLUSIVE MODE").execute(&mut **connection).await?;
        }
        for statement in [
            "DELETE FROM trace_changes",
            "DELETE FROM delivery_changes",
            "DELETE FROM trace_totals",
            "DELETE FROM delivery_totals",
            "INSERT INTO trace_totals (hour_ms, kept, assembled) \
             SELECT first_seen_ms - first_seen_ms % 3600000, count(*), count(assembled_at_ms) FROM traces GROUP BY 1",
            "INSERT INTO delivery_totals (sink, hour_ms, made, sent, given_up, superseded) \
             SELECT sink, created_at_ms - created_at_ms % 3600000, count(*), count(CASE WHEN state = 'sent' THEN 1 END), \
             count(CASE WHEN state = 'given_up' THEN 1 END), count(CASE WHEN state = 'superseded' THEN 1 END) \
             FROM deliveries GROUP BY 1, 2",
        ] {
            within!(self, DB, tx => sqlx::query(statement).execute(tx).await.map(drop)?);
        }
        Ok(())
    }
}
