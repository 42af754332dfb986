//! The report that pages show: made by one worker, read by all that serve pages.

use super::{Store, StoreError, read, transaction};

/// A report as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReport {
    /// When it was read from the store, milliseconds since the Unix epoch.
    pub made_at_ms: i64,
    /// What pages show of it, as JSON.
    pub content: String,
}

/// Reports of other releases are deleted after so long without a newer one.
const OTHER_RELEASES_MS: i64 = 7 * 86_400_000;

impl Store {
    /// Keeps a report in the place of the one before. `made_with` names the release that can read it.
    pub async fn keep_report(&self, made_with: &str, report: &KeptReport) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        transaction!(self, DB, tx => {
            sqlx::query(
                "INSERT INTO kept_reports (made_with, made_at_ms, content) VALUES ($1, $2, $3) \
                 ON CONFLICT (made_with) DO UPDATE SET made_at_ms = excluded.made_at_ms, content = excluded.content",
            )
            .bind(made_with)
            .bind(report.made_at_ms)
            .bind(&report.content)
            .execute(&mut *tx)
            .await?;
            sqlx::query("DELETE FROM kept_reports WHERE made_with <> $1 AND made_at_ms < $2")
                .bind(made_with)
                .bind(now_ms - OTHER_RELEASES_MS)
                .execute(&mut *tx)
                .await?;
        });
        Ok(())
    }

    /// When the report was made that is kept, milliseconds since the Unix epoch; `None` when there is none.
    pub async fn report_kept_at(&self, made_with: &str) -> Result<Option<i64>, StoreError> {
        Ok(read!(self, DB, pool => {
            sqlx::query_scalar("SELECT made_at_ms FROM kept_reports WHERE made_with = $1")
                .bind(made_with)
                .fetch_optional(pool)
                .await?
        }))
    }

    /// The report that is kept.
    pub async fn kept_report(&self, made_with: &str) -> Result<Option<KeptReport>, StoreError> {
        let found: Option<(i64, String)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT made_at_ms, content FROM kept_reports WHERE made_with = $1")
                .bind(made_with)
                .fetch_optional(pool)
                .await?
        });
        Ok(found.map(|(made_at_ms, content)| KeptReport { made_at_ms, content }))
    }
}
