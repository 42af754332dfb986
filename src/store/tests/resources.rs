//! Where the resources of records stand, and how long.

use std::sync::atomic::Ordering;

use sqlx::Connection;

use crate::model::TraceId;
use crate::otlp::{Origin, wire};
use crate::store::earlier_workers::connected;
use crate::store::{KeptSpan, Pool, SettleTimes, Store};
use crate::testing::databases::Database;
use crate::testing::on_both_databases;
use crate::testing::records::{attribute, batch, kept_span, trace_id};

const TIMES: SettleTimes = SettleTimes { settle_ms: 10_000, max_wait_ms: 120_000 };
const ONE_DAY_MS: i64 = 86_400_000;

/// A span of a service whose resource is long.
fn span_of(service: &str, trace: u64, span: u64) -> KeptSpan {
    let attributes =
        vec![attribute("service.name", service.to_owned()), attribute("process.command_args", "x".repeat(1_000))];
    let origin = Origin::new(Some(&wire::Resource { attributes, ..wire::Resource::default() }), None);
    KeptSpan { resource: origin.resource().clone(), ..kept_span(trace, span, span == 1) }
}

/// Decides what is found out otherwise: whether a worker of an earlier release is connected.
fn all_read_resources(store: &Store, known: bool) {
    store.earlier_workers.earliest.store(if known { 2 } else { 1 }, Ordering::Relaxed);
    store.earlier_workers.asked_at_ms.store(store.now_ms(), Ordering::Relaxed);
}

/// The number of resources, and the bytes of all spans.
async fn stored(store: &Store) -> (i64, i64) {
    const QUERY: &str =
        "SELECT (SELECT count(*) FROM resources), (SELECT CAST(sum(length(body)) AS BIGINT) FROM spans)";
    super::super::read!(store, DB, pool => sqlx::query_as(QUERY).fetch_one(pool).await.unwrap())
}

async fn services(store: &Store, trace: TraceId) -> Vec<String> {
    let records = store.trace_records(&[trace]).await.unwrap().remove(0);
    assert_eq!(records.damaged, 0);
    let service =
        |span: &crate::model::Span| span.resource.attributes.str("service.name").unwrap_or_default().to_owned();
    records.spans.iter().map(service).collect()
}

on_both_databases! {
    /// Scenario: thousands of spans share a resource of 100 KB. Guarantee: it is stored once, and read back with each of them.
    a_resource_is_stored_once_and_read_with_every_span(database) {
        let store = &database.store;
        all_read_resources(store, true);
        let of_two = vec![span_of("shop", 1, 1), span_of("shop", 1, 2), span_of("search", 1, 3), kept_span(1, 4, false)];
        store.commit_intake(&[batch(1, of_two, 0), batch(2, vec![span_of("shop", 2, 1)], 0)], TIMES).await.unwrap();
        let (resources, bytes) = stored(store).await;
        assert!(resources == 2 && bytes < 1_000, "{resources} resources, {bytes} bytes of spans");
        assert_eq!(services(store, trace_id(1)).await, ["shop", "shop", "search", ""]);
        assert_eq!(services(store, trace_id(2)).await, ["shop"]);
    }
}

on_both_databases! {
    /// Scenario: an upgrade. Guarantee: records of earlier releases, which carry their resource, are read beside those that
    /// name it.
    records_that_carry_their_resource_are_read(database) {
        let store = &database.store;
        all_read_resources(store, true);
        let apart = span_of("shop", 1, 2);
        let carrying = KeptSpan {
            resource: Origin::default().resource().clone(),
            body: [&*apart.resource, &*kept_span(1, 1, true).body].concat(),
            ..kept_span(1, 1, true)
        };
        store.commit_intake(&[batch(1, vec![carrying, apart], 0)], TIMES).await.unwrap();
        assert_eq!(stored(store).await.0, 1);
        assert_eq!(services(store, trace_id(1)).await, ["shop", "shop"]);
    }
}

/// Scenario: workers of two releases share a database. Guarantee: the earlier one can read what the other writes.
#[tokio::test]
async fn while_an_earlier_worker_runs_spans_carry_their_resource() {
    let database = Database::postgres().await;
    let store = &database.store;
    all_read_resources(store, false);
    store.commit_intake(&[batch(1, vec![span_of("shop", 1, 1)], 0)], TIMES).await.unwrap();
    let (resources, bytes) = stored(store).await;
    assert!(resources == 0 && bytes > 1_000, "{resources} resources, {bytes} bytes of spans");
    assert_eq!(services(store, trace_id(1)).await, ["shop"]);
}

on_both_databases! {
    /// Scenario: retention. Guarantee: a resource is deleted when no record that came on its day is left, and not before.
    a_resource_is_deleted_with_the_last_of_its_records(database) {
        let store = &database.store;
        let came = async |digest: u8, trace: u64, span: u64| {
            all_read_resources(store, true);
            store.commit_intake(&[batch(digest, vec![span_of("shop", trace, span)], 0)], TIMES).await.unwrap();
        };
        came(1, 1, 1).await;
        came(2, 2, 1).await;
        database.execute("UPDATE traces SET due_at_ms = NULL").await;
        database.clock.advance(20 * ONE_DAY_MS);
        came(3, 2, 2).await;
        database.execute("UPDATE traces SET due_at_ms = NULL").await;
        database.clock.advance(15 * ONE_DAY_MS);
        let before_ms = store.now_ms() - 30 * ONE_DAY_MS;
        assert_eq!(store.forget_content(before_ms, 10).await.unwrap().traces, 1);
        assert_eq!(store.forget_resources(before_ms).await.unwrap(), 0, "a trace that went on holds its first span");
        assert_eq!(services(store, trace_id(2)).await, ["shop", "shop"]);

        database.clock.advance(30 * ONE_DAY_MS);
        let before_ms = store.now_ms() - 30 * ONE_DAY_MS;
        assert_eq!(store.forget_content(before_ms, 10).await.unwrap().traces, 1);
        assert_eq!(store.forget_resources(before_ms).await.unwrap(), 2);
    }
}

#[tokio::test]
async fn a_connection_is_known_by_the_name_of_its_release() {
    let database = Database::postgres().await;
    let Pool::Postgres(pool) = &database.store.pool else { unreachable!() };
    let name = format!("judged test {}", uuid::Uuid::now_v7());
    assert!(!connected(pool).await.unwrap().contains(&name));
    let options: sqlx::postgres::PgConnectOptions = database.url.parse().unwrap();
    let earlier = sqlx::PgConnection::connect_with(&options.application_name(&name)).await.unwrap();
    assert!(connected(pool).await.unwrap().contains(&name));
    earlier.close().await.unwrap();
}
