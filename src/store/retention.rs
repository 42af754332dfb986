//! Deleting what is too old, a little at a time, so that nothing that is being stored waits for it.

use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

use super::dialect::Dialect;
use super::rows::push_list;
use super::{Store, StoreError, transaction};
use crate::model::StoredProblem;

/// What one step of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Traces that were emptied.
    pub traces: u64,
    /// Subjects that lost their content.
    pub subjects: u64,
}

impl Store {
    /// Deletes spans, log records, the content of the subjects with the details of their problems, and the rationales of
    /// scores and labels, of at most `limit` traces that were last seen before `before_ms`, oldest first; scores, labels and
    /// codes of problems stay. Traces that still wait for assembly are left alone.
    ///
    /// What is due is told by the column that only workers write who empty rationales too.
    pub async fn forget_content(&self, before_ms: i64, limit: usize) -> Result<Forgotten, StoreError> {
        Ok(transaction!(self, DB, tx => {
            let traces: Vec<(Vec<u8>,)> = sqlx::query_as(AssertSqlSafe(format!(
                "SELECT trace_id FROM traces WHERE due_at_ms IS NULL \
                 AND (rationales_emptied_before_ms IS NULL OR rationales_emptied_before_ms <= last_seen_ms) AND last_seen_ms < $1 \
                 ORDER BY last_seen_ms LIMIT $2{}",
                <DB as Dialect>::SKIP_LOCKED
            )))
            .bind(before_ms)
            .bind(limit as i64)
            .fetch_all(&mut *tx)
            .await?;
            let mut forgotten = Forgotten { traces: traces.len() as u64, subjects: 0 };
            if traces.is_empty() {
                return Ok(forgotten);
            }
            let ids = || traces.iter().map(|(trace_id,)| trace_id.as_slice());
            let mut select = QueryBuilder::<DB>::new(
                "SELECT id, problems FROM subjects WHERE content IS NOT NULL AND problems IS NOT NULL AND trace_id IN ",
            );
            push_list(&mut select, ids());
            let problems: Vec<(Uuid, String)> = select.build_query_as().fetch_all(&mut *tx).await?;
            for (id, problems) in problems {
                sqlx::query("UPDATE subjects SET problems = $1 WHERE id = $2")
                    .bind(codes_alone(&problems))
                    .bind(id)
                    .execute(&mut *tx)
                    .await?;
            }
            for (statement, end) in [
                ("DELETE FROM spans WHERE trace_id IN ", ""),
                ("DELETE FROM log_records WHERE trace_id IN ", ""),
                // Rationales quote what was judged.
                (
                    "UPDATE evaluations SET rationale = NULL WHERE rationale IS NOT NULL \
                     AND subject_id IN (SELECT id FROM subjects WHERE trace_id IN ",
                    ")",
                ),
                (
                    "UPDATE labels SET rationale = NULL WHERE rationale IS NOT NULL \
                     AND subject_id IN (SELECT id FROM subjects WHERE trace_id IN ",
                    ")",
                ),
                ("UPDATE subjects SET content = NULL WHERE content IS NOT NULL AND trace_id IN ", ""),
            ] {
                let mut forget = QueryBuilder::<DB>::new(statement);
                push_list(&mut forget, ids());
                forget.push(end);
                // The last statement is the one that touches subjects.
                forgotten.subjects = forget.build().execute(&mut *tx).await?.rows_affected();
            }
            let mut mark = QueryBuilder::<DB>::new("UPDATE traces SET emptied_before_ms = ");
            mark.push_bind(before_ms).push(", rationales_emptied_before_ms = ").push_bind(before_ms).push(" WHERE trace_id IN ");
            push_list(&mut mark, ids());
            mark.build().execute(&mut *tx).await?;
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

/// Problems as they are kept without their content; none where they cannot be read.
pub(super) fn codes_alone(problems: &str) -> Option<String> {
    let problems: Vec<StoredProblem> = serde_json::from_str(problems).ok()?;
    let codes: Vec<StoredProblem> = problems.into_iter().map(StoredProblem::without_detail).collect();
    serde_json::to_string(&codes).ok()
}
