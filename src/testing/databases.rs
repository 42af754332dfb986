//! A fresh database for each test, of both kinds.

use crate::clock::Clock;
use crate::store::Store;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The time at which every test clock starts: 2026-01-01T00:00:00Z.
pub const START_MS: i64 = 1_767_225_600_000;

/// A database of a test's own; dropped with it.
pub struct Database {
    /// The store under test.
    pub store: Store,
    /// Its clock, moved by hand.
    pub clock: Clock,
    /// Where another store of the same database can be opened.
    pub url: String,
    _files: Option<tempfile::TempDir>,
}

impl Database {
    /// SQLite in a temporary directory.
    pub async fn sqlite() -> Self {
        let files = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", files.path().join("judged.db").display());
        Self::open(url, Some(files)).await
    }

    /// A schema of its own in the PostgreSQL server named by the environment.
    pub async fn postgres() -> Self {
        Self::open(postgres_schema().await, None).await
    }

    async fn open(url: String, files: Option<tempfile::TempDir>) -> Self {
        let clock = Clock::manual(START_MS);
        let store = Store::open(&url, clock.clone()).await.unwrap();
        Self { store, clock, url, _files: files }
    }

    /// Runs a statement as another release might, whose columns are other ones.
    pub async fn execute(&self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        if self.url.starts_with("sqlite") {
            sqlx::SqliteConnection::connect(&self.url).await.unwrap().execute(statement).await.unwrap();
        } else {
            PgConnection::connect(&self.url).await.unwrap().execute(statement).await.unwrap();
        }
    }

    /// Leaves every stored subject as a release with another reading would have: assembled by `reading` (`None` of releases
    /// that kept no revisions) into something else.
    pub async fn stored_by_another_reading(&self, reading: Option<i64>) {
        let statement = "UPDATE subjects SET reading = $1, digest = $2";
        let digest = [0xff_u8; 32].as_slice();
        if self.url.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query(statement).bind(reading).bind(digest).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query(statement).bind(reading).bind(digest).execute(&mut connection).await.unwrap();
        }
    }

    /// A second worker on the same database and clock.
    pub async fn another_worker(&self) -> Store {
        Store::open(&self.url, self.clock.clone()).await.unwrap()
    }
}

/// The URL of a new, empty schema in the PostgreSQL server named by the environment.
pub async fn postgres_schema() -> String {
    let server = std::env::var("JUDGED_TEST_POSTGRES_URL")
        .expect("JUDGED_TEST_POSTGRES_URL is not set: run the suite with scripts/test, which starts a server");
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&server).await.expect("the test PostgreSQL answers");
    connection.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
    let separator = if server.contains('?') { '&' } else { '?' };
    format!("{server}{separator}options[search_path]={schema}")
}

/// Writes one test for each database.
macro_rules! on_both_databases {
    ($(#[doc = $doc:literal])* $name:ident($database:ident) $body:block) => {
        mod $name {
            use super::*;

            async fn run($database: $crate::testing::databases::Database) $body

            #[tokio::test]
            async fn sqlite() {
                run($crate::testing::databases::Database::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                run($crate::testing::databases::Database::postgres().await).await;
            }
        }
    };
}

pub(crate) use on_both_databases;
