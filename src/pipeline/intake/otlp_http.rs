//! OTLP/HTTP: `POST /v1/traces` and `/v1/logs`, protobuf and JSON.
//!
//! The Collector's exporter sends again after 429, 502, 503 and 504 only, and drops the data after anything else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use prost::Message;
use tonic::Code;

use super::admission::{Admission, Reservation, Sender};
use super::arrival::Arrival;
use super::compression::{ACCEPTED, Compression};
use super::door::Door;
use super::http_body::{self, BodyError, Receiving};
use super::metrics::Transport;
use super::otlp_response::{self, Advice, Refusal};
use super::{Accepted, Description, Intake};
use crate::config::intake::OtlpConfig;
use crate::otlp::{Encoding, Signal, sniff_encoding, wire};
use crate::secrets::Tokens;

/// What the receivers share.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) intake: Arc<Intake>,
    admission: Admission,
    pub(super) max_body: usize,
    max_decompressed: usize,
    pub(super) retry_after: Duration,
    tokens: Arc<Tokens<String>>,
    is_loopback: bool,
}

impl Receiver {
    pub(super) fn new(config: &OtlpConfig, tokens: Tokens<String>, admission: Admission, intake: Arc<Intake>) -> Self {
        Self {
            intake,
            admission,
            max_body: config.max_body_bytes,
            max_decompressed: config.max_decompressed_bytes,
            retry_after: Duration::from_secs(u64::from(config.retry_after_seconds.max(1))),
            tokens: Arc::new(tokens),
            is_loopback: true,
        }
    }

    /// Reads a body when its sender's turn has come.
    pub(super) async fn arrival(
        &self,
        sender: Sender,
        compression: Compression,
        announced: Option<usize>,
        limit: usize,
        body: Body,
    ) -> Result<(Arrival, Reservation), BodyError> {
        let receiving = Receiving { admission: &self.admission, sender: &sender, compression, announced, limit };
        let (body, memory) = receiving.receive(body).await?;
        let (admission, max_decompressed) = (self.admission.clone(), self.max_decompressed);
        Ok((Arrival { sender, compression, body, max_decompressed, admission }, memory))
    }

    /// The same for a listener of this address.
    pub(super) fn at(&self, address: SocketAddr) -> Self {
        Self { is_loopback: address.ip().is_loopback(), ..self.clone() }
    }

    pub(super) fn needs_token(&self) -> bool {
        !self.tokens.is_empty()
    }

    pub(super) fn door(&self) -> Door<'_> {
        Door { tokens: &self.tokens, is_loopback: self.is_loopback }
    }
}

pub(super) fn router(receiver: Receiver) -> Router {
    Router::new()
        .route("/v1/traces", post(traces))
        .route("/v1/logs", post(logs))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_route)
        .with_state(receiver)
}

async fn traces(State(receiver): State<Receiver>, request: Request) -> Response {
    export(&receiver, Signal::Traces, request).await
}

async fn logs(State(receiver): State<Receiver>, request: Request) -> Response {
    export(&receiver, Signal::Logs, request).await
}

async fn export(receiver: &Receiver, signal: Signal, request: Request) -> Response {
    let admitted = receiver.door().admit(&request);
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    let sender = match admitted {
        Ok(sender) => sender,
        Err(refusal) => {
            http_body::discard(body).await;
            return refused(receiver, &refusal, readable(headers));
        }
    };
    let stated = match stated_encoding(headers) {
        Ok(stated) => stated,
        Err(refusal) => {
            http_body::discard(body).await;
            return refused(receiver, &refusal, Encoding::Protobuf);
        }
    };
    let answer_in = stated.unwrap_or(Encoding::Protobuf);
    match receive(receiver, signal, stated, sender, headers, body).await {
        Ok((encoding, accepted)) => succeeded(signal, encoding, &accepted),
        Err(refusal) => refused(receiver, &refusal, answer_in),
    }
}

async fn receive(
    receiver: &Receiver,
    signal: Signal,
    stated: Option<Encoding>,
    sender: Sender,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Encoding, Accepted), Refusal> {
    let retry_after = receiver.retry_after;
    let compression = match Compression::parse(text(headers, &header::CONTENT_ENCODING)) {
        Ok(compression) => compression,
        Err(error) => {
            http_body::discard(body).await;
            return Err(Refusal::of_accept(&error.into(), retry_after));
        }
    };
    let announced = http_body::announced_length(headers);
    let (arrival, memory) = receiver
        .arrival(sender, compression, announced, receiver.max_body, body)
        .await
        .map_err(|error| Refusal::of_body(&error, retry_after))?;
    // What is packed shows its encoding later; its sender hears protobuf.
    let shown =
        || if compression == Compression::Identity { sniff_encoding(&arrival.body) } else { Encoding::Protobuf };
    let answer_in = stated.unwrap_or_else(shown);
    let description = stated.map_or(Description::Sniffed(signal), |encoding| Description::Stated(signal, encoding));
    let accepted = receiver.intake.accept(Transport::Http, description, arrival, memory).await;
    Ok((answer_in, accepted.map_err(|error| Refusal::of_accept(&error, retry_after))?))
}

/// The encoding by the content type; `None` when there is none.
fn stated_encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
    let content_type = text(headers, &header::CONTENT_TYPE);
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "application/x-protobuf" | "application/protobuf" => Ok(Some(Encoding::Protobuf)),
        "application/json" => Ok(Some(Encoding::Json)),
        _ => Err(Refusal::unsupported_media_type(content_type)),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn succeeded(signal: Signal, encoding: Encoding, accepted: &Accepted) -> Response {
    if accepted.rejected == 0 {
        // The specification leaves `partial_success` unset; in JSON that is absent, not null.
        return match encoding {
            Encoding::Protobuf => with_type(StatusCode::OK, PROTOBUF, Vec::new()),
            Encoding::Json => with_type(StatusCode::OK, JSON, b"{}".to_vec()),
        };
    }
    let error_message = otlp_response::partial_success(accepted.rejected, accepted.complaint.as_deref());
    let rejected = i64::try_from(accepted.rejected).unwrap_or(i64::MAX);
    match signal {
        Signal::Traces => {
            let partial = wire::ExportTracePartialSuccess { rejected_spans: rejected, error_message };
            let response = wire::ExportTraceServiceResponse { partial_success: Some(partial) };
            encoded(StatusCode::OK, encoding, &response)
        }
        Signal::Logs => {
            let partial = wire::ExportLogsPartialSuccess { rejected_log_records: rejected, error_message };
            let response = wire::ExportLogsServiceResponse { partial_success: Some(partial) };
            encoded(StatusCode::OK, encoding, &response)
        }
    }
}

fn encoded(status: StatusCode, encoding: Encoding, message: &(impl Message + serde::Serialize)) -> Response {
    match encoding {
        Encoding::Protobuf => with_type(status, PROTOBUF, message.encode_to_vec()),
        Encoding::Json => match serde_json::to_vec(message) {
            Ok(json) => with_type(status, JSON, json),
            // Both responses are plain data; an empty object is the shortest correct one.
            Err(_) => with_type(status, JSON, b"{}".to_vec()),
        },
    }
}

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn with_type(status: StatusCode, content_type: HeaderValue, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// An error with a `google.rpc.Status` as its body, as OTLP asks for.
fn refused(receiver: &Receiver, refusal: &Refusal, encoding: Encoding) -> Response {
    receiver.intake.refusals.count(Transport::Http, refusal.reason, &refusal.message);
    let (status, code) = match refusal.advice {
        Advice::Fix => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
        Advice::Shrink => (StatusCode::PAYLOAD_TOO_LARGE, Code::InvalidArgument),
        Advice::Reencode => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument),
        Advice::Redirect => (StatusCode::NOT_FOUND, Code::Unimplemented),
        Advice::Forbid => (StatusCode::FORBIDDEN, Code::PermissionDenied),
        Advice::Authenticate => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
        // Not 429: exporters of some releases (OpenTelemetry for Python 1.39 among them) drop what was answered so, and send
        // again after 503.
        Advice::SlowDown(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::ResourceExhausted),
        Advice::Retry(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
    };
    let code = code as i32;
    let mut response = match encoding {
        Encoding::Protobuf => {
            let body = tonic_types::Status { code, message: refusal.message.clone(), details: Vec::new() };
            with_type(status, PROTOBUF, body.encode_to_vec())
        }
        Encoding::Json => {
            let body = serde_json::json!({ "code": code, "message": refusal.message });
            with_type(status, JSON, body.to_string().into_bytes())
        }
    };
    let headers = response.headers_mut();
    match refusal.advice {
        Advice::SlowDown(after) | Advice::Retry(after) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        Advice::Reencode => {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
        }
        Advice::Authenticate => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Advice::Fix | Advice::Shrink | Advice::Redirect | Advice::Forbid => {}
    }
    response
}

const ROUTES: &str = "POST /v1/traces or /v1/logs";

async fn unknown_route(
    State(receiver): State<Receiver>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    http_body::discard(body).await;
    let path: String = uri.path().chars().take(80).collect();
    let hint = match path.trim_end_matches('/') {
        "/v1/metrics" => "metrics are not judged: leave them out of the pipeline that exports to judged",
        "/v1/traces" | "/v1/logs" => "leave out the slash at the end",
        _ if path.contains("opentelemetry.proto") => "this is the HTTP port; OTLP/gRPC has its own (intake.otlp.grpc)",
        _ => "the pages of judged are at the address web.listen",
    };
    let message = format!("no {method} {path} here: this is judged's OTLP/HTTP receiver, which takes {ROUTES}; {hint}");
    refused(&receiver, &Refusal::redirect(message), readable(&headers))
}

async fn wrong_method(State(receiver): State<Receiver>, method: Method, headers: HeaderMap, body: Body) -> Response {
    http_body::discard(body).await;
    let message =
        format!("{method} is not how OTLP exports: this is judged's OTLP/HTTP receiver, which takes {ROUTES}");
    let mut response = refused(&receiver, &Refusal::redirect(message), readable(&headers));
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// A person with a browser or curl reads JSON; an exporter with the wrong path logs protobuf.
fn readable(headers: &HeaderMap) -> Encoding {
    match stated_encoding(headers) {
        Ok(Some(Encoding::Protobuf)) => Encoding::Protobuf,
        Ok(_) | Err(_) => Encoding::Json,
    }
}
