//! Carries the hints of [`super::notify`] between the processes on one PostgreSQL database.
//!
//! A NOTIFY takes a lock of the whole server while its transaction commits, so that notifying transactions commit one
//! after the other. The transactions that make work therefore never notify. After their commit they leave a mark in [`Wakeups`](super::Wakeups),
//! and one task tells the others of all marks together, on a connection of the pool, at most once in [`PAUSE`].

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use super::{Pool, Store, StoreError};

/// The channel that workers of one database share.
const CHANNEL: &str = "judged";

/// Between two messages of one process to the others.
const PAUSE: Duration = Duration::from_millis(20);

/// Between two attempts to listen.
const LISTEN_AGAIN: Duration = Duration::from_secs(5);

impl Store {
    /// Carries hints to the other processes on this database and from them, until `stop`.
    pub async fn carry_wakeups(self, stop: CancellationToken) -> Result<(), StoreError> {
        let Pool::Postgres(pool) = &self.pool else {
            // SQLite has one process, which needs no carrier.
            stop.cancelled().await;
            return Ok(());
        };
        tokio::select! {
            () = self.tell_all() => {}
            () = self.listen_all(pool) => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }

    /// Tells the other processes now what they have not been told: for a command that does not stay.
    pub async fn tell_others(&self) -> Result<(), StoreError> {
        let stages = self.wakeups.take_untold();
        if let Pool::Postgres(pool) = &self.pool
            && !stages.is_empty()
        {
            let messages: Vec<String> =
                stages.iter().map(|stage| format!("{} {}", stage.as_str(), self.worker)).collect();
            sqlx::query("SELECT pg_notify($1, message) FROM unnest($2) AS message")
                .bind(CHANNEL)
                .bind(messages)
                .execute(pool)
                .await?;
        }
        Ok(())
    }

    async fn tell_all(&self) {
        loop {
            self.wakeups.to_tell.notified().await;
            if let Err(error) = self.tell_others().await {
                tracing::debug!(
                    error = crate::error_chain::causes(&error),
                    "other workers were not told; they look by themselves"
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn listen_all(&self, pool: &PgPool) {
        loop {
            if let Err(error) = self.listen(pool).await {
                tracing::debug!(error = %error, "other workers are not heard; trying again");
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    async fn listen(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        // A connection of its own, that no statement waits for and no lifetime ends.
        let own = PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with((*pool.connect_options()).clone());
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(CHANNEL).await?;
        loop {
            // What was said while nobody listened is lost.
            self.wakeups.ring_all_here();
            while let Some(notification) = listener.try_recv().await? {
                self.wakeups.hear(notification.payload(), &self.worker);
            }
        }
    }
}
