//! What calibration said, as it was said: labels and scores change afterwards, and last month's numbers must not.

use super::{Store, StoreError, read, row, rows, transaction};
use crate::model::HOUR_MS;

/// What calibration says of a rubric version and a judge.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationSnapshot {
    pub rubric: String,
    pub version: u32,
    pub judge: String,
    /// What the content is told from an earlier one by.
    pub digest: [u8; 32],
    /// The numbers, as JSON.
    pub content: String,
}

/// A snapshot and when it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenSnapshot {
    /// When, milliseconds since the Unix epoch.
    pub taken_at_ms: i64,
    pub rubric: String,
    pub version: u32,
    pub judge: String,
    /// The numbers, as JSON.
    pub content: String,
}

/// The same numbers are noted again after so long, so that a day without a snapshot is a day without calibration.
const UNCHANGED_MS: i64 = 86_400_000;

/// Numbers that change are noted at most so often: every label changes them.
const CHANGED_MS: i64 = HOUR_MS;

row! {
    struct SnapshotRow {
        taken_at_ms: i64,
        rubric: String,
        version: i64,
        judge: String,
        content: String,
    }
}

impl Store {
    /// Keeps the snapshots that say something new, and each once a day. Returns how many were kept.
    pub async fn keep_snapshots(&self, snapshots: &[CalibrationSnapshot]) -> Result<usize, StoreError> {
        let now_ms = self.now_ms();
        let kept = transaction!(self, DB, tx => {
            let mut kept = 0;
            for snapshot in snapshots {
                let latest: Option<(i64, Vec<u8>)> = sqlx::query_as(
                    "SELECT taken_at_ms, digest FROM calibration_snapshots \
                     WHERE rubric = $1 AND version = $2 AND judge = $3 AND taken_at_ms <= $4 ORDER BY taken_at_ms DESC LIMIT 1",
                )
                .bind(&snapshot.rubric)
                .bind(i64::from(snapshot.version))
                .bind(&snapshot.judge)
                // One of a later time was taken while the clock was ahead.
                .bind(now_ms)
                .fetch_optional(&mut *tx)
                .await?;
                let wanted = latest.is_none_or(|(taken_at_ms, digest)| {
                    let least_ms = if digest == snapshot.digest { UNCHANGED_MS } else { CHANGED_MS };
                    now_ms - taken_at_ms >= least_ms
                });
                if !wanted {
                    continue;
                }
                kept += sqlx::query(
                    "INSERT INTO calibration_snapshots (taken_at_ms, rubric, version, judge, digest, content) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                )
                .bind(now_ms)
                .bind(&snapshot.rubric)
                .bind(i64::from(snapshot.version))
                .bind(&snapshot.judge)
                .bind(snapshot.digest.as_slice())
                .bind(rows::text(&snapshot.content))
                .execute(&mut *tx)
                .await?
                .rows_affected() as usize;
            }
            kept
        });
        Ok(kept)
    }

    /// Every snapshot taken since `since_ms`, in order of time.
    pub async fn snapshots(&self, since_ms: i64) -> Result<Vec<TakenSnapshot>, StoreError> {
        let found: Vec<SnapshotRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT taken_at_ms, rubric, version, judge, content FROM calibration_snapshots WHERE taken_at_ms >= $1 \
                 ORDER BY taken_at_ms, rubric, version, judge",
            )
            .bind(since_ms)
            .fetch_all(pool)
            .await?
        });
        let taken = |row: SnapshotRow| TakenSnapshot {
            taken_at_ms: row.taken_at_ms,
            rubric: row.rubric,
            version: row.version as u32,
            judge: row.judge,
            content: row.content,
        };
        Ok(found.into_iter().map(taken).collect())
    }
}
