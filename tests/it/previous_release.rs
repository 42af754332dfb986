//! A database that the previous release filled opens with this one, and this one says the same of it: the same ledger, scores,
//! placeholders and labels. `scripts/keep-previous` made what is in `tests/previous`, with the program of that release.

use std::process::Command;

use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

/// What this program prints with a database.
struct Judged {
    url: String,
    folder: tempfile::TempDir,
}

impl Judged {
    fn says(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_judged"))
            .args(arguments)
            .env("JUDGED__STORE__URL", &self.url)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "judged {} failed: {error}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        self.says(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// In the form in which `scripts/keep-previous` wrote what the previous release said.
    fn everything(&self) -> Value {
        let ledger: Value = serde_json::from_str(&self.says(&["ledger", "--format", "json"])).unwrap();
        let id = |score: &Value| score["evaluation_id"].as_str().unwrap().to_owned();
        let scores: Map<String, Value> = self.lines(&["export"]).into_iter().map(|score| (id(&score), score)).collect();
        json!({ "ledger": ledger, "scores": scores, "labels": in_order(self.lines(&["labels", "export"])) })
    }
}

/// Labels of one time may come in any order.
fn in_order(mut labels: Vec<Value>) -> Vec<Value> {
    labels.sort_by_key(|label| ["subject_id", "rubric", "labelled_at"].map(|name| label[name].to_string()));
    labels
}

/// `new` without the members that `old` lacks: a release may add members to what it prints, and take none away.
fn in_common(old: &Value, new: Value) -> Value {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let known =
                new.into_iter().filter_map(|(name, value)| Some((name.clone(), in_common(old.get(&name)?, value))));
            Value::Object(known.collect())
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            old.iter().zip(new).map(|(old, new)| in_common(old, new)).collect()
        }
        (_, new) => new,
    }
}

fn assert_unchanged(judged: &Judged, said: &str) {
    let mut before: Value = serde_json::from_str(said).unwrap();
    let labels = in_order(before["labels"].as_array().unwrap().clone());
    assert!(!before["scores"].as_object().unwrap().is_empty() && !labels.is_empty());
    before["labels"] = labels.into();
    assert!(said.contains("<EMAIL_"), "no placeholder would be compared");
    // The first command migrates; the second reads what was migrated.
    for _ in 0..2 {
        let now = in_common(&before, judged.everything());
        for what in ["ledger", "scores", "labels"] {
            assert_eq!(now[what], before[what], "{what}");
        }
    }
}

#[tokio::test]
async fn a_sqlite_file_of_the_previous_release_says_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("judged.db");
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.unwrap();
    sqlx::raw_sql(include_str!("../previous/sqlite.sql")).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let judged = Judged { url: format!("sqlite://{}", file.display()), folder };
    assert_unchanged(&judged, include_str!("../previous/sqlite.json"));
}

#[tokio::test]
async fn a_postgresql_database_of_the_previous_release_says_what_it_said() {
    let server = std::env::var("JUDGED_TEST_POSTGRES_URL")
        .expect("JUDGED_TEST_POSTGRES_URL is not set: run the suite with scripts/test, which starts a server");
    let schema = format!("previous_{}", uuid::Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&server).await.expect("the test PostgreSQL answers");
    connection.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
    connection.execute(AssertSqlSafe(format!("SET search_path = {schema}"))).await.unwrap();
    sqlx::raw_sql(include_str!("../previous/postgresql.sql")).execute(&mut connection).await.unwrap();

    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}options[search_path]={schema}");
    let judged = Judged { url, folder: tempfile::tempdir().unwrap() };
    assert_unchanged(&judged, include_str!("../previous/postgresql.json"));
    connection.execute(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).await.unwrap();
}
