//! OTLP/gRPC: the `Export` calls of the trace and log services.
//!
//! The messages are read as bytes and go through the prefilter like everything else; generated servers would decode every
//! span of them first. The Collector's exporter sends again after UNAVAILABLE, and after `RESOURCE_EXHAUSTED` only with
//! `RetryInfo`.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use axum::routing::post;
use bytes::{Buf, BufMut, Bytes};
use futures_util::stream;
use prost::Message;
use tonic::codec::{EncodeBody, EncodeBuf, Encoder, SingleMessageCompressionOverride};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::admission::Sender;
use super::compression::Compression;
use super::http_body;
use super::metrics::Transport;
use super::otlp_http::Receiver;
use super::otlp_response::{self, Advice, Refusal};
use super::refusals::RefusalReason;
use super::{Accepted, Description};
use crate::otlp::{Encoding, Signal, wire};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Compressed flag and length before each message.
const PREFIX: usize = 5;

pub(super) fn router(receiver: Receiver) -> Router {
    Router::new()
        .route(TRACES, post(traces))
        .route(LOGS, post(logs))
        .method_not_allowed_fallback(unknown_call)
        .fallback(unknown_call)
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
    let sender = match admitted {
        Ok(sender) => sender,
        Err(refusal) => {
            http_body::discard(body).await;
            return refused(receiver, &refusal);
        }
    };
    match receive(receiver, signal, sender, &head.headers, body).await {
        Ok(accepted) => succeeded(response_message(signal, &accepted)),
        Err(refusal) => refused(receiver, &refusal),
    }
}

async fn receive(
    receiver: &Receiver,
    signal: Signal,
    sender: Sender,
    headers: &HeaderMap,
    body: Body,
) -> Result<Accepted, Refusal> {
    let retry_after = receiver.retry_after;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !text(header::CONTENT_TYPE.as_str()).starts_with("application/grpc") {
        http_body::discard(body).await;
        let message = "this is judged's OTLP/gRPC receiver; OTLP/HTTP has its own port (intake.otlp.http)";
        return Err(Refusal::redirect(message));
    }
    let stated = Compression::parse(text("grpc-encoding"));
    // Whether the message is compressed as stated shows in it.
    let likely = *stated.as_ref().unwrap_or(&Compression::Identity);
    let (announced, limit) = (http_body::announced_length(headers), receiver.max_body + PREFIX);
    let received = receiver.arrival(sender, likely, announced, limit, body).await;
    let (mut arrival, memory) = received.map_err(|error| Refusal::of_body(&error, retry_after))?;
    let (compressed, message) = only_message(arrival.body)?;
    arrival.body = message;
    arrival.compression = match stated {
        Ok(compression) if compressed => compression,
        Err(error) if compressed => return Err(Refusal::of_accept(&error.into(), retry_after)),
        _ => Compression::Identity,
    };
    let description = Description::Stated(signal, Encoding::Protobuf);
    let accepted = receiver.intake.accept(Transport::Grpc, description, arrival, memory).await;
    accepted.map_err(|error| Refusal::of_accept(&error, retry_after))
}

/// The one message of a unary call, and whether it is compressed.
fn only_message(mut framed: Bytes) -> Result<(bool, Bytes), Refusal> {
    let wrong =
        |what: &str| Refusal::new(RefusalReason::Unreadable, Advice::Fix, format!("not a unary gRPC request: {what}"));
    if framed.len() < PREFIX {
        return Err(wrong("the message has no prefix"));
    }
    let compressed = match framed.get_u8() {
        0 => false,
        1 => true,
        _ => return Err(wrong("the compressed flag is neither 0 nor 1")),
    };
    let length = framed.get_u32() as usize;
    match framed.len() {
        found if found < length => Err(wrong("the message is cut off")),
        found if found > length => Err(wrong("more than one message")),
        _ => Ok((compressed, framed)),
    }
}

fn response_message(signal: Signal, accepted: &Accepted) -> Bytes {
    let error_message = otlp_response::partial_success(accepted.rejected, accepted.complaint.as_deref());
    let rejected = i64::try_from(accepted.rejected).unwrap_or(i64::MAX);
    let message = match signal {
        Signal::Traces => {
            let partial = wire::ExportTracePartialSuccess { rejected_spans: rejected, error_message };
            wire::ExportTraceServiceResponse { partial_success: (rejected > 0).then_some(partial) }.encode_to_vec()
        }
        Signal::Logs => {
            let partial = wire::ExportLogsPartialSuccess { rejected_log_records: rejected, error_message };
            wire::ExportLogsServiceResponse { partial_success: (rejected > 0).then_some(partial) }.encode_to_vec()
        }
    };
    message.into()
}

/// Frames bytes that are encoded already.
struct AsTheyAre;

impl Encoder for AsTheyAre {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

fn succeeded(message: Bytes) -> Response {
    let messages = stream::iter([Ok(message)]);
    let body = EncodeBody::new_server(AsTheyAre, messages, None, SingleMessageCompressionOverride::default(), None);
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn refused(receiver: &Receiver, refusal: &Refusal) -> Response {
    receiver.intake.refusals.count(Transport::Grpc, refusal.reason, &refusal.message);
    let message = refusal.message.clone();
    let later =
        |code, after| Status::with_error_details(code, message.clone(), ErrorDetails::with_retry_info(Some(after)));
    let status = match refusal.advice {
        Advice::Fix => Status::invalid_argument(message),
        // Without RetryInfo the sender gives up at once, as it should.
        Advice::Shrink => Status::resource_exhausted(message),
        Advice::Reencode | Advice::Redirect => Status::unimplemented(message),
        Advice::Forbid => Status::permission_denied(message),
        Advice::Authenticate => Status::unauthenticated(message),
        Advice::SlowDown(after) => later(Code::ResourceExhausted, after),
        Advice::Retry(after) => later(Code::Unavailable, after),
    };
    status.into_http()
}

async fn unknown_call(State(receiver): State<Receiver>, uri: Uri, body: Body) -> Response {
    http_body::discard(body).await;
    let path: String = uri.path().chars().take(100).collect();
    let hint = if path.contains("MetricsService") {
        "; metrics are not judged: leave them out of the pipeline that exports to judged"
    } else {
        ""
    };
    let message = format!("no {path} here: judged's OTLP/gRPC receiver takes {TRACES} and {LOGS}{hint}");
    refused(&receiver, &Refusal::redirect(message))
}
