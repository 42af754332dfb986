//! The database: where the stages of the pipeline meet.
//!
//! One SQL text serves SQLite and PostgreSQL wherever both understand it; the macros `read!` and `transaction!`
//! compile it once for each, against native types. What only one of them understands stands in `dialect`.
//!
//! SQLite has one writer connection, so that writers queue fairly in its pool and `BEGIN IMMEDIATE` never fails for
//! want of a lock, and several readers. Every statement that several workers may run touches rows in key order, so that
//! they cannot deadlock on PostgreSQL.

mod alert_deliveries;
mod alerts;
mod anchors;
mod audit;
mod backfill;
mod budgets;
mod cells;
mod commit_plan;
mod damaged_traces;
mod deliveries;
mod dialect;
mod drift_log;
mod duties;
mod earlier_workers;
mod evaluation_accounts;
mod evaluation_queries;
mod evaluation_search;
mod evaluations;
mod forgetting;
mod installation;
mod intake;
mod judge_states;
mod kept_accounts;
mod kept_reports;
mod label_pool;
mod labels;
mod latest_subjects;
mod lease;
mod ledger;
mod log_ins;
mod lost_records;
mod migrate;
mod notify;
mod notify_others;
mod open_transaction;
mod outbox;
mod pooler;
mod problem_account;
mod rate_factors;
mod repeats;
mod reports;
mod resources;
mod retention;
mod rows;
mod rubrics;
mod sampling_versions;
mod scored_pages;
mod scores;
mod sessions;
mod snapshots;
mod streams;
mod subject_row;
mod thresholds;
mod traces;
mod worker_releases;
mod write_back;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use uuid::Uuid;

pub use alert_deliveries::{AlertDeliveryState, OwedAlert};
pub use alerts::{AlertCursor, AlertRoute, AlertWrite};
pub use anchors::{Anchor, AnchorEvaluation, AnchorReplay};
pub use audit::{AuditAction, AuditEntry};
pub use backfill::{BackfillScope, JudgeHistory, PastCursor, PastDecision, PastSubject};
pub use budgets::{Allotted, Ceiling};
pub use cells::{CellPart, CellsBuilt, Extent, PartSums};
pub use commit_plan::{PlannedEvaluation, PlannedFrom, PlannedSubject, StoredSubject};
pub use damaged_traces::{Damage, DamagedTrace};
pub use deliveries::OwedDelivery;
pub use drift_log::{KeptWatch, Logged, LoggedWhat, WatchedJudge};
pub use evaluation_accounts::{AccountDifference, LedgerProof};
pub use evaluation_queries::{EvaluationDetail, EvaluationSummary, PageCursor};
pub use evaluation_search::{EvaluationFilter, EvaluationOrder, EvaluationPage};
pub use evaluations::{Conclusion, EvaluationResult, JudgeCall, LeasedEvaluation};
pub use forgetting::{ForgottenForGood, SentTrace, ToForget};
pub use installation::Installation;
pub use intake::{Committed, IntakeBatch, KeptLogRecord, KeptSpan, OwnParts, SettleTimes};
pub use kept_accounts::TotalDifference;
pub use kept_reports::KeptReport;
pub use label_pool::{FirstScore, KeptPool, PoolCandidate, PoolChange, PoolHour, PoolPosition};
pub use labels::LabelTarget;
pub use latest_subjects::{LatestSubject, Said, Series};
pub use ledger::{EvaluationAccount, IntakeAccount, Ledger, TraceAccount};
pub use notify::{LOOK_AT_LEAST_MS, Stage, Wakeups};
pub use outbox::DeliveryOutcome;
pub use problem_account::ProblemCount;
pub use rate_factors::{PlannedMinute, RateFactor, RubricAndJudge};
pub use repeats::{RepeatDraw, RepeatedVerdict};
pub use reports::{ContentState, OutcomeCount, ScoredEvaluation};
pub use rubrics::{AliasMove, Changes, Conflict, NewRubricVersion, Publication, PublishedRubricVersion, RubricAlias};
pub use sampling_versions::SamplingVersion;
pub use scored_pages::{ScoredCursor, ScoredScope};
pub use scores::{ScoreSeries, SeriesScore};
pub use sessions::DueSession;
pub use snapshots::{CalibrationSnapshot, TakenSnapshot};
pub use streams::StreamClaim;
pub use thresholds::ThresholdKey;
pub use traces::{DueTrace, TraceRecords, WaitBound};

use crate::clock::Clock;
use crate::secrets::masked_url;
use earlier_workers::{APPLICATION_NAME, EarlierWorkers};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A database URL that names neither SQLite nor PostgreSQL.
    #[error(
        "`{0}` is no database URL judged understands; write sqlite://path/to/judged.db or postgres://user@host/database"
    )]
    Url(String),
    /// The database cannot be reached or opened.
    #[error("cannot open the database {url}")]
    Open {
        /// Which, without its password.
        url: String,
        /// The driver's complaint.
        source: sqlx::Error,
    },
    /// Connections are not judged's own.
    #[error(
        "behind {0} stands a pooler that gives every transaction another connection (PgBouncer's pool_mode = transaction), which mixes up \
         answers and loses wake-ups; let judged's database have pool_mode = session, or name PostgreSQL itself"
    )]
    Pooler(String),
    /// The schema cannot be brought up to date.
    #[error("cannot migrate the database; a newer judged may have migrated it already")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database refused or dropped a statement")]
    Database(#[from] sqlx::Error),
    /// The sums of scores are those of a newer release.
    #[error(
        "the statistics of scores are kept by a newer release of judged: make them anew with that one, or pass --newer-is-gone if \
         it will not come back"
    )]
    NewerCells,
    /// What is to be written cannot be read by all who share the database.
    #[error("workers of an earlier release share the database: run this again once all of them are of this release")]
    EarlierWorkers,
    /// A row that this version of judged cannot have written.
    #[error(
        "column {column} of {table}{} holds {found}, which this version of judged does not know; \
         a newer one may have written it: upgrade this one",
        .row.as_ref().map(|row| format!(", row {row},")).unwrap_or_default()
    )]
    Inconsistent {
        table: &'static str,
        column: &'static str,
        /// The identity of the row, where one row was read.
        row: Option<String>,
        /// What was found there.
        found: String,
    },
}

impl StoreError {
    /// The same, about the row with this identity.
    fn in_row(self, id: impl std::fmt::Display) -> Self {
        match self {
            Self::Inconsistent { table, column, found, .. } => {
                Self::Inconsistent { table, column, found, row: Some(id.to_string()) }
            }
            other => other,
        }
    }

    /// Whether waiting may help: the database is away, busy, or full, rather than wrong.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Database(error) => {
                // Protocol: a server or proxy that goes down accepts a connection and closes it without the answer due.
                matches!(
                    error,
                    sqlx::Error::Io(_)
                        | sqlx::Error::Protocol(_)
                        | sqlx::Error::PoolTimedOut
                        | sqlx::Error::PoolClosed
                        | sqlx::Error::Tls(_)
                ) || error.as_database_error().is_some_and(dialect::is_transient)
            }
            Self::Url(_)
            | Self::Pooler(_)
            | Self::Migrate(_)
            | Self::NewerCells
            | Self::EarlierWorkers
            | Self::Inconsistent { .. } => false,
        }
    }
}

/// The two databases.
#[derive(Clone)]
enum Pool {
    Sqlite { writer: SqlitePool, reader: SqlitePool },
    Postgres(PgPool),
}

/// A handle on the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    clock: Clock,
    worker: String,
    wakeups: Arc<Wakeups>,
    earlier_workers: Arc<EarlierWorkers>,
}

/// A struct that a row of either database is read into, column by field name. sqlx's own derive would bring the drivers of
/// both databases into the build a second time.
///
/// `..part: Type` at the end is another such struct, read from columns of the same row.
macro_rules! row {
    ($(#[$attribute:meta])* $visible:vis struct $name:ident {
        $($(#[$of_field:meta])* $field_visible:vis $field:ident: $type:ty,)*
        $(.. $part:ident: $part_type:ty,)?
    }) => {
        $(#[$attribute])*
        $visible struct $name {
            $($(#[$of_field])* $field_visible $field: $type,)*
            $($part: $part_type,)?
        }
        row!(@of sqlx::sqlite::SqliteRow, $name { $($field),* } $($part)?);
        row!(@of sqlx::postgres::PgRow, $name { $($field),* } $($part)?);
    };
    (@of $row:ty, $name:ident { $($field:ident),* } $($part:ident)?) => {
        impl sqlx::FromRow<'_, $row> for $name {
            fn from_row(row: &$row) -> sqlx::Result<Self> {
                Ok(Self {
                    $($field: sqlx::Row::try_get(row, stringify!($field))?,)*
                    $($part: sqlx::FromRow::from_row(row)?,)?
                })
            }
        }
    };
}

/// Runs an expression against a pool, once compiled for each database. Within it, `$db` is the sqlx database type and
/// `$pool` an executor.
macro_rules! read {
    ($store:expr, $db:ident, $pool:ident => $body:expr) => {
        match &$store.pool {
            $crate::store::Pool::Sqlite { reader, .. } => {
                type $db = sqlx::Sqlite;
                // Not every body names the database type.
                let _ = std::marker::PhantomData::<$db>;
                let $pool = reader;
                $body
            }
            $crate::store::Pool::Postgres(pool) => {
                type $db = sqlx::Postgres;
                // Not every body names the database type.
                let _ = std::marker::PhantomData::<$db>;
                let $pool = pool;
                $body
            }
        }
    };
}

/// Runs a block inside a transaction, once compiled for each database, and commits. Leaving the block by `?` rolls back.
macro_rules! transaction {
    ($store:expr, $db:ident, $tx:ident => $body:expr) => {
        match &$store.pool {
            $crate::store::Pool::Sqlite { writer, .. } => {
                type $db = sqlx::Sqlite;
                // Not every body names the database type.
                let _ = std::marker::PhantomData::<$db>;
                let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                let value = {
                    let $tx = &mut *transaction;
                    $body
                };
                transaction.commit().await?;
                value
            }
            $crate::store::Pool::Postgres(pool) => {
                type $db = sqlx::Postgres;
                // Not every body names the database type.
                let _ = std::marker::PhantomData::<$db>;
                let mut transaction = pool.begin().await?;
                let value = {
                    let $tx = &mut *transaction;
                    $body
                };
                transaction.commit().await?;
                value
            }
        }
    };
}

pub(crate) use {read, row, transaction};

/// Connections a worker holds to PostgreSQL, and readers to SQLite.
const CONNECTIONS: u32 = 8;

impl Store {
    /// Opens (and for SQLite creates) the database and brings its schema up to date. Several workers may do so at once.
    pub async fn open(url: &str, clock: Clock) -> Result<Self, StoreError> {
        let pool = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => open_sqlite(url).await?,
            Some("postgres" | "postgresql") => open_postgres(url).await?,
            _ => return Err(StoreError::Url(masked_url(url))),
        };
        let store = Self {
            pool,
            clock,
            worker: Uuid::now_v7().to_string(),
            wakeups: Arc::default(),
            earlier_workers: Arc::default(),
        };
        store.migrate().await?;
        Ok(store)
    }

    /// The time by the store's clock, milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The hints between the stages.
    pub fn wakeups(&self) -> &Wakeups {
        &self.wakeups
    }

    /// This process's name in leases and accounts: fresh at every start, so that no lease survives its holder's memory.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        read!(self, DB, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Closes all connections; what was committed stays.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(url: &str) -> Result<Pool, StoreError> {
    let failed = |source| StoreError::Open { url: masked_url(url), source };
    let options = SqliteConnectOptions::from_str(url)
        .map_err(failed)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: an acknowledged batch survives a power cut, not only a crash. Commits are grouped, so that it costs little.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        // What retention deletes is overwritten, not only given back to the file.
        .pragma("secure_delete", "on")
        .pragma("temp_store", "memory");
    make_private(options.get_filename()).map_err(|error| failed(sqlx::Error::Io(error)))?;
    // In KiB, for each connection: what readers look for is mostly elsewhere each time, and in the system's cache.
    let (writers, readers) = (options.clone().pragma("cache_size", "-8192"), options.pragma("cache_size", "-2048"));
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .after_release(|connection, _| Box::pin(is_outside_transaction(connection)))
        .connect_with(writers)
        .await
        .map_err(failed)?;
    let reader = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(readers).await.map_err(failed)?;
    Ok(Pool::Sqlite { writer, reader })
}

/// Makes the file of a new database, which holds content and the installation's secret: only its owner may read it. SQLite gives the
/// files beside it the same permissions.
fn make_private(path: &Path) -> std::io::Result<()> {
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        return Ok(());
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A full disk makes SQLite roll back by itself, which the driver does not learn: such a connection would refuse every
/// transaction to come, and is given up.
async fn is_outside_transaction(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // The driver rolls back in the background; this waits for it.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

async fn open_postgres(url: &str) -> Result<Pool, StoreError> {
    let failed = |source| StoreError::Open { url: masked_url(url), source };
    let options = PgConnectOptions::from_str(url).map_err(failed)?.application_name(APPLICATION_NAME);
    // The pool would try until its time is up, and then only say that it was.
    if pooler::shares_connections(&options).await.map_err(failed)? {
        return Err(StoreError::Pooler(masked_url(url)));
    }
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(10))
        .after_connect(|connection, _| Box::pin(without_compiler(connection)))
        .connect_with(options)
        .await
        .map_err(failed)?;
    Ok(Pool::Postgres(pool))
}

/// PostgreSQL compiles a statement whose rows it overestimates, which takes seconds where reading them takes milliseconds.
async fn without_compiler(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("SET jit = off").execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    mod clock;
    mod handover;
    mod installation;
    mod kept_accounts;
    mod latest_subjects;
    mod lost_records;
    mod notify;
    mod registry;
    mod resources;
    mod scores;
    mod searches;
    mod waves;
    mod write_back;

    use super::*;

    #[tokio::test]
    async fn a_server_that_hangs_up_is_away() {
        use sqlx::{Connection, PgConnection};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://judged@{}/judged", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                // Reads the request, so that closing is an end and not a reset.
                drop(tokio::io::AsyncReadExt::read(&mut connection, &mut [0; 64]).await);
            }
        });
        let error = StoreError::from(PgConnection::connect(&url).await.unwrap_err());
        assert!(error.is_transient(), "{error:?}");
    }

    #[tokio::test]
    async fn only_its_owner_may_read_the_database() {
        use std::os::unix::fs::PermissionsExt;
        let files = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", files.path().join("judged.db").display());
        let store = Store::open(&url, Clock::system()).await.unwrap();
        for entry in std::fs::read_dir(files.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        }
        store.close().await;
    }

    #[tokio::test]
    async fn after_the_disk_was_full_the_writer_works_again() {
        let files = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", files.path().join("judged.db").display());
        let store = Store::open(&url, Clock::system()).await.unwrap();
        let Pool::Sqlite { writer, .. } = &store.pool else { unreachable!() };
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(writer).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 2)))
            .execute(writer)
            .await
            .unwrap();
        let write = async |bytes: usize| -> Result<(), StoreError> {
            transaction!(store, DB, tx => {
                sqlx::query("INSERT INTO batches (digest, received_at_ms) VALUES ($1, 0)")
                    .bind(vec![1_u8; bytes])
                    .execute(&mut *tx)
                    .await?
                    .rows_affected()
            });
            Ok(())
        };
        let full = write(1_000_000).await.unwrap_err();
        assert!(full.is_transient(), "{full:?}");
        write(10).await.unwrap();
    }
}
