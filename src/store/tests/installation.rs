//! The installation's secret and salt: made once, whoever starts first, and kept where a database already has samples.

use std::path::Path;

use sqlx::migrate::{Migration, Migrator};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::clock::Clock;
use crate::store::{Installation, Store};
use crate::testing::databases::{Database, START_MS, postgres_schema};
use crate::testing::on_both_databases;

fn same(a: &Installation, b: &Installation) -> bool {
    a.secret.as_bytes() == b.secret.as_bytes() && a.salt == b.salt
}

on_both_databases! {
    a_new_database_has_a_secret_and_a_random_salt_that_all_workers_share(database) {
        let installation = database.store.installation().await.unwrap();
        assert!(same(&installation, &database.another_worker().await.installation().await.unwrap()));
        assert!(installation.salt.as_ref().is_some_and(|salt| salt.len() == 32));
        assert!(!installation.salt_makes_placeholders);
        assert_eq!(installation.secret_since_ms, START_MS);
        let other = Database::sqlite().await.store.installation().await.unwrap();
        assert_ne!(installation.salt, other.salt);
        assert_ne!(installation.secret.as_bytes(), other.secret.as_bytes());
    }
}

on_both_databases! {
    a_rotation_makes_everything_anew(database) {
        let before = database.store.installation().await.unwrap();
        database.clock.advance(5_000);
        let rotated = database.store.rotate_installation().await.unwrap();
        assert_ne!(before.salt, rotated.salt);
        assert_ne!(before.secret.as_bytes(), rotated.secret.as_bytes());
        assert_eq!(rotated.secret_since_ms, START_MS + 5_000);
        assert!(same(&rotated, &database.another_worker().await.installation().await.unwrap()));
    }
}

/// The migrations of the last version without an installation's secret.
async fn earlier_migrations(folder: &str) -> Migrator {
    let all = Migrator::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder)).await.unwrap();
    let earlier: Vec<Migration> = all.iter().filter(|migration| migration.version <= 6).cloned().collect();
    assert_eq!(earlier.len(), 6);
    Migrator::with_migrations(earlier)
}

/// What opening a database of an earlier version must keep: workers of that version may still be running on it.
async fn the_earlier_salt_is_kept(url: &str) {
    let store = Store::open(url, Clock::manual(START_MS)).await.unwrap();
    let found = store.installation().await.unwrap();
    assert_eq!((found.salt.as_deref(), found.salt_makes_placeholders), (None, true));
    let noted = store.note_earlier_salt("mine").await.unwrap();
    assert_eq!((noted.salt.as_deref(), noted.salt_makes_placeholders), (Some("mine"), true));
    let again = store.note_earlier_salt("of a worker that came later").await.unwrap();
    assert!(same(&noted, &again) && same(&noted, &store.installation().await.unwrap()));
    let rotated = store.rotate_installation().await.unwrap();
    assert!(!rotated.salt_makes_placeholders && rotated.salt.as_deref() != Some("mine"));
}

#[tokio::test]
async fn an_earlier_sqlite_database_keeps_its_salt_until_it_is_rotated() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("judged.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    earlier_migrations("sqlite").await.run(&pool).await.unwrap();
    pool.close().await;
    the_earlier_salt_is_kept(&format!("sqlite://{}", path.display())).await;
}

#[tokio::test]
async fn an_earlier_postgres_database_keeps_its_salt_until_it_is_rotated() {
    let url = postgres_schema().await;
    let pool = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    earlier_migrations("postgres").await.run(&pool).await.unwrap();
    pool.close().await;
    the_earlier_salt_is_kept(&url).await;
}

/// Ten workers of one process that open a new database at the same moment: all get it, with one secret.
async fn ten_open_it_at_once(url: &str) {
    let opened = (0..10).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move {
            let store = Store::open(&url, Clock::manual(START_MS)).await.expect("the database opens");
            let installation = store.installation().await.unwrap();
            store.close().await;
            installation
        })
    });
    let installations: Vec<Installation> =
        futures_util::future::join_all(opened).await.into_iter().map(Result::unwrap).collect();
    assert!(installations.iter().all(|one| same(one, &installations[0])));
    assert!(!installations[0].salt_makes_placeholders, "nobody took the new database for an earlier one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_tasks_may_open_a_new_sqlite_database_at_once() {
    for _ in 0..5 {
        let files = tempfile::tempdir().unwrap();
        ten_open_it_at_once(&format!("sqlite://{}", files.path().join("judged.db").display())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_tasks_may_open_a_new_postgres_database_at_once() {
    ten_open_it_at_once(&postgres_schema().await).await;
}
