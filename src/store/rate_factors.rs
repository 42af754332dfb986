//! By how much rates are lowered so that budgets last, and what is asked of judges meanwhile.

use std::collections::BTreeMap;

use super::{Store, StoreError, read, row, rows, transaction};
use crate::model::Probability;

/// What was lowered so long ago is of no use any more.
const KEPT_MS: i64 = 62 * 86_400_000;

/// A rubric and its judge.
pub type RubricAndJudge = (String, String);

/// What was in force from some moment to another, milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateFactor {
    pub since_ms: i64,
    pub until_ms: i64,
    pub factor: Probability,
}

row! {
    struct FactorRow {
        rubric: String,
        judge: String,
        since_ms: i64,
        until_ms: i64,
        factor: f64,
    }
}

/// Evaluations that were planned to be judged in one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedMinute {
    /// When it began, milliseconds since the Unix epoch.
    pub start_ms: i64,
    pub planned: i64,
}

impl Store {
    /// What was in force since `from_ms` or is, oldest first.
    pub async fn rate_factors(&self, from_ms: i64) -> Result<BTreeMap<RubricAndJudge, Vec<RateFactor>>, StoreError> {
        let found: Vec<FactorRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT rubric, judge, since_ms, until_ms, factor FROM rate_factors WHERE until_ms > $1 \
                 ORDER BY rubric, judge, since_ms",
            )
            .bind(from_ms)
            .fetch_all(pool)
            .await?
        });
        let mut factors: BTreeMap<RubricAndJudge, Vec<RateFactor>> = BTreeMap::new();
        for row in found {
            let factor = rows::probability("rate_factors", "factor", row.factor)?;
            let own = factors.entry((row.rubric, row.judge)).or_default();
            own.push(RateFactor { since_ms: row.since_ms, until_ms: row.until_ms, factor });
        }
        Ok(factors)
    }

    /// Puts factors into force until `until_ms`, in place of all that were: one that is the same as before goes on.
    pub async fn put_rate_factors(
        &self,
        factors: &BTreeMap<RubricAndJudge, Probability>,
        until_ms: i64,
    ) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        let in_force = self.rate_factors(now_ms).await?;
        transaction!(self, DB, tx => {
            for ((rubric, judge), before) in &in_force {
                let Some(last) = before.last() else { continue };
                let goes_on = factors.get(&(rubric.clone(), judge.clone())) == Some(&last.factor);
                sqlx::query("UPDATE rate_factors SET until_ms = $1 WHERE rubric = $2 AND judge = $3 AND until_ms > $4")
                    .bind(if goes_on { until_ms } else { now_ms })
                    .bind(rubric)
                    .bind(judge)
                    .bind(now_ms)
                    .execute(&mut *tx)
                    .await?;
            }
            for ((rubric, judge), factor) in factors {
                let last = in_force.get(&(rubric.clone(), judge.clone())).and_then(|before| before.last());
                if last.is_some_and(|last| last.factor == *factor) {
                    continue;
                }
                sqlx::query(
                    "INSERT INTO rate_factors (rubric, judge, since_ms, until_ms, factor) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT (rubric, judge, since_ms) DO UPDATE SET until_ms = excluded.until_ms, factor = excluded.factor",
                )
                .bind(rubric)
                .bind(judge)
                .bind(now_ms)
                .bind(until_ms)
                .bind(factor.get())
                .execute(&mut *tx)
                .await?;
            }
            sqlx::query("DELETE FROM rate_factors WHERE until_ms < $1")
                .bind(now_ms - KEPT_MS)
                .execute(&mut *tx)
                .await?;
        });
        Ok(())
    }

    /// How many evaluations were planned since `from_ms` to be judged within the hour, by rubric and minute: not those of a backfill that is
    /// spread over days.
    pub async fn planned_by_minute(
        &self,
        judge: &str,
        from_ms: i64,
    ) -> Result<BTreeMap<String, Vec<PlannedMinute>>, StoreError> {
        let found: Vec<(String, i64, i64)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT rubric, created_at_ms / 60000 AS minute, count(*) FROM evaluations \
                 WHERE created_at_ms >= $1 AND judge = $2 AND anchor_round IS NULL AND outcome NOT IN ('sampled_out', 'filtered') \
                 AND due_at_ms < created_at_ms + 3600000 \
                 GROUP BY rubric, created_at_ms / 60000 ORDER BY rubric, minute",
            )
            .bind(from_ms)
            .bind(judge)
            .fetch_all(pool)
            .await?
        });
        let mut planned: BTreeMap<String, Vec<PlannedMinute>> = BTreeMap::new();
        for (rubric, minute, count) in found {
            planned.entry(rubric).or_default().push(PlannedMinute { start_ms: minute * 60_000, planned: count });
        }
        Ok(planned)
    }

    /// How many evaluations wait for a judge now, by rubric.
    pub async fn pending_by_rubric(&self, judge: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        let found: Vec<(String, i64)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT rubric, count(*) FROM evaluations WHERE outcome = 'pending' AND judge = $1 AND due_at_ms <= $2 GROUP BY rubric")
                .bind(judge)
                .bind(self.now_ms())
                .fetch_all(pool)
                .await?
        });
        Ok(found.into_iter().collect())
    }
}
