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
        let (sqlite, postgres) = migrations![
            1 "initial" "0001_initial.sql",
            2 "alerts" "0002_alerts.sql",
            3 "past" "0003_past.sql",
            4 "anchors" "0004_anchors.sql",
            5 "streams" "0005_streams.sql",
        ];
        match &self.pool {
            Pool::Sqlite { writer, .. } => migrator(sqlite()).run(writer).await?,
            Pool::Postgres(pool) => migrator(postgres()).run(pool).await?,
        }
        Ok(())
    }
}

fn migrator(migrations: Vec<Migration>) -> Migrator {
    let mut migrator = Migrator::with_migrations(migrations);
    // A newer release may have migrated further; its changes are additive.
    migrator.set_ignore_missing(true);
    migrator
}
