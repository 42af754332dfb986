//! Traces that cannot be assembled: tried again, then set aside, so that they harm no other.

use serde::{Deserialize, Serialize};

use super::{DueTrace, Store, StoreError, read, rows, transaction};

/// How often assembling a trace may come to nothing.
const TRIES: i64 = 2;
/// How long it waits in between: what else was due has its turn first.
const AGAIN_AFTER_MS: i64 = 10_000;
/// The most traces that the ledger names.
const NAMED: i64 = 20;
/// The release that sets aside; the next one may be able to assemble it.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Why assembling a trace came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It panicked, and where.
    Panicked { place: String },
    /// It went on for so many seconds, and was given up.
    TookTooLong { seconds: u64 },
}

impl Damage {
    /// A stable code of low cardinality.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Panicked { .. } => "panicked",
            Self::TookTooLong { .. } => "took_too_long",
        }
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Panicked { place } => write!(f, "it panicked, at {place}"),
            Self::TookTooLong { seconds } => write!(f, "it was not done within {seconds} s"),
        }
    }
}

/// A trace that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedTrace {
    pub trace_id: String,
    /// When its first record came, milliseconds since the Unix epoch.
    pub first_seen_ms: i64,
    pub why: String,
}

impl Store {
    /// Notes that assembling a leased trace came to nothing, and gives it back; after the last try it is set aside and due no
    /// more. Returns whether it is.
    pub async fn trace_failed(&self, trace: &DueTrace, damage: &Damage) -> Result<bool, StoreError> {
        let now_ms = self.now_ms();
        let set_aside: Option<bool> = transaction!(self, DB, tx => {
            sqlx::query_scalar(
                "UPDATE traces SET failures = failures + 1, lease_until_ms = 0, \
                 damaged = CASE WHEN failures + 1 >= $1 THEN $2 ELSE damaged END, \
                 damaged_by = CASE WHEN failures + 1 >= $1 THEN $3 ELSE damaged_by END, \
                 due_at_ms = CASE WHEN failures + 1 >= $1 THEN NULL ELSE CAST($4 AS BIGINT) END \
                 WHERE trace_id = $5 AND lease_owner = $6 RETURNING damaged IS NOT NULL",
            )
            .bind(TRIES)
            .bind(damage.to_string())
            .bind(RELEASE)
            .bind(now_ms + AGAIN_AFTER_MS)
            .bind(trace.trace_id.as_bytes().as_slice())
            .bind(self.worker())
            .fetch_optional(&mut *tx)
            .await?
        });
        Ok(set_aside.unwrap_or(false))
    }

    /// Makes due again what another release set aside, unless its records are gone. Returns how many traces that were.
    pub async fn retry_damaged_traces(&self) -> Result<u64, StoreError> {
        let now_ms = self.now_ms();
        Ok(transaction!(self, DB, tx => {
            sqlx::query(
                "UPDATE traces SET damaged = NULL, damaged_by = NULL, failures = 0, due_at_ms = $1 \
                 WHERE damaged IS NOT NULL AND damaged_by <> $2 AND EXISTS (SELECT 1 FROM spans WHERE spans.trace_id = traces.trace_id)",
            )
            .bind(now_ms)
            .bind(RELEASE)
            .execute(&mut *tx)
            .await?
            .rows_affected()
        }))
    }

    /// The newest of the traces that were set aside and first seen since `since_ms`.
    pub(super) async fn damaged_traces(&self, since_ms: i64) -> Result<Vec<DamagedTrace>, StoreError> {
        let found: Vec<(Vec<u8>, i64, String)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT trace_id, first_seen_ms, damaged FROM traces WHERE damaged IS NOT NULL AND first_seen_ms >= $1 \
                 ORDER BY first_seen_ms DESC, trace_id LIMIT $2",
            )
            .bind(since_ms)
            .bind(NAMED)
            .fetch_all(pool)
            .await?
        });
        let named = |(trace_id, first_seen_ms, why): (Vec<u8>, i64, String)| {
            let trace_id = rows::trace_id("traces", &trace_id)?.to_string();
            Ok(DamagedTrace { trace_id, first_seen_ms, why })
        };
        found.into_iter().map(named).collect()
    }
}
