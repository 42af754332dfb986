//! The statements of a fold, in an open transaction on either database.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

use super::evaluation::{EvaluationRow, TotalOf};
use crate::cells::{ByHour, CellAt, Sums};
use crate::store::dialect::Dialect;
use crate::store::open_transaction::{Open, within};
use crate::store::rows::{self, push_list};
use crate::store::{StoreError, row};

/// Parameters stay below the databases' limits: at most 7 columns a row.
pub(super) const ROWS_PER_STATEMENT: usize = 200;

row! {
    /// How far cells are built.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct State {
        pub(super) algorithm: i64,
        pub(super) epoch: i64,
        pub(super) cursor_ms: i64,
        pub(super) cursor_id: Uuid,
        pub(super) complete: bool,
    }
}

impl Open<'_> {
    /// The state, held until the transaction ends: one fold at a time, whoever thinks to have the duty.
    pub(super) async fn hold_state(&mut self) -> Result<State, StoreError> {
        Ok(within!(self, DB, tx => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT algorithm, epoch, cursor_ms, cursor_id, complete FROM cell_state WHERE one = 1{}",
                <DB as Dialect>::FOR_UPDATE
            )))
            .fetch_one(tx)
            .await?
        }))
    }

    pub(super) async fn store_state(&mut self, state: State) -> Result<(), StoreError> {
        within!(self, DB, tx => {
            sqlx::query("UPDATE cell_state SET algorithm = $1, epoch = $2, cursor_ms = $3, cursor_id = $4, complete = $5 WHERE one = 1")
                .bind(state.algorithm)
                .bind(state.epoch)
                .bind(state.cursor_ms)
                .bind(state.cursor_id)
                .bind(state.complete)
                .execute(tx)
                .await?;
        });
        Ok(())
    }

    /// Empties what is computed. What has cells of its own, and the numbers of parts, stay.
    pub(super) async fn empty(&mut self) -> Result<(), StoreError> {
        for statement in [
            "DELETE FROM evaluations_set_aside",
            "UPDATE cell_series SET newest_planned_ms = 0",
            "DELETE FROM cells",
            "DELETE FROM cell_totals",
            "DELETE FROM cell_conversations",
            "DELETE FROM evaluation_totals",
        ] {
            within!(self, DB, tx => sqlx::query(statement).execute(tx).await.map(drop)?);
        }
        Ok(())
    }

    /// Takes up to `limit` evaluations off the queue, those first that came first.
    pub(super) async fn take_changes(&mut self, limit: usize) -> Result<Vec<Uuid>, StoreError> {
        let taken: Vec<(Uuid,)> = within!(self, DB, tx => {
            sqlx::query_as(
                "DELETE FROM evaluation_changes WHERE sequence IN \
                 (SELECT sequence FROM evaluation_changes ORDER BY sequence LIMIT $1) RETURNING evaluation_id",
            )
            .bind(limit as i64)
            .fetch_all(tx)
            .await?
        });
        Ok(taken.into_iter().map(|(id,)| id).collect())
    }

    /// Puts evaluations back on the queue.
    pub(super) async fn put_back(&mut self, ids: &[Uuid]) -> Result<(), StoreError> {
        for ids in ids.chunks(ROWS_PER_STATEMENT) {
            within!(self, DB, tx => {
                let mut insert = QueryBuilder::<DB>::new(
                    "INSERT INTO evaluation_changes (evaluation_id) SELECT id FROM evaluations WHERE id IN ",
                );
                push_list(&mut insert, ids.iter());
                insert.build().execute(tx).await?;
            });
        }
        Ok(())
    }

    /// The next evaluations before the cursor, the latest first.
    pub(super) async fn page(&mut self, state: State, limit: usize) -> Result<Vec<(i64, Uuid)>, StoreError> {
        Ok(within!(self, DB, tx => {
            sqlx::query_as(
                "SELECT created_at_ms, id FROM evaluations WHERE (created_at_ms, id) < ($1, $2) \
                 ORDER BY created_at_ms DESC, id DESC LIMIT $3",
            )
            .bind(state.cursor_ms)
            .bind(state.cursor_id)
            .bind(limit as i64)
            .fetch_all(tx)
            .await?
        }))
    }

    /// Those of the evaluations that nobody else is changing, with what they were counted as.
    pub(super) async fn evaluations(&mut self, ids: &[Uuid]) -> Result<Vec<EvaluationRow>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(ROWS_PER_STATEMENT) {
            let page: Vec<EvaluationRow> = within!(self, DB, tx => {
                let mut select = QueryBuilder::<DB>::new(EvaluationRow::SELECT);
                push_list(&mut select, ids.iter());
                select.push(<DB as Dialect>::UNTOUCHED);
                select.build_query_as().fetch_all(tx).await?
            });
            found.extend(page);
        }
        Ok(found)
    }

    /// Notes when the newest score of each series was planned.
    pub(super) async fn note_newest(&mut self, newest: &BTreeMap<i64, i64>) -> Result<(), StoreError> {
        for (series, planned_ms) in newest {
            within!(self, DB, tx => {
                sqlx::query("UPDATE cell_series SET newest_planned_ms = $1 WHERE id = $2 AND newest_planned_ms < $1")
                    .bind(planned_ms)
                    .bind(series)
                    .execute(tx)
                    .await?;
            });
        }
        Ok(())
    }

    /// Notes in each evaluation's row what is counted of it now.
    pub(super) async fn note_folded(&mut self, folded: &[(Uuid, Option<String>)]) -> Result<(), StoreError> {
        for folded in folded.chunks(ROWS_PER_STATEMENT) {
            within!(self, DB, tx => {
                let mut update = QueryBuilder::<DB>::new("UPDATE evaluations SET folded = v.column2 FROM (");
                update.push_values(folded, |mut row, (id, folded)| {
                    row.push_bind(*id).push_bind(folded.as_deref());
                });
                update.push(") AS v WHERE evaluations.id = v.column1");
                update.build().execute(tx).await?;
            });
        }
        Ok(())
    }

    /// What is stored of conversations.
    pub(super) async fn conversations(&mut self, of: &[&String]) -> Result<BTreeMap<String, ByHour>, StoreError> {
        let mut known: BTreeMap<String, ByHour> = BTreeMap::new();
        for of in of.chunks(ROWS_PER_STATEMENT) {
            let found: Vec<(String, i64, String)> = within!(self, DB, tx => {
                let mut select =
                    QueryBuilder::<DB>::new("SELECT conversation, hour, sums FROM cell_conversations WHERE conversation IN ");
                push_list(&mut select, of.iter().map(|of| of.as_str()));
                select.build_query_as().fetch_all(tx).await?
            });
            for (conversation, hour, sums) in found {
                known.entry(conversation).or_default().insert(hour, rows::json("cell_conversations", "sums", &sums)?);
            }
        }
        Ok(known)
    }

    /// Replaces hours of conversations; an hour without a score goes.
    pub(super) async fn store_conversations(&mut self, changed: &BTreeMap<String, ByHour>) -> Result<(), StoreError> {
        let hours: Vec<_> =
            changed.iter().flat_map(|(of, hours)| hours.iter().map(move |(hour, parts)| (of, *hour, parts))).collect();
        let (empty, kept): (Vec<_>, Vec<_>) = hours.into_iter().partition(|(_, _, parts)| parts.is_empty());
        for (conversation, hour, _) in empty {
            within!(self, DB, tx => {
                sqlx::query("DELETE FROM cell_conversations WHERE conversation = $1 AND hour = $2")
                    .bind(conversation)
                    .bind(hour)
                    .execute(tx)
                    .await?;
            });
        }
        for kept in kept.chunks(ROWS_PER_STATEMENT) {
            let texts = texts("cell_conversations", kept.iter().map(|(_, _, parts)| *parts))?;
            within!(self, DB, tx => {
                let mut upsert = QueryBuilder::<DB>::new("INSERT INTO cell_conversations (conversation, hour, sums) ");
                upsert.push_values(kept.iter().zip(&texts), |mut row, ((conversation, hour, _), sums)| {
                    row.push_bind(conversation.as_str()).push_bind(*hour).push_bind(sums.as_str());
                });
                upsert.push(" ON CONFLICT (conversation, hour) DO UPDATE SET sums = excluded.sums");
                upsert.build().execute(tx).await?;
            });
        }
        Ok(())
    }

    /// Adds to cells; what is empty then goes.
    pub(super) async fn add_to_cells(&mut self, delta: &BTreeMap<CellAt, Sums>) -> Result<(), StoreError> {
        let delta: Vec<(&CellAt, &Sums)> = delta.iter().collect();
        for delta in delta.chunks(ROWS_PER_STATEMENT) {
            let found: Vec<(i64, i64, String)> = within!(self, DB, tx => {
                let mut select = QueryBuilder::<DB>::new("SELECT part_id, hour, sums FROM cells WHERE (part_id, hour) IN (");
                select.push_values(delta, |mut row, (at, _)| {
                    row.push_bind(at.0).push_bind(at.1);
                });
                select.push(")");
                select.build_query_as().fetch_all(tx).await?
            });
            let mut cells: BTreeMap<CellAt, Sums> = BTreeMap::new();
            for (part, hour, sums) in found {
                cells.insert((part, hour), rows::json("cells", "sums", &sums)?);
            }
            for (at, change) in delta {
                cells.entry(**at).or_default().add(change, 1);
            }
            self.store_cells(&cells).await?;
        }
        Ok(())
    }

    async fn store_cells(&mut self, cells: &BTreeMap<CellAt, Sums>) -> Result<(), StoreError> {
        let (empty, kept): (Vec<_>, Vec<_>) = cells.iter().partition(|(_, sums)| sums.is_empty());
        for ((part, hour), _) in empty {
            within!(self, DB, tx => {
                sqlx::query("DELETE FROM cells WHERE part_id = $1 AND hour = $2").bind(part).bind(hour).execute(tx).await?;
            });
        }
        if kept.is_empty() {
            return Ok(());
        }
        let texts = texts("cells", kept.iter().map(|(_, sums)| *sums))?;
        within!(self, DB, tx => {
            let mut upsert = QueryBuilder::<DB>::new("INSERT INTO cells (part_id, hour, sums) ");
            upsert.push_values(kept.iter().zip(&texts), |mut row, (((part, hour), _), sums)| {
                row.push_bind(*part).push_bind(*hour).push_bind(sums.as_str());
            });
            upsert.push(" ON CONFLICT (part_id, hour) DO UPDATE SET sums = excluded.sums");
            upsert.build().execute(tx).await?;
        });
        Ok(())
    }

    /// Adds to the sums over all hours; what is empty then goes.
    pub(super) async fn add_to_totals(&mut self, delta: &BTreeMap<CellAt, Sums>) -> Result<(), StoreError> {
        let mut parts: BTreeMap<i64, Sums> = BTreeMap::new();
        for ((part, _), sums) in delta {
            parts.entry(*part).or_default().add(sums, 1);
        }
        let ids: Vec<i64> = parts.keys().copied().collect();
        for ids in ids.chunks(ROWS_PER_STATEMENT) {
            let found: Vec<(i64, String)> = within!(self, DB, tx => {
                let mut select = QueryBuilder::<DB>::new("SELECT part_id, sums FROM cell_totals WHERE part_id IN ");
                push_list(&mut select, ids.iter());
                select.build_query_as().fetch_all(tx).await?
            });
            for (part, sums) in found {
                let known: Sums = rows::json("cell_totals", "sums", &sums)?;
                parts.entry(part).or_default().add(&known, 1);
            }
        }
        let parts: Vec<(i64, Sums)> = parts.into_iter().collect();
        for parts in parts.chunks(ROWS_PER_STATEMENT) {
            let texts = texts("cell_totals", parts.iter().map(|(_, sums)| sums))?;
            within!(self, DB, tx => {
                let mut upsert = QueryBuilder::<DB>::new("INSERT INTO cell_totals (part_id, sums) ");
                upsert.push_values(parts.iter().zip(&texts), |mut row, ((part, _), sums)| {
                    row.push_bind(*part).push_bind(sums.as_str());
                });
                upsert.push(" ON CONFLICT (part_id) DO UPDATE SET sums = excluded.sums");
                upsert.build().execute(tx).await?;
            });
        }
        Ok(())
    }

    /// Adds to the ledger's accounts.
    pub(super) async fn add_to_accounts(&mut self, delta: &BTreeMap<TotalOf, i64>) -> Result<(), StoreError> {
        let changed: Vec<(&TotalOf, &i64)> = delta.iter().filter(|(_, number)| **number != 0).collect();
        for changed in changed.chunks(ROWS_PER_STATEMENT) {
            within!(self, DB, tx => {
                let mut upsert = QueryBuilder::<DB>::new(
                    "INSERT INTO evaluation_totals AS total (rubric, version, judge, hour_ms, outcome, reason, number) ",
                );
                upsert.push_values(changed, |mut row, ((rubric, version, judge, hour_ms, outcome, reason), number)| {
                    row.push_bind(rubric.as_str())
                        .push_bind(*version)
                        .push_bind(judge.as_str())
                        .push_bind(*hour_ms)
                        .push_bind(outcome.as_str())
                        .push_bind(reason.as_str())
                        .push_bind(**number);
                });
                upsert.push(
                    " ON CONFLICT (rubric, version, judge, hour_ms, outcome, reason) \
                     DO UPDATE SET number = total.number + excluded.number",
                );
                upsert.build().execute(tx).await?;
            });
        }
        Ok(())
    }
}

/// The JSON of each.
fn texts<'a, T: Serialize + 'a>(
    table: &'static str,
    values: impl Iterator<Item = &'a T>,
) -> Result<Vec<String>, StoreError> {
    values.map(|value| rows::to_json(table, "sums", value)).collect()
}
