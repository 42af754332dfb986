//! The promises under fire: workers are killed at random, connections are cut, servers restart, the judge and the sink
//! misbehave, messages come twice, late and broken. In the end every span is accounted for, every evaluation has one
//! outcome, and every score has reached its sink once.
//!
//! The short form runs with the suite. `scripts/chaos [--kills N] [--seed S]` runs the long one, which also restarts
//! PostgreSQL and RabbitMQ, and with `--previous BINARY` lets every second worker be one of the previous release.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails loudly; helpers outside the test functions as well"
)]

mod accounts;
mod broker;
mod cluster;
mod faults;
mod judge;
#[path = "../../src/testing/judge_replies.rs"]
mod judge_replies;
mod sink;
mod traffic;
#[path = "../../src/testing/wire.rs"]
mod wire;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use crate::broker::Broker;
use crate::cluster::{Cluster, Settings};
use crate::faults::Surroundings;
use crate::judge::Judge;
use crate::sink::Sink;
use crate::traffic::Traffic;
use crate::wire::Wire;

const WORKERS: usize = 3;

/// Traces for each kill, so that there is always work in hand.
const TRACES_PER_KILL: usize = 20;

/// How long a storm lasts for each kill, on average: traffic is spread over it.
const TIME_PER_KILL: Duration = Duration::from_millis(1350);

/// How long the workers may take for what is left after the storm.
const DRAIN: Duration = Duration::from_mins(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills() {
    chaos(20, 1, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long and restarts servers: run it with scripts/chaos"]
async fn long_form() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect(name));
    let kills = number("JUDGED_CHAOS_KILLS").unwrap_or(500);
    let seed = number("JUDGED_CHAOS_SEED").unwrap_or(1);
    let services = std::env::var_os("JUDGED_CHAOS_SERVICES").map(PathBuf::from);
    chaos(kills as usize, seed, services).await;
}

fn server(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the suite with scripts/test, which starts a server"))
}

async fn chaos(kills: usize, seed: u64, services: Option<PathBuf>) {
    let start = Instant::now();
    let name = format!("chaos_{}", uuid::Uuid::now_v7().simple());
    let server_url = server("JUDGED_TEST_POSTGRES_URL");
    let database_url = create_database(&server_url, &name).await;
    let broker = Broker::new(server("JUDGED_TEST_AMQP_URL"), &name);
    let judge = Judge::start(seed).await;
    let sink = Sink::start().await;
    let around = Surroundings {
        database: Wire::start(&database_url).await,
        broker: Wire::start(&broker.url).await,
        server: server_url,
        name,
        services,
    };
    let settings = Settings {
        database: around.database.url.clone(),
        broker: around.broker.url.clone(),
        traces_queue: broker.traces.clone(),
        dead_letter_queue: broker.dead_letters.clone(),
        judge: judge.base_url.clone(),
        sink: sink.url.clone(),
    };
    // Kept when the test fails, for its logs.
    let folder = tempfile::Builder::new().prefix("judged-chaos.").disable_cleanup(true).tempdir().unwrap();
    eprintln!("seed {seed}; the workers' logs are in {}", folder.path().display());

    let traffic = Traffic::generate((kills * TRACES_PER_KILL) as u64, seed);
    let mut cluster = Cluster::start(folder.path(), settings, WORKERS);
    while broker.depth(&broker.traces).await.is_none() {
        assert!(start.elapsed() < Duration::from_mins(1), "no worker declared its queue");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let moody = sink.make_moody(seed);
    let (done, published_again) = tokio::join!(
        faults::storm(&mut cluster, &around, kills, seed),
        broker.publish(traffic.messages.clone(), TIME_PER_KILL * kills as u32),
    );
    drop(moody);
    let storm = start.elapsed();

    let database = PgPool::connect(&database_url).await.unwrap();
    drain(&database, &broker, &traffic, &mut cluster).await;
    let drained = start.elapsed().saturating_sub(storm);
    let well = cluster.stop().await;
    assert!(well, "a worker did not stop well");

    assert_eq!(broker.depth(&broker.traces).await, Some(0), "messages that nobody acknowledged");
    let (dead_letters, bodies) = broker.take_dead_letters().await;
    assert!(bodies == traffic.rubbish, "{} dead letters, {} rubbish", bodies.len(), traffic.rubbish.len());
    accounts::spans_are_accounted_for(&database, &traffic).await;
    let outcomes = accounts::evaluations_are_final(&database, &traffic).await;
    let sent_again = accounts::deliveries_are_done(&database, &sink, &cluster.killed, &done.database_broke).await;
    let (balanced, ledger) = cluster.ledger();
    assert!(balanced, "{ledger}");
    let complaints = cluster.complaints();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));

    let intake = accounts::intake(&database).await.unwrap();
    let evaluations: usize = outcomes.values().sum();
    eprintln!(
        "kills {}, connections cut {} times, servers restarted {} times",
        cluster.killed.len(),
        done.cuts,
        done.restarts
    );
    eprintln!("workers that could not start for want of a server: {}", cluster.gave_up);
    eprintln!("messages {}, of them published again without a confirm {published_again}", traffic.messages.len());
    eprintln!("spans {}: {intake:?}", traffic.spans.len());
    eprintln!("dead letters {dead_letters} of {} unreadable messages", traffic.rubbish.len());
    eprintln!("evaluations {evaluations}: {outcomes:?}; judge calls {}", judge.calls());
    eprintln!("events {}, sent again {sent_again}; requests the sink refused {}", sink.events().len(), sink.refused());
    eprintln!(
        "storm {:.0} s, drain {:.0} s, seed {seed}: nothing lost, nothing doubled, ledger balanced",
        storm.as_secs_f64(),
        drained.as_secs_f64()
    );

    database.close().await;
    broker.clean_up().await;
    drop_database(&around).await;
    std::fs::remove_dir_all(folder.path()).unwrap();
}

async fn create_database(server: &str, name: &str) -> String {
    let mut connection = PgConnection::connect(server).await.expect("the test PostgreSQL answers");
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let (address, _) = server.rsplit_once('/').unwrap();
    format!("{address}/{name}")
}

async fn drop_database(around: &Surroundings) {
    let mut connection = PgConnection::connect(&around.server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", around.name))).await.unwrap();
}

/// Waits until everything published has come to its end.
async fn drain(database: &PgPool, broker: &Broker, traffic: &Traffic, cluster: &mut Cluster) {
    let start = Instant::now();
    loop {
        cluster.revive();
        let mut open = accounts::unfinished(database, traffic).await.unwrap();
        let waiting = broker.depth(&broker.traces).await;
        if waiting != Some(0) {
            open.push(format!("{waiting:?} messages"));
        }
        if open.is_empty() {
            return;
        }
        assert!(start.elapsed() < DRAIN, "still open: {}", open.join(", "));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
