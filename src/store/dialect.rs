//! The few things SQLite and PostgreSQL say differently.

use sqlx::error::DatabaseError;

/// The clauses that lock rows. SQLite has one writer and needs none.
pub(super) trait Dialect {
    /// Appended to the inner `SELECT` of a lease: several workers take different rows of one queue.
    const SKIP_LOCKED: &'static str;
    /// Appended to a `SELECT` from `evaluations e` and others: of `e` the rows that nobody else is changing, held for a change.
    const UNTOUCHED: &'static str;
    /// Appended to the column of a queue's partial index, in a condition on rows that are found by their key. PostgreSQL's
    /// planner is kept from that index, which it takes for small: with a backlog, each group of results would read the
    /// whole of it.
    const BY_KEY: &'static str;
    /// Appended to a `SELECT` whose rows nobody else may change until the transaction ends.
    const HOLD: &'static str;
    /// Appended to a `SELECT` whose rows the transaction goes on to change.
    const FOR_UPDATE: &'static str;
    /// A statement after which nobody adds evaluations or labels until the transaction ends.
    const STAND_STILL: &'static str;
    /// A statement after which nobody else adds labels until the transaction ends; readers go on.
    const LOCK_LABELS: &'static str;
}

impl Dialect for sqlx::Sqlite {
    const BY_KEY: &'static str = "";
    const UNTOUCHED: &'static str = "";
    const SKIP_LOCKED: &'static str = "";
    const HOLD: &'static str = "";
    const FOR_UPDATE: &'static str = "";
    const STAND_STILL: &'static str = "SELECT 1";
    const LOCK_LABELS: &'static str = "SELECT 1";
}

impl Dialect for sqlx::Postgres {
    const BY_KEY: &'static str = " || ''";
    const UNTOUCHED: &'static str = " FOR NO KEY UPDATE OF e SKIP LOCKED";
    const SKIP_LOCKED: &'static str = " FOR UPDATE SKIP LOCKED";
    const HOLD: &'static str = " FOR SHARE";
    const FOR_UPDATE: &'static str = " FOR UPDATE";
    const STAND_STILL: &'static str = "LOCK TABLE evaluations, planning_account, labels IN SHARE MODE";
    const LOCK_LABELS: &'static str = "LOCK TABLE labels IN SHARE ROW EXCLUSIVE MODE";
}

/// Whether a database's own error may go away: busy, locked, full, read-only for now, starting up, or out of connections.
pub(super) fn is_transient(error: &(dyn DatabaseError + 'static)) -> bool {
    // SQLite: BUSY 5, LOCKED 6, READONLY 8, IOERR 10, FULL 13, CANTOPEN 14 (primary code in the low byte).
    if let Some(code) = error.try_downcast_ref::<sqlx::sqlite::SqliteError>().and_then(DatabaseError::code) {
        return code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14));
    }
    // PostgreSQL classes: 08 connection, 40 serialisation and deadlock, 53 resources, 57 operator, 25006 read-only.
    error.code().is_some_and(|code| matches!(code.get(..2), Some("08" | "40" | "53" | "57")) || code == "25006")
}
