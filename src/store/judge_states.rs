//! How each worker finds its judges, so that `judged judges` can tell it from outside.

use super::{Store, StoreError, read, rows, transaction};
use crate::model::JudgeState;

/// A worker that ended without a word is forgotten after a day.
const FORGOTTEN_AFTER_MS: i64 = 86_400_000;

impl Store {
    /// Tells how this worker finds its judges.
    pub async fn put_judge_states(&self, states: &[(String, JudgeState)]) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        transaction!(self, DB, tx => {
            for (judge, state) in states {
                let state = rows::to_json("judge_states", "state", state)?;
                sqlx::query(
                    "INSERT INTO judge_states (judge, worker, state, seen_ms) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (judge, worker) DO UPDATE SET state = excluded.state, seen_ms = excluded.seen_ms",
                )
                .bind(judge).bind(self.worker()).bind(state).bind(now_ms)
                .execute(&mut *tx)
                .await?;
            }
            sqlx::query("DELETE FROM judge_states WHERE seen_ms < $1")
                .bind(now_ms - FORGOTTEN_AFTER_MS)
                .execute(&mut *tx)
                .await?;
        });
        Ok(())
    }

    /// How the workers that were heard of since `since_ms` find their judges, by judge.
    pub async fn judge_states(&self, since_ms: i64) -> Result<Vec<(String, JudgeState)>, StoreError> {
        let found: Vec<(String, String)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT judge, state FROM judge_states WHERE seen_ms >= $1 ORDER BY judge, worker")
                .bind(since_ms)
                .fetch_all(pool)
                .await?
        });
        found.into_iter().map(|(judge, state)| Ok((judge, rows::json("judge_states", "state", &state)?))).collect()
    }
}
