//! Scored evaluations in order of observation, a page at a time: however many there are, few are held.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::reports::{SCORED_COLUMNS, ScoredRow};
use super::rows::push_list;
use super::{ScoredEvaluation, Store, StoreError, read};

/// Which scores to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoredScope {
    /// Only what was planned since, milliseconds since the Unix epoch.
    pub since_ms: i64,
    /// Only these rubrics; all when there are none.
    pub rubrics: Vec<String>,
}

/// Where the next page begins: after this evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoredCursor {
    observed_at_ms: i64,
    id: Uuid,
}

impl ScoredCursor {
    /// Behind `last`.
    pub fn after(last: &ScoredEvaluation) -> Self {
        Self { observed_at_ms: last.observed_at_ms, id: last.id.as_uuid() }
    }
}

impl Store {
    /// Where the scores of `scope` begin.
    pub async fn start_of_scores(&self, scope: &ScoredScope) -> Result<ScoredCursor, StoreError> {
        let mut first_ms = i64::MIN;
        if scope.since_ms > 0 {
            // What was planned lately may have been observed at any time, and most of what was observed is older.
            let found: Option<i64> = read!(self, DB, pool => {
                sqlx::query_scalar(
                    "SELECT min(s.observed_at_ms) FROM evaluations e CROSS JOIN subjects s \
                     WHERE s.id = e.subject_id AND e.created_at_ms >= $1",
                )
                .bind(scope.since_ms)
                .fetch_one(pool)
                .await?
            });
            first_ms = found.unwrap_or(i64::MAX);
        }
        Ok(ScoredCursor { observed_at_ms: first_ms, id: Uuid::nil() })
    }

    /// The next `limit` scores of `scope`; anchors that were judged again are left out.
    pub async fn scored_page(
        &self,
        scope: &ScoredScope,
        after: ScoredCursor,
        limit: usize,
    ) -> Result<Vec<ScoredEvaluation>, StoreError> {
        let found: Vec<ScoredRow> = read!(self, DB, pool => {
            let mut select = QueryBuilder::<DB>::new("SELECT ");
            select.push(SCORED_COLUMNS).push(
                ", e.rationale, e.distribution FROM subjects s CROSS JOIN evaluations e \
                 WHERE e.subject_id = s.id AND e.outcome = 'scored' AND e.anchor_round IS NULL AND s.observed_at_ms >= ",
            );
            select.push_bind(after.observed_at_ms).push(" AND (s.observed_at_ms, e.id) > (");
            select.push_bind(after.observed_at_ms).push(", ").push_bind(after.id);
            select.push(") AND e.created_at_ms >= ").push_bind(scope.since_ms);
            if !scope.rubrics.is_empty() {
                select.push(" AND e.rubric IN ");
                push_list(&mut select, scope.rubrics.iter().map(String::as_str));
            }
            select.push(" ORDER BY s.observed_at_ms, e.id LIMIT ").push_bind(limit as i64);
            select.build_query_as().fetch_all(pool).await?
        });
        found.into_iter().map(ScoredRow::into_evaluation).collect()
    }
}
