//! What judges used up, and what workers have set aside of their budgets: counted once for all workers.

use std::collections::BTreeMap;

use super::{Store, StoreError, read, row, transaction};
use crate::model::{Amounts, Limits};

/// A part of what is free is set aside at a time, so that what one worker holds does not stop the others.
const SHARE: i64 = 8;

/// A budget and the days that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceiling {
    /// The day, in days since the Unix epoch, UTC.
    pub day: i64,
    /// The first day of its month.
    pub month: i64,
    pub daily: Limits,
    pub monthly: Limits,
    /// What workers of earlier releases used up, which book nothing here: of the day, and of the month.
    pub elsewhere: (Amounts, Amounts),
}

/// What came of asking for an allotment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allotted {
    Granted(Amounts),
    /// Not even the least that was asked for is left of the day.
    DayUsedUp,
    /// The same of the month.
    MonthUsedUp,
}

row! {
    struct SumRow {
        judge: String,
        rubric: String,
        nano_usd: i64,
        tokens: i64,
        calls: i64,
    }
}

/// Columns that add up to [`Amounts`]. A sum of BIGINT is NUMERIC to PostgreSQL.
const SUMS: &str = "CAST(COALESCE(sum(nano_usd), 0) AS BIGINT) AS nano_usd, CAST(COALESCE(sum(tokens), 0) AS BIGINT) AS tokens, \
                    CAST(COALESCE(sum(calls), 0) AS BIGINT) AS calls";

/// Makes other workers wait until the transaction ends.
const HOLD_ACCOUNT: &str = "INSERT INTO judge_accounts (judge, changed_ms) VALUES ($1, $2) \
                            ON CONFLICT (judge) DO UPDATE SET changed_ms = excluded.changed_ms";

type Sums = (i64, i64, i64);

fn amounts((nano_usd, tokens, calls): Sums) -> Amounts {
    Amounts { nano_usd, tokens, calls }
}

impl Store {
    /// Sets aside up to `wanted` and at least `least` of what `judge` may still use up.
    pub async fn allot(
        &self,
        judge: &str,
        ceiling: Ceiling,
        wanted: Amounts,
        least: Amounts,
    ) -> Result<Allotted, StoreError> {
        let (now_ms, worker) = (self.now_ms(), self.worker());
        Ok(transaction!(self, DB, tx => {
            sqlx::query(HOLD_ACCOUNT).bind(judge).bind(now_ms).execute(&mut *tx).await?;
            let spent = format!("SELECT {SUMS} FROM judge_spending WHERE judge = $1 AND day >= $2 AND day <= $3");
            let today: Sums = sqlx::query_as(sqlx::AssertSqlSafe(spent.as_str()))
                .bind(judge).bind(ceiling.day).bind(ceiling.day).fetch_one(&mut *tx).await?;
            let month: Sums = sqlx::query_as(sqlx::AssertSqlSafe(spent.as_str()))
                .bind(judge).bind(ceiling.month).bind(ceiling.day).fetch_one(&mut *tx).await?;
            let held = format!("SELECT {SUMS} FROM judge_allotments WHERE judge = $1 AND day = $2");
            let held: Sums = sqlx::query_as(sqlx::AssertSqlSafe(held.as_str()))
                .bind(judge).bind(ceiling.day).fetch_one(&mut *tx).await?;
            let held = amounts(held);
            let day_left = ceiling.daily.left(amounts(today).plus(ceiling.elsewhere.0).plus(held));
            let month_left = ceiling.monthly.left(amounts(month).plus(ceiling.elsewhere.1).plus(held));
            if !month_left.covers(least) {
                Allotted::MonthUsedUp
            } else if !day_left.covers(least) {
                Allotted::DayUsedUp
            } else {
                let free = day_left.least(month_left);
                let part = Amounts { nano_usd: free.nano_usd / SHARE, tokens: free.tokens / SHARE, calls: free.calls / SHARE };
                let granted = wanted.least(part).most(least);
                sqlx::query(
                    "INSERT INTO judge_allotments (judge, day, worker, nano_usd, tokens, calls) VALUES ($1, $2, $3, $4, $5, $6) \
                     ON CONFLICT (judge, day, worker) DO UPDATE SET nano_usd = judge_allotments.nano_usd + excluded.nano_usd, \
                     tokens = judge_allotments.tokens + excluded.tokens, calls = judge_allotments.calls + excluded.calls",
                )
                .bind(judge).bind(ceiling.day).bind(worker)
                .bind(granted.nano_usd).bind(granted.tokens).bind(granted.calls)
                .execute(&mut *tx)
                .await?;
                Allotted::Granted(granted)
            }
        }))
    }

    /// Books what was used up, by rubric and day, and replaces what this worker has set aside of `day` by `kept`: in one
    /// transaction, so that nothing is counted twice or not at all.
    pub async fn book_spending(
        &self,
        judge: &str,
        spent: &BTreeMap<(String, i64), Amounts>,
        day: i64,
        kept: Amounts,
    ) -> Result<(), StoreError> {
        let (now_ms, worker) = (self.now_ms(), self.worker());
        transaction!(self, DB, tx => {
            sqlx::query(HOLD_ACCOUNT).bind(judge).bind(now_ms).execute(&mut *tx).await?;
            for ((rubric, day), spent) in spent {
                sqlx::query(
                    "INSERT INTO judge_spending (judge, rubric, day, nano_usd, tokens, calls) VALUES ($1, $2, $3, $4, $5, $6) \
                     ON CONFLICT (judge, day, rubric) DO UPDATE SET nano_usd = judge_spending.nano_usd + excluded.nano_usd, \
                     tokens = judge_spending.tokens + excluded.tokens, calls = judge_spending.calls + excluded.calls",
                )
                .bind(judge).bind(rubric).bind(day).bind(spent.nano_usd).bind(spent.tokens).bind(spent.calls)
                .execute(&mut *tx)
                .await?;
            }
            sqlx::query("UPDATE judge_allotments SET nano_usd = $1, tokens = $2, calls = $3 WHERE judge = $4 AND day = $5 AND worker = $6")
                .bind(kept.nano_usd).bind(kept.tokens).bind(kept.calls).bind(judge).bind(day).bind(worker)
                .execute(&mut *tx)
                .await?;
            // Of days that are over, nothing is set aside any more.
            sqlx::query("DELETE FROM judge_allotments WHERE judge = $1 AND day < $2")
                .bind(judge).bind(day - 1)
                .execute(&mut *tx)
                .await?;
        });
        Ok(())
    }

    /// What was used up from `first` to `last` (days since the Unix epoch), by judge and rubric.
    pub async fn spending(&self, first: i64, last: i64) -> Result<BTreeMap<(String, String), Amounts>, StoreError> {
        let statement = format!(
            "SELECT judge, rubric, {SUMS} FROM judge_spending WHERE day >= $1 AND day <= $2 GROUP BY judge, rubric"
        );
        let found: Vec<SumRow> = read!(self, DB, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(statement.as_str())).bind(first).bind(last).fetch_all(pool).await?
        });
        let of_row = |row: SumRow| ((row.judge, row.rubric), amounts((row.nano_usd, row.tokens, row.calls)));
        Ok(found.into_iter().map(of_row).collect())
    }
}
