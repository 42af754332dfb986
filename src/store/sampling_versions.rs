//! The versions of the sampling configuration, of which every trace names the one that it was first seen under.

use super::{Store, StoreError, read, transaction};

/// A sampling configuration that workers went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplingVersion {
    /// Its number; the one before it is the next lower.
    pub id: i64,
    /// What decides, as JSON.
    pub config: String,
    /// When the last of the running workers went over to it, milliseconds since the Unix epoch.
    pub began_ms: i64,
}

type VersionRow = (i64, String, i64);

impl Store {
    /// The version under which this worker sees traces from now on, behind all that were before it. `leaves` is the version
    /// that a running worker went by until now; a worker that starts leaves none.
    ///
    /// Workers come to a change one after the other: the version begins anew with each that comes within `max_wait_ms`,
    /// since what that worker left out a moment ago may belong to traces which others keep.
    pub async fn begin_sampling_version(
        &self,
        config: &str,
        leaves: Option<i64>,
        max_wait_ms: i64,
    ) -> Result<Vec<SamplingVersion>, StoreError> {
        loop {
            let newest = self.sampling_versions_from(i64::MIN).await?.pop();
            let Some(version) = newest.as_ref().filter(|newest| newest.config == config) else {
                // Another worker may be quicker and take the number; then its version is looked at.
                self.add_sampling_version(newest.map_or(0, |newest| newest.id) + 1, config).await?;
                continue;
            };
            let comes_over = leaves.is_some_and(|left| left != version.id);
            if comes_over || self.now_ms() < version.began_ms.saturating_add(max_wait_ms) {
                self.begin_anew(version.id).await?;
            }
            let mut versions = self.sampling_versions_from(i64::MIN).await?;
            versions.retain(|one| one.id <= version.id);
            return Ok(versions);
        }
    }

    async fn begin_anew(&self, id: i64) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        transaction!(self, DB, tx => {
            sqlx::query("UPDATE sampling_versions SET began_ms = $1 WHERE id = $2 AND began_ms < $1")
                .bind(now_ms)
                .bind(id)
                .execute(&mut *tx)
                .await?
                .rows_affected()
        });
        Ok(())
    }

    async fn add_sampling_version(&self, id: i64, config: &str) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        transaction!(self, DB, tx => {
            sqlx::query("INSERT INTO sampling_versions (id, config, began_ms) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING")
                .bind(id)
                .bind(config)
                .bind(now_ms)
                .execute(&mut *tx)
                .await?
                .rows_affected()
        });
        Ok(())
    }

    /// The versions from `id` on, in their order.
    pub async fn sampling_versions_from(&self, id: i64) -> Result<Vec<SamplingVersion>, StoreError> {
        let rows: Vec<VersionRow> = read!(self, DB, pool => {
            sqlx::query_as("SELECT id, config, began_ms FROM sampling_versions WHERE id >= $1 ORDER BY id")
                .bind(id)
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().map(|(id, config, began_ms)| SamplingVersion { id, config, began_ms }).collect())
    }
}
