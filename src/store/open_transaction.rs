//! An open transaction on either database, for what takes more than one function.

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

/// An open transaction.
pub(super) enum Open<'t> {
    Sqlite(&'t mut SqliteConnection),
    Postgres(&'t mut PgConnection),
}

impl<'t> From<&'t mut SqliteConnection> for Open<'t> {
    fn from(connection: &'t mut SqliteConnection) -> Self {
        Self::Sqlite(connection)
    }
}

impl<'t> From<&'t mut PgConnection> for Open<'t> {
    fn from(connection: &'t mut PgConnection) -> Self {
        Self::Postgres(connection)
    }
}

/// Runs an expression in the transaction, once compiled for each database.
macro_rules! within {
    ($open:expr, $db:ident, $tx:ident => $body:expr) => {
        match $open {
            $crate::store::open_transaction::Open::Sqlite(connection) => {
                type $db = sqlx::Sqlite;
                // Not every body names the database type.
                let _ = std::marker::PhantomData::<$db>;
                let $tx = &mut **connection;
                $body
            }
            $crate::store::open_transaction::Open::Postgres(connection) => {
                type $db = sqlx::Postgres;
                // Not every body names the database type.
                let _ = std::marker::PhantomData::<$db>;
                let $tx = &mut **connection;
                $body
            }
        }
    };
}
pub(super) use within;
