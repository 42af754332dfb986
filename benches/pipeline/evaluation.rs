//! Queue to stored score, against a bare HTTP client that asks the same judge the same and keeps nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use judged::bench;

use crate::database::{Database, conversation};
use crate::mock::Mock;
use crate::worker::Worker;

/// The configuration of a worker that evaluates.
pub fn config(database: &Database, mock: &Mock, concurrency: usize) -> String {
    let (store, judge) = (&database.url, &mock.url);
    format!(
        r#"
        store = {{ url = "{store}" }}
        rubrics = {{ dir = "none", enabled = ["harmfulness"] }}
        intake = {{ otlp = {{ http = "127.0.0.1:0", grpc = "off" }} }}
        web = {{ listen = "127.0.0.1:0" }}
        [judges.default]
        provider = "openai"
        model = "mock"
        base_url = "{judge}"
        concurrency = {concurrency}
        # Its deliveries are owed, and stored with the scores.
        [[sinks]]
        name = "otel"
        type = "otlp"
        endpoint = "http://127.0.0.1:9"
        "#
    )
}

/// Evaluations a second, and the worker's processor time for each in milliseconds.
pub async fn durable(folder: &Path, database: &Database, mock: &Mock, concurrency: usize, number: u64) -> (f64, f64) {
    database.queue(number).await;
    let worker = Worker::start(folder, &config(database, mock, concurrency), "evaluate");
    let begin = Instant::now();
    while database.pending().await > 0 {
        assert!(begin.elapsed() < Duration::from_mins(5), "the log is in {}", folder.display());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let cpu_ms = worker.cpu_ms();
    let (scored, first_ms, last_ms) = database.finished().await;
    assert_eq!(scored as u64, number, "every one is scored; the log is in {}", folder.display());
    let seconds = (last_ms - first_ms) as f64 / 1e3 + mock.latency.as_secs_f64();
    (number as f64 / seconds, cpu_ms / number as f64)
}

/// Requests a second of a client that only asks.
pub async fn bare(mock: &Mock, concurrency: usize, number: u64) -> f64 {
    let body = bench::judge_request(&conversation()).unwrap();
    let body = bytes::Bytes::from(body.to_string());
    let client = reqwest::Client::builder().http1_only().tcp_nodelay(true).build().unwrap();
    let (url, left) = (format!("{}/chat/completions", mock.url), Arc::new(AtomicU64::new(number)));
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..concurrency {
        let (client, url, body, left) = (client.clone(), url.clone(), body.clone(), Arc::clone(&left));
        tasks.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                let request = client.post(&url).header("content-type", "application/json").body(body.clone());
                let answer = request.send().await.unwrap().bytes().await.unwrap();
                assert!(!answer.is_empty());
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    number as f64 / begin.elapsed().as_secs_f64()
}
