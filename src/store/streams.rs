//! How far streams were read: one worker at a time holds each, by a lease that lives in the same row as the position.

use super::lease::Charge;
use super::{Store, StoreError, transaction};

/// What a worker that reads a stream needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamClaim {
    /// Another worker reads it.
    Taken,
    /// This worker reads it.
    Held {
        /// From this offset; none before anything was read.
        next: Option<u64>,
        /// When reading was begun, milliseconds since the Unix epoch: a beginning relative to now is relative to this.
        began_ms: i64,
    },
}

const STREAMS: Charge = Charge {
    table: "streams",
    key: "queue",
    columns: ", began_at, began_ms",
    values: ", $5, $4",
    changes: "next_offset = CASE WHEN streams.began_at = excluded.began_at THEN streams.next_offset END, \
              began_ms = CASE WHEN streams.began_at = excluded.began_at THEN streams.began_ms ELSE excluded.began_ms END, \
              began_at = excluded.began_at, ",
    returning: "next_offset, began_ms",
};

impl Store {
    /// Takes a stream for `lease_ms`. A beginning other than the one before forgets how far it was read.
    pub async fn claim_stream(&self, queue: &str, began_at: &str, lease_ms: i64) -> Result<StreamClaim, StoreError> {
        let held: Option<(Option<i64>, i64)> = self.take(&STREAMS, queue, lease_ms, Some(began_at)).await?;
        Ok(match held {
            None => StreamClaim::Taken,
            Some((next, began_ms)) => {
                StreamClaim::Held { next: next.and_then(|next| u64::try_from(next).ok()), began_ms }
            }
        })
    }

    /// Notes how far a stream was read and keeps it for `lease_ms` more; 0 gives it up. False when another worker has
    /// taken it meanwhile.
    pub async fn advance_stream(&self, queue: &str, next: Option<u64>, lease_ms: i64) -> Result<bool, StoreError> {
        let next = next.map(|next| i64::try_from(next).unwrap_or(i64::MAX));
        let now_ms = self.now_ms();
        let advanced = transaction!(self, DB, tx => {
            sqlx::query(
                "UPDATE streams SET next_offset = COALESCE($1, next_offset), until_ms = $2 \
                 WHERE queue = $3 AND worker = $4",
            )
            .bind(next)
            .bind(now_ms + lease_ms)
            .bind(queue)
            .bind(self.worker())
            .execute(&mut *tx)
            .await?
            .rows_affected()
        });
        Ok(advanced == 1)
    }
}
