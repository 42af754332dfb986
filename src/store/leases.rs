//! Who does what only one worker may do at a time: a lease for each duty, taken over when its holder lets it expire.

use super::{Store, StoreError, read, transaction};

impl Store {
    /// Takes `duty` for `lease_ms`, or holds it for so much longer. False while another worker holds it.
    pub async fn take_lead(&self, duty: &str, lease_ms: i64) -> Result<bool, StoreError> {
        let now_ms = self.now_ms();
        let taken: Option<String> = transaction!(self, DB, tx => {
            sqlx::query_scalar(
                "INSERT INTO leaders (duty, worker, since_ms, until_ms) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (duty) DO UPDATE SET \
                     since_ms = CASE WHEN leaders.worker = excluded.worker THEN leaders.since_ms ELSE excluded.since_ms END, \
                     worker = excluded.worker, until_ms = excluded.until_ms \
                 WHERE leaders.worker = excluded.worker OR leaders.until_ms <= excluded.since_ms \
                 RETURNING worker",
            )
            .bind(duty)
            .bind(self.worker())
            .bind(now_ms)
            .bind(now_ms + lease_ms)
            .fetch_optional(&mut *tx)
            .await?
        });
        Ok(taken.is_some())
    }

    /// Gives `duty` up, so that another worker need not wait for the lease to expire.
    pub async fn give_up_lead(&self, duty: &str) -> Result<(), StoreError> {
        transaction!(self, DB, tx => {
            sqlx::query("UPDATE leaders SET until_ms = 0 WHERE duty = $1 AND worker = $2")
                .bind(duty)
                .bind(self.worker())
                .execute(&mut *tx)
                .await?;
        });
        Ok(())
    }

    /// The worker that holds `duty` now.
    pub async fn leader(&self, duty: &str) -> Result<Option<String>, StoreError> {
        let leader = read!(self, DB, pool => {
            sqlx::query_scalar("SELECT worker FROM leaders WHERE duty = $1 AND until_ms > $2")
                .bind(duty)
                .bind(self.now_ms())
                .fetch_optional(pool)
                .await?
        });
        Ok(leader)
    }
}
