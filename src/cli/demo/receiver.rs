//! A small OTLP/HTTP receiver: where the demo's scores are delivered, so that one can see that they arrive.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use prost::Message;
use tokio_util::sync::CancellationToken;

use crate::conventions::EVALUATION_EVENT;
use crate::otlp::wire::{
    ExportLogsServiceRequest, ExportLogsServiceResponse, ExportTraceServiceRequest, ExportTraceServiceResponse,
};

/// What was received.
#[derive(Debug, Default, Clone)]
pub(super) struct Received {
    /// Judged spans (trace id, span id) that `gen_ai.evaluation.result` events named.
    pub(super) judged: BTreeSet<(Vec<u8>, Vec<u8>)>,
    /// Evaluation events.
    pub(super) events: usize,
    /// EVALUATOR spans.
    pub(super) spans: usize,
}

type Shared = Arc<Mutex<Received>>;

/// A receiver that listens.
pub(super) struct Receiver {
    address: SocketAddr,
    received: Shared,
}

impl Receiver {
    /// Listens on a free port of the loopback interface until `stop`.
    pub(super) async fn start(stop: CancellationToken) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let received = Shared::default();
        let router = Router::new()
            .route("/v1/logs", post(logs))
            .route("/v1/traces", post(traces))
            .with_state(Arc::clone(&received));
        tokio::spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
            if let Err(error) = serving.await {
                tracing::warn!(%error, "the demo's receiver stopped");
            }
        });
        Ok(Self { address, received })
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has been received so far.
    pub(super) fn received(&self) -> Received {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn logs(State(received): State<Shared>, body: Bytes) -> impl IntoResponse {
    let Ok(request) = ExportLogsServiceRequest::decode(body) else {
        return (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "text/plain")], b"not a logs request".to_vec());
    };
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    let groups = request.resource_logs.into_iter().flat_map(|block| block.scope_logs);
    for record in groups.flat_map(|group| group.log_records) {
        received.events += usize::from(record.event_name == EVALUATION_EVENT);
        received.judged.insert((record.trace_id, record.span_id));
    }
    protobuf(&ExportLogsServiceResponse::default())
}

async fn traces(State(received): State<Shared>, body: Bytes) -> impl IntoResponse {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "text/plain")], b"not a traces request".to_vec());
    };
    let groups = request.resource_spans.into_iter().flat_map(|block| block.scope_spans);
    let spans: usize = groups.map(|group| group.spans.len()).sum();
    received.lock().unwrap_or_else(PoisonError::into_inner).spans += spans;
    protobuf(&ExportTraceServiceResponse::default())
}

fn protobuf(message: &impl Message) -> (StatusCode, [(axum::http::HeaderName, &'static str); 1], Vec<u8>) {
    (StatusCode::OK, [(CONTENT_TYPE, "application/x-protobuf")], message.encode_to_vec())
}
