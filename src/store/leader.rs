//! Work that one process of a deployment does for all of them.
//!
//! On PostgreSQL its lock is an advisory one, held by a session: it ends with the connection, and so with the process or
//! the server, whatever happens to them. SQLite has one process.

use sqlx::{Connection, PgConnection};

use super::{Pool, Store, StoreError};

/// What only one process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedDuty {
    /// Reading the whole ledger for its gauge.
    Ledger,
    /// Deleting what is too old.
    Retention,
}

/// The first key of every lock of judged, so that other users of the database keep theirs.
const LOCKS_OF_JUDGED: i32 = 0x6a75_6467;

impl SharedDuty {
    fn key(self) -> i32 {
        match self {
            Self::Ledger => 1,
            Self::Retention => 2,
        }
    }
}

/// A duty that this process may hold.
pub struct Leader {
    store: Store,
    duty: SharedDuty,
    /// The session that holds the lock.
    session: Option<PgConnection>,
}

impl Store {
    /// A candidate for `duty`; not the holder yet.
    pub fn leader(&self, duty: SharedDuty) -> Leader {
        Leader { store: self.clone(), duty, session: None }
    }
}

impl Leader {
    /// Whether this process holds the duty now; takes it over when nobody does.
    pub async fn holds(&mut self) -> Result<bool, StoreError> {
        let Pool::Postgres(pool) = &self.store.pool else { return Ok(true) };
        if let Some(mut session) = self.session.take()
            && session.ping().await.is_ok()
        {
            self.session = Some(session);
            return Ok(true);
        }
        let mut session = pool.acquire().await?;
        // Workers that share a server but not a schema are not of one deployment.
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, hashtext(current_schema()) # $2)")
            .bind(LOCKS_OF_JUDGED)
            .bind(self.duty.key())
            .fetch_one(&mut *session)
            .await?;
        self.session = taken.then(|| session.detach());
        Ok(taken)
    }
}
