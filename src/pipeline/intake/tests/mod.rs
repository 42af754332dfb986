//! Intake from outside: real sockets, a real database, and a store that can be made to fail.

mod amqp;
mod grpc;
mod http;
#[cfg(feature = "kafka")]
mod kafka;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::config::IntakeConfig;
use crate::model::TraceId;
use crate::otlp::wire;
use crate::pipeline::intake::{self, Intake, IntakeStore, Redact, SamplingInForce};
use crate::sampling::Sampler;
use crate::store::{Committed, IntakeAccount, IntakeBatch, SettleTimes, Store, StoreError, StreamClaim};
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::testing::databases::Database;

/// Leaves everything as it is: redaction has tests of its own.
struct Unredacted;

impl Redact for Unredacted {
    fn redact_span(&self, _: &mut wire::Span) {}
    fn redact_log_record(&self, _: &mut wire::LogRecord) {}

    fn redact_resource(&self, _: &mut wire::Resource) {}
    fn redact_scope(&self, _: &mut wire::InstrumentationScope) {}
}

/// A database that can be taken away, slowed down, and made to refuse one request.
struct MoodyStore {
    store: Store,
    away: AtomicBool,
    /// A batch of so many records is refused for ever; 0 refuses nothing.
    refuses: AtomicUsize,
    /// Requests in the transactions that wait for a permit.
    held: AtomicUsize,
    /// A permit for each transaction that may pass.
    gate: Semaphore,
    /// Requests in each transaction that passed.
    groups: Mutex<Vec<usize>>,
}

impl MoodyStore {
    fn new(store: Store) -> Self {
        let gate = Semaphore::new(Semaphore::MAX_PERMITS / 2);
        Self { store, away: false.into(), refuses: 0.into(), held: 0.into(), gate, groups: Mutex::default() }
    }

    fn block(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn unblock(&self) {
        self.gate.add_permits(1000);
    }

    async fn commit(&self, batches: &[IntakeBatch], times: SettleTimes) -> Result<Vec<Committed>, StoreError> {
        self.held.fetch_add(batches.len(), Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.held.fetch_sub(batches.len(), Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Database(sqlx::Error::PoolTimedOut));
        }
        let refused = self.refuses.load(Ordering::SeqCst) as u64;
        if refused > 0 && batches.iter().any(|batch| batch.received == refused) {
            return Err(StoreError::Inconsistent {
                table: "spans",
                column: "body",
                row: None,
                found: "a test".to_owned(),
            });
        }
        let committed = self.store.commit_intake(batches, times).await?;
        self.groups.lock().unwrap().push(batches.len());
        Ok(committed)
    }
}

impl IntakeStore for MoodyStore {
    fn now_ms(&self) -> i64 {
        self.store.now_ms()
    }

    fn commit_intake<'a>(
        &'a self,
        batches: &'a [IntakeBatch],
        times: SettleTimes,
    ) -> BoxFuture<'a, Result<Vec<Committed>, StoreError>> {
        Box::pin(self.commit(batches, times))
    }

    fn kept_traces<'a>(&'a self, ids: &'a [TraceId]) -> BoxFuture<'a, Result<HashSet<TraceId>, StoreError>> {
        Box::pin(self.store.kept_traces(ids))
    }

    fn claim_stream<'a>(
        &'a self,
        queue: &'a str,
        began_at: &'a str,
        lease_ms: i64,
    ) -> BoxFuture<'a, Result<StreamClaim, StoreError>> {
        Box::pin(self.store.claim_stream(queue, began_at, lease_ms))
    }

    fn advance_stream<'a>(
        &'a self,
        queue: &'a str,
        next: Option<u64>,
        lease_ms: i64,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.store.advance_stream(queue, next, lease_ms))
    }

    #[cfg(feature = "kafka")]
    fn note_lost_records<'a>(
        &'a self,
        topic: &'a str,
        partition: i32,
        from: u64,
        to: u64,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.store.note_lost_records(topic, partition, from, to))
    }
}

/// Threads of a test that fails end too.
struct Ending(CancellationToken);

impl std::ops::Deref for Ending {
    type Target = CancellationToken;

    fn deref(&self) -> &CancellationToken {
        &self.0
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// judged's intake, running.
struct Service {
    database: Database,
    store: Arc<MoodyStore>,
    intake: Arc<Intake>,
    http: SocketAddr,
    grpc: SocketAddr,
    shutdown: Ending,
    serving: JoinHandle<()>,
    committing: JoinHandle<()>,
}

impl Service {
    /// `otlp` is the text of `[otlp]` beyond the addresses (other sections may follow), `sampling` that of `[sampling]`.
    async fn start(otlp: &str, sampling: &str) -> Self {
        Self::start_on(Database::sqlite().await, otlp, sampling).await
    }

    async fn start_on(database: Database, otlp: &str, sampling: &str) -> Self {
        crate::net::tls::install_provider();
        let config = format!("[otlp]\nhttp = \"127.0.0.1:0\"\ngrpc = \"127.0.0.1:0\"\n{otlp}");
        let config: IntakeConfig = toml::from_str(&config).unwrap();
        let store = Arc::new(MoodyStore::new(database.store.clone()));
        let sampler = Sampler::from_config(&toml::from_str(sampling).unwrap(), "judged").unwrap();
        let times = SettleTimes { settle_ms: 10_000, max_wait_ms: 120_000 };
        let sampling = SamplingInForce::new(Arc::new(sampler), None, Vec::new());
        let (intake, committer) = Intake::new(Arc::clone(&store) as _, sampling, Arc::new(Unredacted), times);
        let listeners = intake::bind(&config).await.unwrap();
        let (http, grpc) = (listeners.http_address().unwrap(), listeners.grpc_address().unwrap());
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(listeners.serve(Arc::clone(&intake), shutdown.clone()));
        let committing = tokio::spawn(committer.run());
        Self { database, store, intake, http, grpc, shutdown: Ending(shutdown), serving, committing }
    }

    /// Both signals together.
    async fn account(&self) -> IntakeAccount {
        account(&self.database.store).await
    }

    /// Waits until so many requests wait for their commit; the database is blocked.
    async fn until_waiting(&self, requests: usize) {
        let all = async || self.store.held.load(Ordering::SeqCst) + self.intake.waiting() == requests;
        eventually("the requests to wait for their commit", all).await;
    }

    /// Stops as the program does: receivers first, then whatever waits for its commit.
    async fn stop(self) -> Database {
        self.shutdown.cancel();
        self.serving.await.unwrap();
        drop(self.intake);
        self.committing.await.unwrap();
        self.database
    }
}

/// Spans and log records together.
async fn account(store: &Store) -> IntakeAccount {
    let ledger = store.ledger(0).await.unwrap();
    assert!(ledger.balanced, "{ledger:?}");
    let (spans, logs) = (ledger.intake, ledger.logs);
    IntakeAccount {
        received: spans.received + logs.received,
        kept: spans.kept + logs.kept,
        sampled_out: spans.sampled_out + logs.sampled_out,
        duplicate: spans.duplicate + logs.duplicate,
        own: spans.own + logs.own,
        rejected: spans.rejected + logs.rejected,
        own_unmarked: spans.own_unmarked + logs.own_unmarked,
        other_evaluators: spans.other_evaluators + logs.other_evaluators,
    }
}

/// One request of `spans` spans of one trace.
fn traces(trace: u8, spans: u8) -> wire::ExportTraceServiceRequest {
    let spans = (1..=spans).map(|number| span(trace, number)).collect();
    let scope_spans = vec![wire::ScopeSpans { spans, ..Default::default() }];
    wire::ExportTraceServiceRequest { resource_spans: vec![wire::ResourceSpans { scope_spans, ..Default::default() }] }
}

fn span(trace: u8, number: u8) -> wire::Span {
    wire::Span { trace_id: vec![trace; 16], span_id: vec![number; 8], name: "chat".to_owned(), ..Default::default() }
}

fn logs(trace: u8, records: u8) -> wire::ExportLogsServiceRequest {
    let record = |number| wire::LogRecord {
        time_unix_nano: u64::from(number),
        trace_id: vec![trace; 16],
        span_id: vec![1; 8],
        ..Default::default()
    };
    let scope_logs = vec![wire::ScopeLogs { log_records: (0..records).map(record).collect(), ..Default::default() }];
    wire::ExportLogsServiceRequest { resource_logs: vec![wire::ResourceLogs { scope_logs, ..Default::default() }] }
}

/// Waits for something that is about to happen.
async fn eventually(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    for _ in 0..1500 {
        if happened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain for {what}");
}
