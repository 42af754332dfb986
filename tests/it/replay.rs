//! `judged replay` as a person runs it, against `judged run` and against receivers that are in trouble.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

async fn replay(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_judged"));
    command.arg("replay").args(arguments).current_dir(directory.path()).output().await.unwrap()
}

/// A worker with the role of intake, on a database of its own.
struct Intake {
    http: SocketAddr,
    grpc: SocketAddr,
    folder: tempfile::TempDir,
    process: Child,
}

impl Drop for Intake {
    fn drop(&mut self) {
        // A test that failed leaves nobody behind. One that ended by itself cannot be killed.
        self.process.kill().unwrap_or(());
        drop(self.process.wait());
    }
}

impl Intake {
    /// `sections` follow `[intake.otlp]` in the configuration.
    async fn start(sections: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (http, grpc) = (free_address(), free_address());
        let config = format!(
            r#"
            store = {{ url = "sqlite://judged.db" }}
            sampling = {{ rate = 1.0 }}
            [intake.otlp]
            http = "{http}"
            grpc = "{grpc}"
            {sections}
            "#
        );
        std::fs::write(folder.path().join("judged.toml"), config).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_judged"))
            .args(["run", "--roles", "intake"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let intake = Self { http, grpc, folder, process };
        for address in [http, grpc] {
            eventually("the receivers", async || tokio::net::TcpStream::connect(address).await.is_ok()).await;
        }
        intake
    }

    /// What the ledger counts under `name`, spans and log records together.
    fn counted(&self, name: &str) -> i64 {
        let output = Command::new(env!("CARGO_BIN_EXE_judged"))
            .args(["ledger", "--format", "json"])
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let ledger: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        ["intake", "logs"].iter().map(|signal| ledger[signal][name].as_i64().unwrap()).sum()
    }
}

/// An address that nobody listens on.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
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

/// One request of `spans` spans of one trace.
fn traces(trace: u8, spans: u8) -> ExportTraceServiceRequest {
    let span = |number| Span {
        trace_id: vec![trace; 16],
        span_id: vec![number; 8],
        name: "chat".to_owned(),
        ..Default::default()
    };
    let scope_spans = vec![ScopeSpans { spans: (1..=spans).map(span).collect(), ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
}

fn logs(trace: u8, records: u8) -> ExportLogsServiceRequest {
    let record = |number| LogRecord {
        time_unix_nano: u64::from(number),
        trace_id: vec![trace; 16],
        span_id: vec![1; 8],
        ..Default::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: (0..records).map(record).collect(), ..Default::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..Default::default() }] }
}

fn file(extension: &str, content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_kind_arrive_over_every_wire() {
    let lines =
        format!("{}\n{}\n", serde_json::to_string(&traces(1, 2)).unwrap(), serde_json::to_string(&logs(1, 3)).unwrap());
    let (lines, binary) = (file(".jsonl", lines.as_bytes()), file(".binpb", &traces(2, 4).encode_to_vec()));
    let files = [lines.path().to_str().unwrap(), binary.path().to_str().unwrap()];
    let intake = Intake::start("").await;
    let targets = [format!("http://{}", intake.http), format!("grpc://{}", intake.grpc)];
    for (round, to) in targets.iter().enumerate() {
        let output = replay(&[files[0], files[1], "--to", to]).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        assert!(said.ends_with(": 3 requests, 6 spans, 3 log records\n"), "{said}");
        assert_eq!(intake.counted("kept"), 9);
        assert_eq!(intake.counted("duplicate"), 9 * round as i64, "the same files again are duplicates");
    }
}

/// A static program in an empty image has no certificates beside it.
#[tokio::test(flavor = "multi_thread")]
async fn plain_http_needs_no_certificates() {
    let request = file(".binpb", &traces(1, 2).encode_to_vec());
    let intake = Intake::start("").await;
    let output = Command::new(env!("CARGO_BIN_EXE_judged"))
        .args(["replay", request.path().to_str().unwrap(), "--to", &format!("http://{}", intake.http)])
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", "/nowhere")
        .current_dir(intake.folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(intake.counted("kept"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_named_and_the_rest_is_sent() {
    let intake = Intake::start("").await;
    let lines = format!(
        "{}\nnonsense\n{}\n",
        serde_json::to_string(&traces(1, 1)).unwrap(),
        serde_json::to_string(&traces(2, 1)).unwrap()
    );
    let lines = file(".jsonl", lines.as_bytes());
    let to = format!("http://{}", intake.http);
    let output = replay(&[lines.path().to_str().unwrap(), "/nowhere/spans.jsonl", "--to", &to]).await;
    assert_eq!(output.status.code(), Some(1));
    let complaints = text(&output.stderr);
    assert!(complaints.contains(".jsonl:2: not an OTLP request"), "{complaints}");
    assert!(complaints.contains("cannot read /nowhere/spans.jsonl"), "{complaints}");
    assert!(text(&output.stdout).contains("2 requests, 2 spans, 0 log records; 2 requests could not be read"));
    assert_eq!(intake.counted("kept"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_target_is_wrong_usage_and_an_absent_one_a_failure() {
    let binary = file(".binpb", &traces(1, 1).encode_to_vec());
    let path = binary.path().to_str().unwrap();
    let output = replay(&[path, "--to", "localhost:4328"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("http(s)://host:port, grpc(s)://host:port, amqp(s)://"));
    for to in ["http://127.0.0.1:9", "grpc://127.0.0.1:9", "amqp://me:hunter2@127.0.0.1:9"] {
        let output = replay(&[path, "--to", to]).await;
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{to}: {complaint}");
        assert!(complaint.contains("is judged running there?") && complaint.contains("127.0.0.1:9"), "{complaint}");
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_receiver_is_asked_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let busy_twice = move || async move {
        let status = match counter.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        (status, [("retry-after", "1"), ("content-type", "application/x-protobuf")])
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(busy_twice));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let binary = file(".binpb", &traces(1, 5).encode_to_vec());
    let output = replay(&[binary.path().to_str().unwrap(), "--to", &to]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with(": 1 requests, 5 spans, 0 log records\n"), "{}", text(&output.stdout));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_filled_with_confirmation_and_a_missing_queue_noticed() {
    let url = std::env::var("JUDGED_TEST_AMQP_URL")
        .expect("JUDGED_TEST_AMQP_URL is not set: run the suite with scripts/test, which starts a RabbitMQ");
    let name = |what: &str| format!("test-{what}-{}", uuid::Uuid::now_v7().simple());
    let (traces_queue, logs_queue, dead) = (name("replay-spans"), name("replay-logs"), name("replay-dead"));
    let section = format!(
        "[intake.amqp]\nurl = \"{url}\"\ntraces_queue = \"{traces_queue}\"\nlogs_queue = \"{logs_queue}\"\ndead_letter_queue = \"{dead}\"\n"
    );
    let config = file(".toml", section.as_bytes());
    let binary = file(".binpb", &traces(1, 5).encode_to_vec());
    let arguments = [binary.path().to_str().unwrap(), "--to", &url, "--config", config.path().to_str().unwrap()];
    let output = replay(&arguments).await;
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(complaint.contains(&format!("queue `{traces_queue}` does not exist")), "{complaint}");
    let intake = Intake::start(&section).await;
    eventually("the consumer", async || replay(&arguments).await.status.success()).await;
    eventually("the spans", async || intake.counted("kept") == 5).await;
}
