//! An OTLP receiver that shares no code with judged's own: HTTP and gRPC on loopback, everything recorded, answers
//! scripted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::otlp::wire::{ExportLogsServiceRequest, ExportTraceServiceRequest, LogRecord, Span};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use tokio::net::TcpListener;
use tonic::{Code, Request as GrpcRequest, Response as GrpcResponse, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// How to answer a request.
#[derive(Clone, Debug)]
pub enum Answer {
    Accept,
    /// A partial success.
    Reject(i64),
    Http(u16),
    HttpRetryAfter(u16, &'static str),
    Grpc(Code),
    GrpcRetryAfter(Code, Duration),
    /// Bad request for every batch with a span or event of this rubric.
    RefuseRubric(&'static str),
    Hang,
}

/// A recorded request.
#[derive(Clone, Debug)]
pub enum Received {
    Traces(ExportTraceServiceRequest),
    Logs(ExportLogsServiceRequest),
}

#[derive(Default)]
struct Record {
    received: Vec<Received>,
    headers: Vec<HeaderMap>,
    traces: VecDeque<Answer>,
    logs: VecDeque<Answer>,
}

/// The running receiver. The last scripted answer of a signal stays.
#[derive(Clone)]
pub struct OtlpReceiver {
    record: Arc<Mutex<Record>>,
    pub http: String,
    pub grpc: String,
}

impl OtlpReceiver {
    pub async fn start() -> Self {
        let record = Arc::<Mutex<Record>>::default();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self {
            record,
            http: format!("http://{}", http.local_addr().unwrap()),
            grpc: format!("http://{}", grpc.local_addr().unwrap()),
        };
        let router = Router::new()
            .route("/v1/traces", post(http_traces))
            .route("/v1/logs", post(http_logs))
            .with_state(this.clone());
        tokio::spawn(async move { axum::serve(http, router).await.unwrap() });
        let services = tonic::service::Routes::new(TraceServiceServer::new(this.clone()))
            .add_service(LogsServiceServer::new(this.clone()))
            .prepare()
            .into_axum_router();
        tokio::spawn(async move { axum::serve(grpc, services).await.unwrap() });
        this
    }

    pub fn answer_traces(&self, answers: impl IntoIterator<Item = Answer>) {
        self.record.lock().unwrap().traces = answers.into_iter().collect();
    }

    pub fn answer_logs(&self, answers: impl IntoIterator<Item = Answer>) {
        self.record.lock().unwrap().logs = answers.into_iter().collect();
    }

    pub fn received(&self) -> Vec<Received> {
        self.record.lock().unwrap().received.clone()
    }

    pub fn headers(&self) -> Vec<HeaderMap> {
        self.record.lock().unwrap().headers.clone()
    }

    pub fn trace_requests(&self) -> usize {
        self.received().iter().filter(|received| matches!(received, Received::Traces(_))).count()
    }

    pub fn log_requests(&self) -> usize {
        self.received().len() - self.trace_requests()
    }

    pub fn spans(&self) -> Vec<Span> {
        self.received()
            .into_iter()
            .filter_map(|received| match received {
                Received::Traces(request) => Some(request),
                Received::Logs(_) => None,
            })
            .flat_map(spans_of)
            .collect()
    }

    pub fn events(&self) -> Vec<LogRecord> {
        self.received()
            .into_iter()
            .filter_map(|received| match received {
                Received::Traces(_) => None,
                Received::Logs(request) => Some(request),
            })
            .flat_map(events_of)
            .collect()
    }

    fn take(&self, received: Received, headers: HeaderMap) -> Answer {
        let mut record = self.record.lock().unwrap();
        let rubrics: Vec<String> = match &received {
            Received::Traces(request) => spans_of(request.clone()).map(|span| span.name).collect(),
            Received::Logs(request) => {
                events_of(request.clone()).map(|event| format!("{:?}", event.attributes)).collect()
            }
        };
        let answers = match &received {
            Received::Traces(_) => &mut record.traces,
            Received::Logs(_) => &mut record.logs,
        };
        let answer = match answers.len() {
            0 => Answer::Accept,
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        record.received.push(received);
        record.headers.push(headers);
        match answer {
            Answer::RefuseRubric(name) if rubrics.iter().any(|rubric| rubric.contains(name)) => Answer::Http(400),
            Answer::RefuseRubric(_) => Answer::Accept,
            answer => answer,
        }
    }
}

fn spans_of(request: ExportTraceServiceRequest) -> impl Iterator<Item = Span> {
    request.resource_spans.into_iter().flat_map(|block| block.scope_spans).flat_map(|scope| scope.spans)
}

fn events_of(request: ExportLogsServiceRequest) -> impl Iterator<Item = LogRecord> {
    request.resource_logs.into_iter().flat_map(|block| block.scope_logs).flat_map(|scope| scope.log_records)
}

async fn http_traces(State(receiver): State<OtlpReceiver>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST.into_response() };
    let answer = receiver.take(Received::Traces(request), headers);
    let partial = |rejected_spans| {
        let error_message = "not all".to_owned();
        ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess { rejected_spans, error_message }),
        }
    };
    http_answer(answer, |rejected| rejected.map_or_else(Vec::new, |rejected| partial(rejected).encode_to_vec())).await
}

async fn http_logs(State(receiver): State<OtlpReceiver>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(request) = ExportLogsServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST.into_response() };
    let answer = receiver.take(Received::Logs(request), headers);
    let partial = |rejected_log_records| {
        let error_message = "not all".to_owned();
        ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess { rejected_log_records, error_message }),
        }
    };
    http_answer(answer, |rejected| rejected.map_or_else(Vec::new, |rejected| partial(rejected).encode_to_vec())).await
}

async fn http_answer(answer: Answer, body: impl Fn(Option<i64>) -> Vec<u8>) -> Response {
    let typed = |body: Vec<u8>| ([(header::CONTENT_TYPE, "application/x-protobuf")], body).into_response();
    match answer {
        Answer::Accept => typed(body(None)),
        Answer::Reject(rejected) => typed(body(Some(rejected))),
        Answer::Http(status) => (StatusCode::from_u16(status).unwrap(), "refused by the script").into_response(),
        Answer::HttpRetryAfter(status, after) => {
            (StatusCode::from_u16(status).unwrap(), [(header::RETRY_AFTER, after)]).into_response()
        }
        Answer::Hang => std::future::pending().await,
        other => panic!("{other:?} is no answer over HTTP"),
    }
}

fn grpc_answer(answer: &Answer) -> Result<Option<i64>, Status> {
    match answer {
        Answer::Accept => Ok(None),
        Answer::Reject(rejected) => Ok(Some(*rejected)),
        Answer::Grpc(code) => Err(Status::new(*code, "refused by the script")),
        Answer::GrpcRetryAfter(code, after) => {
            Err(Status::with_error_details(*code, "later", ErrorDetails::with_retry_info(Some(*after))))
        }
        other => panic!("{other:?} is no answer over gRPC"),
    }
}

#[tonic::async_trait]
impl TraceService for OtlpReceiver {
    async fn export(
        &self,
        request: GrpcRequest<ExportTraceServiceRequest>,
    ) -> Result<GrpcResponse<ExportTraceServiceResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        let rejected = grpc_answer(&self.take(Received::Traces(request.into_inner()), headers))?;
        let partial_success = rejected
            .map(|rejected_spans| ExportTracePartialSuccess { rejected_spans, error_message: "not all".to_owned() });
        Ok(GrpcResponse::new(ExportTraceServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl LogsService for OtlpReceiver {
    async fn export(
        &self,
        request: GrpcRequest<ExportLogsServiceRequest>,
    ) -> Result<GrpcResponse<ExportLogsServiceResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        let rejected = grpc_answer(&self.take(Received::Logs(request.into_inner()), headers))?;
        let partial_success = rejected.map(|rejected_log_records| ExportLogsPartialSuccess {
            rejected_log_records,
            error_message: "not all".to_owned(),
        });
        Ok(GrpcResponse::new(ExportLogsServiceResponse { partial_success }))
    }
}
