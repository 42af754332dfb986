//! Deleting what is too old, a little at a time, so that nothing that is being stored waits for it.

use sqlx::{AssertSqlSafe, QueryBuilder};

use super::dialect::Dialect;
use super::rows::push_list;
use super::{Store, StoreError, transaction};

/// What one step of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Traces that were emptied.
    pub traces: u64,
    /// Subjects that lost their content.
    pub subjects: u64,
}

impl Store {
    /// Deletes spans, log records and the content of the subjects of at most `limit` traces that were last seen before
    /// `before_ms`, oldest first; scores and labels stay. Traces that still wait for assembly are left alone.
    pub async fn forget_content(&self, before_ms: i64, limit: usize) -> Result<Forgotten, StoreError> {
        Ok(transaction!(self, DB, tx => {
            let traces: Vec<(Vec<u8>,)> = sqlx::query_as(AssertSqlSafe(format!(
                "SELECT trace_id FROM traces WHERE due_at_ms IS NULL \
                 AND (emptied_before_ms IS NULL OR emptied_before_ms <= last_seen_ms) AND last_seen_ms < $1 \
                 ORDER BY last_seen_ms LIMIT $2{}",
                <DB as Dialect>::SKIP_LOCKED
            )))
            .bind(before_ms)
            .bind(limit as i64)
            .fetch_all(&mut *tx)
            .await?;
            let mut forgotten = Forgotten { traces: traces.len() as u64, subjects: 0 };
            for statement in [
                "DELETE FROM spans WHERE",
                "DELETE FROM log_records WHERE",
                "UPDATE subjects SET content = NULL WHERE content IS NOT NULL AND",
            ] {
                if traces.is_empty() {
                    break;
                }
                let mut forget = QueryBuilder::<DB>::new(statement);
                forget.push(" trace_id IN ");
                push_list(&mut forget, traces.iter().map(|(trace_id,)| trace_id.as_slice()));
                // The last statement is the one that touches subjects.
                forgotten.subjects = forget.build().execute(&mut *tx).await?.rows_affected();
            }
            if !traces.is_empty() {
                let mut mark = QueryBuilder::<DB>::new("UPDATE traces SET emptied_before_ms = ");
                mark.push_bind(before_ms).push(" WHERE trace_id IN ");
                push_list(&mut mark, traces.iter().map(|(trace_id,)| trace_id.as_slice()));
                mark.build().execute(&mut *tx).await?;
            }
            forgotten
        }))
    }

    /// Forgets the digests of at most `limit` requests received before `before_ms`: no exporter retries that long. Returns
    /// how many.
    pub async fn forget_batches(&self, before_ms: i64, limit: usize) -> Result<u64, StoreError> {
        Ok(transaction!(self, DB, tx => {
            sqlx::query(
                "DELETE FROM batches WHERE digest IN \
                 (SELECT digest FROM batches WHERE received_at_ms < $1 ORDER BY received_at_ms LIMIT $2)",
            )
            .bind(before_ms)
            .bind(limit as i64)
            .execute(&mut *tx)
            .await?
            .rows_affected()
        }))
    }
}
