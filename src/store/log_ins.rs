//! Sessions of people who have logged in to the pages; the cookie that names one is not stored, only its digest.

use super::{Store, StoreError, read, transaction};

impl Store {
    /// Keeps a session until `ends_at_ms` and forgets those that are over. `token` is a code of the token that gave it.
    pub async fn begin_log_in(&self, digest: &[u8], token: &str, ends_at_ms: i64) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        transaction!(self, DB, tx => {
            sqlx::query("DELETE FROM log_ins WHERE ends_at_ms <= $1").bind(now_ms).execute(&mut *tx).await?;
            sqlx::query("INSERT INTO log_ins (digest, token, ends_at_ms) VALUES ($1, $2, $3)")
                .bind(digest)
                .bind(token)
                .bind(ends_at_ms)
                .execute(&mut *tx)
                .await?
                .rows_affected()
        });
        Ok(())
    }

    /// The code of the token that gave a session; `None` when it is over or there was none.
    pub async fn log_in(&self, digest: &[u8]) -> Result<Option<String>, StoreError> {
        let now_ms = self.now_ms();
        let found: Option<(String,)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT token FROM log_ins WHERE digest = $1 AND ends_at_ms > $2")
                .bind(digest)
                .bind(now_ms)
                .fetch_optional(pool)
                .await?
        });
        Ok(found.map(|(token,)| token))
    }

    /// Ends a session.
    pub async fn end_log_in(&self, digest: &[u8]) -> Result<(), StoreError> {
        transaction!(self, DB, tx => {
            sqlx::query("DELETE FROM log_ins WHERE digest = $1").bind(digest).execute(&mut *tx).await?.rows_affected()
        });
        Ok(())
    }
}
