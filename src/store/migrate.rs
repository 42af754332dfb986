//! The schema, compiled in. Migrations are additive, so that workers of two releases can share a database.

use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};

use super::{Pool, Store, StoreError};
use crate::secrets::{InstallationSecret, random_salt};

macro_rules! migrations {
    ($($version:literal $description:literal $file:literal),* $(,)?) => {
        (
            || vec![$(migration($version, $description, include_str!(concat!("../../migrations/sqlite/", $file)))),*],
            || vec![$(migration($version, $description, include_str!(concat!("../../migrations/postgres/", $file)))),*],
        )
    };
}

fn migration(version: i64, description: &'static str, sql: &'static str) -> Migration {
    Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
}

/// Where sqlx keeps which migrations were applied; its default name.
const APPLIED: &str = "_sqlx_migrations";

/// A migration that copies tables may hold the lock for minutes; whoever comes meanwhile tries again so often.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const LOOKS: u32 = 3_000;

/// Applies what is missing to a connection on which no other process migrates, and makes the installation's row when there
/// is none: all in one transaction, so that no process ever finds a schema without it.
macro_rules! apply_missing {
    ($tx:ident, $migrations:expr, $now_ms:expr) => {{
        $tx.ensure_migrations_table(APPLIED).await?;
        let is_new = $tx.list_applied_migrations(APPLIED).await?.is_empty();
        // Not `run`, whose generic connection keeps the future from being sent between threads.
        migrator($migrations).run_direct(None, &mut *$tx, false).await?;
        // A database of an earlier version has workers that draw by the salt of their configuration.
        let salt = is_new.then(random_salt);
        sqlx::query(
            "INSERT INTO installation (one, secret, secret_since_ms, salt, salt_makes_placeholders) \
             VALUES (1, $1, $2, $3, $4) ON CONFLICT (one) DO NOTHING",
        )
        .bind(InstallationSecret::random().as_bytes())
        .bind($now_ms)
        .bind(salt)
        .bind(!is_new)
        .execute(&mut *$tx)
        .await?;
    }};
}

impl Store {
    /// Applies what is missing, one process at a time: SQLite's write lock is taken before the first look at the schema,
    /// on PostgreSQL the advisory lock that earlier versions take as well.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        let mut looks = 0;
        loop {
            match self.migrate_once().await {
                // SQLite's own patience ends after seconds.
                Err(error) if error.is_transient() && looks < LOOKS && matches!(self.pool, Pool::Sqlite { .. }) => {
                    if looks == 0 {
                        tracing::info!("another process is migrating the database; waiting for it");
                    }
                    looks += 1;
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                result => return result,
            }
        }
    }

    async fn migrate_once(&self) -> Result<(), StoreError> {
        if self.is_migrated().await {
            return Ok(());
        }
        match &self.pool {
            Pool::Sqlite { writer, .. } => {
                let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                let tx = &mut *transaction;
                apply_missing!(tx, SQLITE(), self.now_ms());
                transaction.commit().await?;
            }
            Pool::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                connection.lock().await?;
                let applied = self.migrate_postgres(&mut connection).await;
                connection.unlock().await?;
                applied?;
            }
        }
        Ok(())
    }

    async fn migrate_postgres(&self, connection: &mut sqlx::PgConnection) -> Result<(), StoreError> {
        let mut transaction = sqlx::Connection::begin(connection).await?;
        let tx = &mut *transaction;
        apply_missing!(tx, POSTGRES(), self.now_ms());
        Ok(transaction.commit().await?)
    }

    /// Whether every migration is applied: then no lock is needed, which a busy database may be slow to give.
    async fn is_migrated(&self) -> bool {
        let known = SQLITE();
        let newest = known.last().map_or(0, |migration| migration.version);
        let applied: Result<i64, sqlx::Error> = super::read!(self, DB, pool => {
            sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success AND version <= $1")
                .bind(newest)
                .fetch_one(pool)
                .await
        });
        // No table yet is no reason to fail.
        applied.is_ok_and(|applied| applied == known.len() as i64)
    }
}

type Migrations = fn() -> Vec<Migration>;

const BOTH: (Migrations, Migrations) = migrations![
    1 "initial" "0001_initial.sql",
    2 "alerts" "0002_alerts.sql",
    3 "past" "0003_past.sql",
    4 "anchors" "0004_anchors.sql",
    5 "streams" "0005_streams.sql",
    6 "rows in order" "0006_rows_in_order.sql",
    7 "parts of own" "0007_parts_of_own.sql",
    8 "installation" "0008_installation.sql",
    9 "revisions" "0009_revisions.sql",
    10 "sampling versions" "0010_sampling_versions.sql",
    11 "problems" "0011_problems.sql",
    12 "kept report" "0012_kept_report.sql",
    13 "search" "0013_search.sql",
    14 "resources" "0014_resources.sql",
    15 "cells" "0015_cells.sql",
    16 "cut" "0016_cut.sql",
    17 "label pool" "0017_label_pool.sql",
    18 "judges" "0018_judges.sql",
    19 "drift log" "0019_drift_log.sql",
    20 "contents" "0020_contents.sql",
    21 "kept accounts" "0021_kept_accounts.sql",
    22 "production" "0022_production.sql",
    23 "write back" "0023_write_back.sql",
    24 "set aside" "0024_set_aside.sql",
    25 "restored labels" "0025_restored_labels.sql",
    26 "access" "0026_access.sql",
    27 "ways of labels" "0027_ways_of_labels.sql",
    28 "rationales of emptied traces" "0028_rationales_of_emptied_traces.sql",
    29 "emptied rationales" "0029_emptied_rationales.sql",
    30 "distributions" "0030_distributions.sql",
    31 "lost records" "0031_lost_records.sql",
    32 "damaged traces" "0032_damaged_traces.sql",
    33 "thresholds" "0033_thresholds.sql",
    34 "rate factors" "0034_rate_factors.sql",
];
const SQLITE: Migrations = BOTH.0;
const POSTGRES: Migrations = BOTH.1;

fn migrator(migrations: Vec<Migration>) -> Migrator {
    let mut migrator = Migrator::with_migrations(migrations);
    // A newer release may have migrated further; its changes are additive.
    migrator.set_ignore_missing(true);
    // The caller holds the lock.
    migrator.set_locking(false);
    migrator
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;
    use sqlx::{Row, SqlitePool};

    use super::*;

    /// Every row of every table that was there before, as text.
    async fn rows(pool: &SqlitePool) -> Vec<String> {
        let mut rows = Vec::new();
        for table in ["traces", "spans", "log_records", "subjects", "evaluations", "deliveries"] {
            let columns: Vec<(String,)> = sqlx::query_as("SELECT name FROM pragma_table_info($1) ORDER BY name")
                .bind(table)
                .fetch_all(pool)
                .await
                .unwrap();
            let list: Vec<String> = columns.iter().map(|(name,)| format!("quote({name})")).collect();
            let select = format!("SELECT {} FROM {table}", list.join(" || ',' || "));
            for row in sqlx::query(sqlx::AssertSqlSafe(select)).fetch_all(pool).await.unwrap() {
                rows.push(format!("{table}: {}", row.get::<String, _>(0)));
            }
        }
        rows.sort();
        rows
    }

    #[tokio::test]
    async fn putting_rows_in_order_keeps_every_value_of_them() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        migrator(SQLITE().into_iter().take(5).collect()).run(&pool).await.unwrap();
        let filled = "
            INSERT INTO traces VALUES (x'01', 0.5, 1, 1, 2, TRUE, 3, 4, 5, 'w', 6, 0.1, 7), (x'02', 0.5, 1, 1, 2, TRUE, 3, NULL, 5, NULL, 6, NULL, NULL);
            INSERT INTO spans VALUES (x'01', x'02', 3, x'ff00');
            INSERT INTO log_records VALUES (x'01', x'02', 3, x'ff00');
            INSERT INTO subjects VALUES (x'01', 'generation', x'02', x'03', 's', 1, x'04', 5, 'r', 'm', 'chat', 'u', 2, '{}', '{}', '[]', 6);
            INSERT INTO evaluations VALUES (x'01', x'02', 3, 'r', 4, 'j', 'scored', 'why', 0.15, 5, 6, 7, 'w', 8, 0.9, 'pass', 1, 'because', 'm', x'05', 9, 10, 0.11, 12, 13, 14, 'round');
            INSERT INTO deliveries VALUES (x'01', 'otel', 'owed', 1, 2, 'w', 3, 'refused', 4, 5);";
        sqlx::raw_sql(filled).execute(&pool).await.unwrap();
        let before = rows(&pool).await;
        assert_eq!(before.len(), 7);
        migrator(SQLITE().into_iter().take(6).collect()).run(&pool).await.unwrap();
        assert_eq!(rows(&pool).await, before);
    }

    #[tokio::test]
    async fn traces_and_deliveries_that_were_there_before_are_counted() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        migrator(SQLITE().into_iter().take(20).collect()).run(&pool).await.unwrap();
        let filled = "
            INSERT INTO traces (trace_id, u, upstream_probability, first_seen_ms, last_seen_ms, root_seen, arrivals, assembled_at_ms)
            VALUES (x'01', 0.5, 1, 7200001, 2, TRUE, 3, 4), (x'02', 0.5, 1, 7200002, 2, TRUE, 3, NULL);
            INSERT INTO deliveries (evaluation_id, sink, state, due_at_ms, created_at_ms)
            VALUES (x'01', 'otel', 'owed', 1, 7200001), (x'02', 'otel', 'sent', 1, 7200001);";
        sqlx::raw_sql(filled).execute(&pool).await.unwrap();
        migrator(SQLITE()).run(&pool).await.unwrap();
        let traces: (i64, i64, i64) =
            sqlx::query_as("SELECT hour_ms, kept, assembled FROM trace_totals").fetch_one(&pool).await.unwrap();
        assert_eq!(traces, (7_200_000, 2, 1));
        let deliveries: (i64, i64, i64) =
            sqlx::query_as("SELECT hour_ms, made, sent FROM delivery_totals").fetch_one(&pool).await.unwrap();
        assert_eq!(deliveries, (7_200_000, 2, 1));
    }

    #[tokio::test]
    async fn what_judges_without_an_alias_comes_into_production() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        migrator(SQLITE().into_iter().take(21).collect()).run(&pool).await.unwrap();
        let filled = "
            INSERT INTO rubric_versions (name, version, hash, description, source, published_at_ms)
            VALUES ('a', 1, '', '', '', 5), ('a', 2, '', '', '', 6), ('b', 1, '', '', '', 7), ('b', 2, '', '', '', 8);
            INSERT INTO rubric_aliases VALUES ('a', 'candidate', 1, 9), ('b', 'production', 1, 9);";
        sqlx::raw_sql(filled).execute(&pool).await.unwrap();
        migrator(SQLITE()).run(&pool).await.unwrap();
        let production: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT name, version, moved_at_ms FROM rubric_aliases WHERE alias = 'production' ORDER BY name",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        assert_eq!(production, [("a".to_owned(), 2, 6), ("b".to_owned(), 1, 9)]);
    }
}
