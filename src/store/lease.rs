//! Leases: one worker at a time works on a row, until it stores a result, gives the row back, or lets the lease expire.
//!
//! A lease is an owner and the moment it ends. Nobody has to notice that an owner died: once that moment has passed, the
//! row is free for whoever asks next. The late owner finds out when it stores its result, because every such statement
//! asks for `lease_owner = <this worker>`; it also sets `lease_until_ms = 0`, which ends the lease.
//!
//! Rows of a [`Queue`] wait for any worker; what a [`Charge`] names exists once and is taken by its name.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, QueryBuilder};
use uuid::Uuid;

use super::dialect::Dialect;
use super::rows::push_list;
use super::{Store, StoreError, transaction};
use crate::config::lease::LONGEST;

/// No lease is longer: one that ends later was taken by a clock that went wrong, and is none.
const LONGEST_LEASE_MS: i64 = LONGEST.as_millis() as i64;

/// Identifiers renewed or released in one statement.
const KEYS_PER_STATEMENT: usize = 64;

/// Rows that both databases read alike.
pub(super) trait AnyRow: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> AnyRow for Row {}

/// A table whose rows fall due (`due_at_ms`) and are leased (`lease_owner`, `lease_until_ms`).
pub(super) struct Queue {
    pub(super) table: &'static str,
    pub(super) key: &'static str,
    /// Appended to the conditions of a free row, beginning with ` AND `: `$3` is now, `$5` the part of the queue that is
    /// asked for. What a partial index demands stands here word for word, or the index is not used.
    pub(super) waiting: &'static str,
    /// Put before the condition on the key, ending in ` AND `, where a key alone names rows of several parts.
    pub(super) part: &'static str,
    /// The columns a worker gets of a row that it leased.
    pub(super) returning: &'static str,
}

impl Queue {
    fn claim<DB: Dialect>(&self) -> String {
        let Self { table, key, waiting, part, returning } = self;
        format!(
            "UPDATE {table} SET lease_owner = $1, lease_until_ms = $2 WHERE {part}{key} IN (\
                 SELECT {key} FROM {table} WHERE due_at_ms <= $3 \
                 AND (lease_until_ms <= $3 OR lease_until_ms > $3 + {LONGEST_LEASE_MS}){waiting} \
                 ORDER BY due_at_ms LIMIT $4{}) \
             RETURNING {returning}",
            DB::SKIP_LOCKED
        )
    }
}

/// A table of things that one worker at a time has charge of (`worker`, `until_ms`), each under a name of its own.
pub(super) struct Charge {
    pub(super) table: &'static str,
    pub(super) key: &'static str,
    /// Further columns and values of a new row, each beginning with `, `: `$4` is now, `$5` what the taker says besides.
    pub(super) columns: &'static str,
    pub(super) values: &'static str,
    /// What taking a row changes besides its holder, ending in `, `.
    pub(super) changes: &'static str,
    /// The columns a worker gets of what it has taken.
    pub(super) returning: &'static str,
}

impl Charge {
    fn take(&self) -> String {
        let Self { table, key, columns, values, changes, returning } = self;
        format!(
            "INSERT INTO {table} ({key}, worker, until_ms{columns}) VALUES ($1, $2, $3{values}) \
             ON CONFLICT ({key}) DO UPDATE SET {changes}worker = excluded.worker, until_ms = excluded.until_ms \
             WHERE {table}.worker = excluded.worker OR {table}.until_ms <= $4 OR {table}.until_ms > $4 + {LONGEST_LEASE_MS} \
             RETURNING {returning}"
        )
    }
}

impl Store {
    /// Leases up to `limit` rows of `queue` (of `part` of it) that are due and free, earliest first, for `lease_ms`.
    pub(super) async fn claim<Row: AnyRow>(
        &self,
        queue: &Queue,
        part: Option<&str>,
        limit: usize,
        lease_ms: i64,
    ) -> Result<Vec<Row>, StoreError> {
        let now_ms = self.now_ms();
        Ok(transaction!(self, DB, tx => {
            let mut claim = sqlx::query_as(AssertSqlSafe(queue.claim::<DB>()))
                .bind(self.worker())
                .bind(now_ms + lease_ms)
                .bind(now_ms)
                .bind(limit as i64);
            if let Some(part) = part {
                claim = claim.bind(part);
            }
            claim.fetch_all(&mut *tx).await?
        }))
    }

    /// Makes the leases that this worker holds on `keys` end `lease_ms` from now.
    pub(super) async fn renew(&self, queue: &Queue, keys: &[Uuid], lease_ms: i64) -> Result<(), StoreError> {
        self.hold_until(queue, keys, self.now_ms() + lease_ms).await
    }

    /// Gives rows back without a result, so that another worker need not wait for the leases to expire.
    pub(super) async fn release(&self, queue: &Queue, keys: &[Uuid]) -> Result<(), StoreError> {
        self.hold_until(queue, keys, 0).await
    }

    async fn hold_until(&self, queue: &Queue, keys: &[Uuid], until_ms: i64) -> Result<(), StoreError> {
        for keys in keys.chunks(KEYS_PER_STATEMENT) {
            transaction!(self, DB, tx => {
                let mut update = QueryBuilder::<DB>::new("UPDATE ");
                update.push(queue.table).push(" SET lease_until_ms = ").push_bind(until_ms);
                // A lease that has ended, by a result for instance, does not begin anew.
                update.push(" WHERE lease_until_ms > 0 AND lease_owner = ").push_bind(self.worker());
                update.push(" AND ").push(queue.key).push(" IN ");
                push_list(&mut update, keys.iter());
                update.build().execute(&mut *tx).await?;
            });
        }
        Ok(())
    }

    /// Takes charge of `name` for `lease_ms`, or keeps it for so much longer; `None` while another worker has it.
    pub(super) async fn take<Row: AnyRow>(
        &self,
        charge: &Charge,
        name: &str,
        lease_ms: i64,
        besides: Option<&str>,
    ) -> Result<Option<Row>, StoreError> {
        let now_ms = self.now_ms();
        Ok(transaction!(self, DB, tx => {
            let mut take = sqlx::query_as(AssertSqlSafe(charge.take()))
                .bind(name)
                .bind(self.worker())
                .bind(now_ms + lease_ms)
                .bind(now_ms);
            if let Some(besides) = besides {
                take = take.bind(besides);
            }
            take.fetch_optional(&mut *tx).await?
        }))
    }
}
