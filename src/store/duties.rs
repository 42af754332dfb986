//! What only one worker may do at a time: each duty is a lease, taken over when its holder lets it expire.

use super::lease::Charge;
use super::{Store, StoreError, transaction};

const DUTIES: Charge = Charge {
    table: "leaders",
    key: "duty",
    columns: ", since_ms",
    values: ", $4",
    changes: "since_ms = CASE WHEN leaders.worker = excluded.worker THEN leaders.since_ms ELSE excluded.since_ms END, ",
    returning: "worker",
};

impl Store {
    /// Takes `duty` for `lease_ms`, or holds it for so much longer. False while another worker holds it.
    pub async fn take_lead(&self, duty: &str, lease_ms: i64) -> Result<bool, StoreError> {
        let taken: Option<(String,)> = self.take(&DUTIES, duty, lease_ms, None).await?;
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
}
