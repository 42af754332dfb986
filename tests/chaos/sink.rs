//! A backend that takes scores over OTLP/HTTP, when it is up. It remembers which worker sent what, and when.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tokio::net::TcpListener;

/// One time that an event was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The life of the worker that sent it.
    pub life: u64,
    pub at: Instant,
    pub event: LogRecord,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Up,
    Unavailable,
    Busy,
    Silent,
}

struct Record {
    mood: Mood,
    events: BTreeMap<String, Vec<Accepted>>,
    spans: BTreeMap<String, HashSet<Vec<u8>>>,
    refused: u64,
}

#[derive(Clone)]
pub struct Sink {
    pub url: String,
    record: Arc<Mutex<Record>>,
}

impl Sink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let record = Record { mood: Mood::Up, events: BTreeMap::new(), spans: BTreeMap::new(), refused: 0 };
        let this = Self { url, record: Arc::new(Mutex::new(record)) };
        let router = Router::new().route("/{life}/v1/{signal}", post(take)).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        this
    }

    /// Goes down and up again until it is dropped; then it stays up.
    pub fn make_moody(&self, seed: u64) -> Moody {
        let sink = self.clone();
        let task = tokio::spawn(async move {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x51);
            loop {
                let mood = [Mood::Unavailable, Mood::Busy, Mood::Silent][rng.random_range(0..3)];
                for (mood, longest_ms) in [(Mood::Up, 4000), (mood, 2500)] {
                    sink.record.lock().unwrap().mood = mood;
                    tokio::time::sleep(Duration::from_millis(rng.random_range(500..longest_ms))).await;
                }
            }
        });
        Moody { sink: self.clone(), task }
    }

    /// The events accepted, by evaluation id.
    pub fn events(&self) -> BTreeMap<String, Vec<Accepted>> {
        self.record.lock().unwrap().events.clone()
    }

    /// The ids of the EVALUATOR spans accepted, by evaluation id.
    pub fn spans(&self) -> BTreeMap<String, HashSet<Vec<u8>>> {
        self.record.lock().unwrap().spans.clone()
    }

    /// How many requests were turned away.
    pub fn refused(&self) -> u64 {
        self.record.lock().unwrap().refused
    }

    fn accept(&self, life: u64, signal: &str, body: Bytes) {
        let mut record = self.record.lock().unwrap();
        let at = Instant::now();
        if signal == "traces" {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            let scopes = request.resource_spans.into_iter().flat_map(|block| block.scope_spans);
            for span in scopes.flat_map(|scope| scope.spans) {
                let id = text(&span.attributes, EVALUATION).expect("a span names its evaluation");
                record.spans.entry(id).or_default().insert(span.span_id);
            }
            return;
        }
        let request = ExportLogsServiceRequest::decode(body).unwrap();
        let scopes = request.resource_logs.into_iter().flat_map(|block| block.scope_logs);
        for event in scopes.flat_map(|scope| scope.log_records) {
            let id = text(&event.attributes, EVALUATION).expect("an event names its evaluation");
            record.events.entry(id).or_default().push(Accepted { life, at, event });
        }
    }
}

const EVALUATION: &str = "judged.evaluation.id";

/// The text of an attribute.
pub fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let pair = attributes.iter().find(|pair| pair.key == key)?;
    match pair.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

/// The sink's changes of mood.
pub struct Moody {
    sink: Sink,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Moody {
    fn drop(&mut self) {
        self.task.abort();
        self.sink.record.lock().unwrap().mood = Mood::Up;
    }
}

async fn take(State(sink): State<Sink>, Path((life, signal)): Path<(u64, String)>, body: Bytes) -> Response {
    let mood = {
        let mut record = sink.record.lock().unwrap();
        record.refused += u64::from(record.mood != Mood::Up);
        record.mood
    };
    match mood {
        Mood::Up => {
            sink.accept(life, &signal, body);
            ([(header::CONTENT_TYPE, "application/x-protobuf")], Vec::new()).into_response()
        }
        Mood::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Busy => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response(),
        Mood::Silent => std::future::pending().await,
    }
}
