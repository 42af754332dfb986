//! Sessions waiting for assembly: taking those that fell silent under a lease, and which traces they are made of.

use super::lease::Queue;
use super::{Store, StoreError, read, rows};
use crate::model::{Probability, TraceId};

/// A conversation that fell silent, leased to this worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueSession {
    /// What the instrumentation calls it.
    pub session_id: String,
    /// How many commits brought something new to it; a plan made from fewer is not the last word.
    pub arrivals: i64,
}

const WAITING: Queue =
    Queue { table: "sessions", key: "session_id", waiting: "", part: "", returning: "session_id, arrivals" };

impl Store {
    /// Leases up to `limit` sessions that are due, earliest first, for `lease_ms`.
    pub async fn lease_due_sessions(&self, limit: usize, lease_ms: i64) -> Result<Vec<DueSession>, StoreError> {
        let due: Vec<(String, i64)> = self.claim(&WAITING, None, limit, lease_ms).await?;
        let mut due: Vec<DueSession> =
            due.into_iter().map(|(session_id, arrivals)| DueSession { session_id, arrivals }).collect();
        // In key order, as plans of traces touch the same rows: else two workers could wait for each other.
        due.sort_by(|a, b| a.session_id.cmp(&b.session_id));
        Ok(due)
    }

    /// The latest `limit` traces of a session that were assembled first by `until_ms`, newest first, each with the
    /// probability with which samplers upstream kept it and the highest rate that any rubric gave it, where that was stored.
    pub async fn session_traces(
        &self,
        session_id: &str,
        limit: usize,
        until_ms: i64,
    ) -> Result<Vec<(TraceId, Probability, Option<Probability>)>, StoreError> {
        let found: Vec<(Vec<u8>, f64, Option<f64>)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT s.trace_id, t.upstream_probability, t.rate FROM subjects s JOIN traces t ON t.trace_id = s.trace_id \
                 WHERE s.session_id = $1 AND s.kind = 'trace' AND s.created_at_ms <= $3 ORDER BY s.observed_at_ms DESC, s.trace_id LIMIT $2",
            )
            .bind(session_id)
            .bind(limit as i64)
            .bind(until_ms)
            .fetch_all(pool)
            .await?
        });
        found
            .into_iter()
            .map(|(trace_id, upstream, rate)| {
                let upstream = rows::probability("traces", "upstream_probability", upstream)?;
                let rate = rate.map(|rate| rows::probability("traces", "rate", rate)).transpose()?;
                Ok((rows::trace_id("traces", &trace_id)?, upstream, rate))
            })
            .collect()
    }

    /// When the next session falls due, if any waits.
    pub async fn next_due_session_ms(&self) -> Result<Option<i64>, StoreError> {
        let (next,): (Option<i64>,) = read!(self, DB, pool => {
            sqlx::query_as("SELECT min(due_at_ms) FROM sessions WHERE due_at_ms IS NOT NULL").fetch_one(pool).await?
        });
        Ok(next)
    }
}
