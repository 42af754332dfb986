//! A pooler between judged and PostgreSQL that gives each transaction another of its connections.
//!
//! What belongs to a connection is then lost or, worse, another's: prepared statements, of which every client has some of the same names
//! (answers of one query are given for another), settings, and what it listens to.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};

/// Other clients may take the connection that would tell.
const ATTEMPTS: usize = 5;

/// Whether two connections that are open at a time may be one of the server's.
pub(super) async fn shares_connections(options: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let (mut one, mut other) = (options.connect().await?, options.connect().await?);
    let mut is_shared = false;
    for _ in 0..ATTEMPTS {
        // Of a pooler its connection is free again after the statement.
        let idle = backend(&mut one).await?;
        sqlx::raw_sql("BEGIN").execute(&mut other).await?;
        is_shared |= backend(&mut other).await? == idle;
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
        if is_shared {
            break;
        }
    }
    one.close().await?;
    other.close().await?;
    Ok(is_shared)
}

/// Which of the server's processes answers. Asked without a prepared statement.
async fn backend(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    #[tokio::test]
    async fn connections_of_the_server_itself_are_their_own() {
        let url = std::env::var("JUDGED_TEST_POSTGRES_URL").expect("run the suite with scripts/test");
        assert!(!shares_connections(&PgConnectOptions::from_str(&url).unwrap()).await.unwrap());
    }
}
