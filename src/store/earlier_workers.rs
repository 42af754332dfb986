//! Whether a worker of an earlier release shares the database: what it cannot read is not written meanwhile.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use sqlx::PgPool;

/// What a connection to PostgreSQL says it is. The number rises when a release writes what those before it cannot read.
pub(super) const APPLICATION_NAME: &str = "judged/2";
/// The name of the releases whose workers carry its resource with each record.
const EARLIER_APPLICATION_NAME: &str = "judged";

/// How often it is asked whether such a worker is connected.
const ASK_AGAIN_MS: i64 = 30_000;

/// What was found out last.
#[derive(Debug, Default)]
pub(super) struct EarlierWorkers {
    pub(super) connected: AtomicBool,
    /// Milliseconds since the Unix epoch; 0 before the first time.
    pub(super) asked_at_ms: AtomicI64,
}

impl EarlierWorkers {
    /// Whether one is connected, as of the last half minute.
    pub(super) async fn are_connected(&self, pool: &PgPool, now_ms: i64) -> Result<bool, sqlx::Error> {
        let asked_at_ms = self.asked_at_ms.load(Ordering::Relaxed);
        if asked_at_ms == 0 || !(asked_at_ms..asked_at_ms + ASK_AGAIN_MS).contains(&now_ms) {
            self.connected.store(is_connected(pool, EARLIER_APPLICATION_NAME).await?, Ordering::Relaxed);
            self.asked_at_ms.store(now_ms, Ordering::Relaxed);
        }
        Ok(self.connected.load(Ordering::Relaxed))
    }
}

/// Whether somebody who goes by this name is connected to the database.
pub(super) async fn is_connected(pool: &PgPool, application_name: &str) -> Result<bool, sqlx::Error> {
    const QUERY: &str =
        "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1)";
    sqlx::query_scalar(QUERY).bind(application_name).fetch_one(pool).await
}
