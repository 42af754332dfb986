//! Fresh databases of both kinds, filled with work.

use std::path::Path;

use judged::clock::Clock;
use judged::model::{
    EvaluationId, Outcome, Probability, SpanId, Subject, SubjectContent, SubjectId, SubjectKind, TraceId,
};
use judged::store::{PlannedEvaluation, PlannedFrom, PlannedSubject, Store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, SqlitePool};

/// A database of a measurement's own.
pub struct Database {
    pub name: &'static str,
    pub url: String,
    pub store: Store,
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
        let store = Store::open(&url, Clock::system()).await.unwrap();
        Self { name, url, store }
    }

    /// Leaves no database behind on the server; a file goes with its folder.
    pub async fn remove(self) {
        self.store.close().await;
        if let Some((server, name)) = self.url.rsplit_once('/').filter(|_| self.name == "PostgreSQL") {
            let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
            connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
        }
    }

    /// Plans `number` evaluations by one rubric.
    pub async fn queue(&self, number: u64) {
        let deadline_ms = self.store.now_ms() + 86_400_000;
        let numbers: Vec<u64> = (0..number).collect();
        for numbers in numbers.chunks(5_000) {
            let planned: Vec<PlannedSubject> = numbers.iter().map(|number| planned(*number, deadline_ms)).collect();
            self.store.commit_plan(PlannedFrom::default(), &planned).await.unwrap();
        }
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
        self.store.pending_by_judge().await.unwrap().values().map(|(number, _)| number).sum()
    }
}

/// What the judge is shown: as long as a short answer in a chat.
pub fn content() -> SubjectContent {
    SubjectContent {
        input: Some("Which of the two tents that you sell stands up to a storm in the mountains? ".repeat(3)),
        output: Some("The Skarv 2 has four poles that cross twice and was tested at 110 km/h. ".repeat(8)),
        ..SubjectContent::default()
    }
}

fn planned(number: u64, deadline_ms: i64) -> PlannedSubject {
    let trace_id = TraceId::try_from((u128::from(number) + 1).to_be_bytes().as_slice()).unwrap();
    let span_id = SpanId::try_from((number + 1).to_be_bytes().as_slice()).unwrap();
    let id = SubjectId::of_generation(trace_id, span_id);
    PlannedSubject {
        subject: Subject {
            id,
            kind: SubjectKind::Generation,
            trace_id,
            span_id,
            session_id: None,
            start: 1_767_225_599_000_000_000,
            end: 1_767_225_600_000_000_000,
            response_id: Some(format!("chatcmpl-{number}")),
            model: Some("small".to_owned()),
            operation: Some("chat".to_owned()),
            unjudgeable: None,
            segments: [("environment".to_owned(), "production".to_owned())].into(),
            content: content(),
        },
        revision: 0,
        digest: [7; 32],
        evaluations: vec![PlannedEvaluation {
            id: EvaluationId::derive(id, 0, "harmfulness", 1, "default"),
            rubric: "harmfulness".to_owned(),
            version: 1,
            judge: "default".to_owned(),
            outcome: Outcome::Pending,
            reason: None,
            inclusion_probability: Probability::ONE,
            deadline_ms,
        }],
    }
}
