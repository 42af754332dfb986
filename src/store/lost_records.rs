//! Records that a broker removed before they were read.

use std::collections::BTreeMap;

#[cfg(any(test, feature = "kafka"))]
use super::transaction;
use super::{Store, StoreError, read};

impl Store {
    /// Notes that the records of a partition from one offset to before another are lost; false when that is known. Noted again, by a
    /// worker that reads from the same position, it counts once.
    #[cfg(any(test, feature = "kafka"))]
    pub async fn note_lost_records(&self, topic: &str, partition: i32, from: u64, to: u64) -> Result<bool, StoreError> {
        let offset = |offset: u64| i64::try_from(offset).unwrap_or(i64::MAX);
        let now_ms = self.now_ms();
        let noted = transaction!(self, DB, tx => {
            sqlx::query(
                "INSERT INTO lost_records (topic, partition, from_offset, to_offset, noticed_ms) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (topic, partition, from_offset) DO UPDATE SET to_offset = excluded.to_offset, \
                 noticed_ms = excluded.noticed_ms WHERE excluded.to_offset > lost_records.to_offset",
            )
            .bind(topic)
            .bind(i64::from(partition))
            .bind(offset(from))
            .bind(offset(to))
            .bind(now_ms)
            .execute(&mut *tx)
            .await?
            .rows_affected()
        });
        Ok(noted > 0)
    }

    /// Lost records by topic, noticed since.
    pub(super) async fn lost_records(&self, since_ms: i64) -> Result<BTreeMap<String, i64>, StoreError> {
        let found: Vec<(String, i64)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT topic, CAST(sum(to_offset - from_offset) AS BIGINT) FROM lost_records WHERE noticed_ms >= $1 GROUP BY topic",
            )
            .bind(since_ms)
            .fetch_all(pool)
            .await?
        });
        Ok(found.into_iter().collect())
    }
}
