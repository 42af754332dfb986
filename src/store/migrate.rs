//! The schema, compiled in. Migrations are additive, so that workers of two releases can share a database.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{Pool, Store, StoreError};

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

impl Store {
    /// Applies what is missing. On PostgreSQL an advisory lock lets many workers start at once.
    pub(super) async fn migrate(&self) -> Result<(), StoreError> {
        match &self.pool {
            Pool::Sqlite { writer, .. } => migrator(SQLITE()).run(writer).await?,
            Pool::Postgres(pool) => migrator(POSTGRES()).run(pool).await?,
        }
        Ok(())
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
];
const SQLITE: Migrations = BOTH.0;
const POSTGRES: Migrations = BOTH.1;

fn migrator(migrations: Vec<Migration>) -> Migrator {
    let mut migrator = Migrator::with_migrations(migrations);
    // A newer release may have migrated further; its changes are additive.
    migrator.set_ignore_missing(true);
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
        migrator(SQLITE()).run(&pool).await.unwrap();
        assert_eq!(rows(&pool).await, before);
    }
}
