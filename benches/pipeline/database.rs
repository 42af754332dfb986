//! Fresh databases of both kinds, filled with work.

use std::path::Path;

use judged::bench::{Conversation, Queue};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, SqlitePool};

/// A database of a measurement's own.
pub struct Database {
    pub name: &'static str,
    pub url: String,
    queue: Queue,
}

impl Database {
    pub async fn sqlite(folder: &Path) -> Self {
        let file = folder.join(format!("{}.db", uuid::Uuid::now_v7().simple()));
        Self::open("SQLite", format!("sqlite://{}", file.display())).await
    }

    pub async fn postgres(server: &str) -> Self {
        let name = format!("bench_{}", uuid::Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers");
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (address, _) = server.rsplit_once('/').unwrap();
        Self::open("PostgreSQL", format!("{address}/{name}")).await
    }

    async fn open(name: &'static str, url: String) -> Self {
        let queue = Queue::open(&url).await.unwrap();
        Self { name, url, queue }
    }

    /// Leaves no database behind on the server; a file goes with its folder.
    pub async fn remove(self) {
        self.queue.close().await;
        if let Some((server, name)) = self.url.rsplit_once('/').filter(|_| self.name == "PostgreSQL") {
            let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
            connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
        }
    }

    /// Plans `number` evaluations by one rubric.
    pub async fn queue(&self, number: u64) {
        self.queue.fill(number, &conversation()).await.unwrap();
    }

    /// How many spans the intake has received.
    pub async fn received(&self) -> i64 {
        self.queue.received().await.unwrap()
    }

    /// Now, by the clock that the store goes by, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.queue.now_ms()
    }

    /// How many evaluations have an outcome, and when the first and the last of them got it.
    pub async fn finished(&self) -> (i64, i64, i64) {
        const QUERY: &str = "SELECT count(*), coalesce(min(finished_at_ms), 0), coalesce(max(finished_at_ms), 0) \
                             FROM evaluations WHERE outcome = 'scored'";
        if self.name == "SQLite" {
            let pool = SqlitePool::connect(&self.url).await.unwrap();
            sqlx::query_as(QUERY).fetch_one(&pool).await.unwrap()
        } else {
            let pool = PgPool::connect(&self.url).await.unwrap();
            sqlx::query_as(QUERY).fetch_one(&pool).await.unwrap()
        }
    }

    pub async fn pending(&self) -> i64 {
        self.queue.pending().await.unwrap()
    }
}

/// What the judge is shown: as long as a short answer in a chat.
pub fn conversation() -> Conversation {
    Conversation {
        input: "Which of the two tents that you sell stands up to a storm in the mountains? ".repeat(3),
        output: "The Skarv 2 has four poles that cross twice and was tested at 110 km/h. ".repeat(8),
    }
}
