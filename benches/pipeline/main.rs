//! The whole way of a span, each stretch beside what it would cost without any promise, in one run on one machine.
//!
//! `scripts/bench` runs all parts, `scripts/bench intake evaluation latency memory` some of them. The workers are processes
//! of their own, and so is the judge; all share the machine with PostgreSQL and RabbitMQ.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark prints, and fails loudly"
)]

mod database;
mod evaluation;
mod intake;
mod mock;
mod worker;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::database::Database;
use crate::mock::Mock;
use crate::worker::Worker;

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run the benchmark with scripts/bench, which starts a server")
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [mock::ARGUMENT, port, latency_ms] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return mock::serve(port.parse().unwrap(), Duration::from_millis(latency_ms.parse().unwrap()));
    }
    // Clients need a TLS provider, also where they speak plain HTTP.
    judged::bench::install_tls_provider();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run(&arguments));
}

async fn run(parts: &[String]) {
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let (postgres, broker) = (server("JUDGED_TEST_POSTGRES_URL"), server("JUDGED_TEST_AMQP_URL"));
    let folder = tempfile::Builder::new().prefix("judged-bench.").tempdir().unwrap();
    let folder = folder.path();
    if wanted("intake") {
        intake(folder, &postgres, &broker).await;
    }
    if wanted("evaluation") {
        evaluation(folder, &postgres).await;
    }
    if wanted("latency") {
        let (database, mock) = (Database::postgres(&postgres).await, Mock::start(Duration::ZERO).await);
        let (median, high) = intake::latency(folder, &database, &broker, &mock, 2_000).await;
        database.remove().await;
        println!("\nfrom publishing to the stored score, 200 a second, instant judge: p50 {median} ms, p99 {high} ms");
    }
    if wanted("memory") {
        memory(folder, Database::sqlite(folder).await).await;
        memory(folder, Database::postgres(&postgres).await).await;
    }
}

async fn intake(folder: &Path, postgres: &str, broker: &str) {
    const MESSAGES: u64 = 2_000;
    println!("RabbitMQ to commit, 15 % kept, every fifth span a model call");
    let bare = intake::acknowledged(broker, MESSAGES).await;
    println!("{:<44} {:>10.0} spans/s", "a consumer that only acknowledges", bare);
    let one = intake::committed(folder, &Database::sqlite(folder).await, broker, 1, MESSAGES).await;
    println!("{:<44} {:>10.0} spans/s {:>6.2} x", "1 worker, SQLite", one, one / bare);
    for workers in [1, 2] {
        let database = Database::postgres(postgres).await;
        let rate = intake::committed(folder, &database, broker, workers, MESSAGES).await;
        database.remove().await;
        println!("{:<44} {:>10.0} spans/s {:>6.2} x", format!("{workers} workers, PostgreSQL"), rate, rate / bare);
    }
}

async fn evaluation(folder: &Path, postgres: &str) {
    println!("\nqueue to stored score, one worker, against a bare HTTP client of the same concurrency");
    for (latency_ms, concurrency, number, bar) in
        [(0, 64, 30_000, "3000/s, 0.3 ms"), (200, 128, 4_000, "0.90 x"), (200, 1_000, 20_000, "0.90 x")]
    {
        let mock = Mock::start(Duration::from_millis(latency_ms)).await;
        let bare = evaluation::bare(&mock, concurrency, number).await;
        println!("judge {latency_ms} ms, {concurrency} in flight; to reach: {bar}");
        println!("  {:<42} {bare:>10.0} /s", "bare client");
        for database in [Database::sqlite(folder).await, Database::postgres(postgres).await] {
            let (rate, cpu_ms) = evaluation::durable(folder, &database, &mock, concurrency, number).await;
            let name = database.name;
            database.remove().await;
            println!("  {name:<42} {rate:>10.0} /s {:>6.2} x {cpu_ms:>8.3} ms processor each", rate / bare);
        }
    }
}

/// The most that a worker with all roles holds while 100,000 evaluations wait for a slow judge.
async fn memory(folder: &Path, database: Database) {
    const QUEUED: u64 = 100_000;
    database.queue(QUEUED).await;
    let mock = Mock::start(Duration::from_millis(200)).await;
    let worker = Worker::start(
        folder,
        &evaluation::config(&database, &mock, 128),
        "intake,assemble,evaluate,deliver,calibrate,web",
    );
    let (begin, mut most) = (Instant::now(), 0.0_f64);
    // Twice as long as the gauges take to come round.
    while begin.elapsed() < Duration::from_secs(30) {
        most = most.max(worker.resident_mib());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("resident with {QUEUED} queued on {}: {most:.0} MiB; to reach: under 100", database.name);
    drop(worker);
    database.remove().await;
}
