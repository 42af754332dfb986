//! OTLP/HTTP as an exporter sees it.

use std::io::Write;
use std::sync::atomic::Ordering;

use prost::Message;
use reqwest::{Client, RequestBuilder, Response};

use super::*;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn post(service: &Service, path: &str, content_type: &str, body: Vec<u8>) -> RequestBuilder {
    Client::new().post(format!("http://{}{path}", service.http)).header("content-type", content_type).body(body)
}

async fn send(service: &Service, request: &wire::ExportTraceServiceRequest) -> Response {
    post(service, "/v1/traces", PROTOBUF, request.encode_to_vec()).send().await.unwrap()
}

fn content_type(response: &Response) -> &str {
    response.headers()["content-type"].to_str().unwrap()
}

/// The message of an error in protobuf.
async fn status(response: Response) -> tonic_types::Status {
    assert_eq!(content_type(&response), PROTOBUF);
    tonic_types::Status::decode(response.bytes().await.unwrap()).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn framed_snappy(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.into_inner().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn traces_and_logs_are_committed_in_either_encoding_before_success_is_said() {
    let service = Service::start("", "rate = 1").await;
    for (content_type, traces, logs) in [
        (PROTOBUF, traces(1, 2).encode_to_vec(), logs(1, 3).encode_to_vec()),
        (JSON, serde_json::to_vec(&traces(2, 2)).unwrap(), serde_json::to_vec(&logs(2, 3)).unwrap()),
    ] {
        for (path, body, kept) in [("/v1/traces", traces, 2), ("/v1/logs", logs, 3)] {
            let before = service.account().await.kept;
            let response = post(&service, path, content_type, body).send().await.unwrap();
            assert_eq!((response.status().as_u16(), self::content_type(&response)), (200, content_type));
            let expected: &[u8] = if content_type == JSON { b"{}" } else { b"" };
            assert_eq!(response.bytes().await.unwrap(), expected, "a full success says nothing");
            assert_eq!(service.account().await.kept - before, kept);
        }
    }
}

#[tokio::test]
async fn every_content_encoding_is_understood() {
    let service = Service::start("", "rate = 1").await;
    let body = |trace| traces(trace, 1).encode_to_vec();
    for (trace, encoding, body) in [
        (1, "gzip", gzip(&body(1))),
        (2, "zstd", zstd::encode_all(body(2).as_slice(), 3).unwrap()),
        (3, "deflate", zlib(&body(3))),
        (4, "identity", body(4)),
        (5, "snappy", snap::raw::Encoder::new().compress_vec(&body(5)).unwrap()),
        (6, "snappy", framed_snappy(&body(6))),
        (7, "x-snappy-framed", framed_snappy(&body(7))),
        (8, "lz4", lz4(&body(8))),
    ] {
        let response = post(&service, "/v1/traces", PROTOBUF, body).header("content-encoding", encoding).send().await;
        assert_eq!(response.unwrap().status(), 200, "{encoding}");
        assert_eq!(service.account().await.kept, i64::from(trace), "{encoding}");
    }
    let response =
        post(&service, "/v1/traces", PROTOBUF, body(9)).header("content-encoding", "br").send().await.unwrap();
    assert_eq!(response.status(), 415);
    assert_eq!(response.headers()["accept-encoding"], "gzip, zstd, snappy, x-snappy-framed, lz4, deflate, identity");
    assert!(status(response).await.message.contains("`br` is not supported"));
}

#[tokio::test]
async fn a_web_page_cannot_send_and_a_token_is_asked_for_where_there_is_one() {
    let service = Service::start("", "rate = 1").await;
    let body = traces(1, 1).encode_to_vec();
    let page = post(&service, "/v1/traces", PROTOBUF, body.clone()).header("origin", "https://page.example");
    let refused = page.send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert!(status(refused).await.message.contains("a web page sent this"));
    assert_eq!(service.account().await.received, 0);

    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("token");
    std::fs::write(&file, "f3a9c1d2e4b5a697\n").unwrap();
    let tokens = format!("[[otlp.tokens]]\nname = \"collector\"\ntoken_file = \"{}\"", file.display());
    let service = Service::start(&tokens, "rate = 1").await;
    let send = |token: &'static str| post(&service, "/v1/traces", PROTOBUF, body.clone()).bearer_auth(token).send();
    let refused = send("f3a9c1d2e4b5a698").await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["www-authenticate"].to_str().unwrap()), (401, "Bearer"));
    assert_eq!(send("f3a9c1d2e4b5a697").await.unwrap().status(), 200);
    assert_eq!(service.account().await.kept, 1);
}

#[tokio::test]
async fn a_token_that_is_missing_or_weak_keeps_intake_from_starting() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("token");
    std::fs::write(&file, "change-me").unwrap();
    let start = async |listen: &str, place: &str| {
        let config =
            format!("[otlp]\nhttp = \"{listen}\"\ngrpc = \"off\"\n[[otlp.tokens]]\nname = \"collector\"\n{place}");
        intake::bind(&toml::from_str(&config).unwrap()).await.map(drop).map_err(|error| error.to_string())
    };
    let place = format!("token_file = \"{}\"", file.display());
    assert!(start("0.0.0.0:0", &place).await.unwrap_err().contains("`collector`: it is the one of an example"));
    assert_eq!(start("127.0.0.1:0", &place).await, Ok(()));
    assert!(start("127.0.0.1:0", "").await.unwrap_err().contains("name its place"));
}

#[tokio::test]
async fn a_partial_success_says_how_many_and_why() {
    let service = Service::start("", "rate = 1").await;
    let mut request = traces(1, 3);
    request.resource_spans[0].scope_spans[0].spans[1].span_id = vec![1, 2, 3];
    let response = send(&service, &request).await;
    assert_eq!(response.status(), 200);
    let answer = wire::ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert_eq!(partial.error_message, "1 rejected and not judged; the first because: span id has 3 bytes; expected 8");
    let json = serde_json::to_vec(&request).unwrap();
    let answer: serde_json::Value =
        post(&service, "/v1/traces", JSON, json).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedSpans"].to_string().trim_matches('"'), "1");
    let account = service.account().await;
    assert_eq!((account.received, account.kept, account.duplicate, account.rejected), (6, 2, 2, 2));
}

#[tokio::test]
async fn a_request_that_comes_again_is_stored_once() {
    let service = Service::start("", "rate = 1").await;
    for _ in 0..3 {
        assert_eq!(send(&service, &traces(1, 4)).await.status(), 200);
    }
    let account = service.account().await;
    assert_eq!((account.received, account.kept, account.duplicate), (12, 4, 8));
}

#[tokio::test]
async fn what_is_not_sampled_is_accounted_for_though_nothing_is_stored() {
    let service = Service::start("", "rate = 0").await;
    assert_eq!(send(&service, &traces(1, 5)).await.status(), 200);
    let account = service.account().await;
    assert_eq!((account.received, account.kept, account.sampled_out), (5, 0, 5));
}

#[tokio::test]
async fn a_later_message_of_a_kept_trace_is_kept_though_no_rule_wants_it_by_itself() {
    let service = Service::start("", "rate = 0\n[[rules]]\nmatch = { error = true }\nrate = 1").await;
    let mut failed = traces(1, 1);
    failed.resource_spans[0].scope_spans[0].spans[0].status = Some(wire::Status { code: 2, ..Default::default() });
    let mut late = traces(1, 1);
    late.resource_spans[0].scope_spans[0].spans[0].span_id = vec![9; 8];
    for request in [&traces(2, 1), &failed, &late] {
        assert_eq!(send(&service, request).await.status(), 200);
    }
    let account = service.account().await;
    assert_eq!((account.kept, account.sampled_out), (2, 1));
}

#[tokio::test]
async fn bad_input_is_refused_in_the_language_it_came_in() {
    let service = Service::start("", "rate = 1").await;
    let response = post(&service, "/v1/traces", PROTOBUF, b"rubbish".to_vec()).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let told = status(response).await;
    assert_eq!(told.code, tonic::Code::InvalidArgument as i32);
    assert!(told.message.starts_with("not an OTLP traces request in protobuf: "), "{}", told.message);
    let response = post(&service, "/v1/logs", JSON, b"{\"resourceLogs\": 7}".to_vec()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), content_type(&response)), (400, JSON));
    let told: serde_json::Value = response.json().await.unwrap();
    assert!(told["message"].as_str().unwrap().contains("line 1 column 18"), "{told}");
    let corrupt = post(&service, "/v1/traces", PROTOBUF, b"no gzip".to_vec()).header("content-encoding", "gzip");
    assert_eq!(corrupt.send().await.unwrap().status(), 400);
    let response = post(&service, "/v1/traces", "text/plain", Vec::new()).send().await.unwrap();
    assert_eq!(response.status(), 415);
    assert_eq!(service.account().await, IntakeAccount::default());
}

#[tokio::test]
async fn too_large_bodies_are_refused_before_and_after_decompression() {
    let service = Service::start("", "rate = 1").await;
    let huge = post(&service, "/v1/traces", PROTOBUF, vec![0; 100 << 20]).send().await.unwrap();
    assert_eq!(huge.status(), 413);
    assert!(status(huge).await.message.contains("intake.otlp.max_body_bytes"));
    let bomb = gzip(&vec![0; 200 << 20]);
    assert!(bomb.len() < 1 << 20);
    let bomb = post(&service, "/v1/traces", PROTOBUF, bomb).header("content-encoding", "gzip").send().await.unwrap();
    assert_eq!(bomb.status(), 413);
    assert!(status(bomb).await.message.contains("intake.otlp.max_decompressed_bytes"));
    assert_eq!(send(&service, &traces(1, 1)).await.status(), 200, "the memory was given back");
}

#[tokio::test]
async fn a_wrong_address_is_told_the_right_one() {
    let service = Service::start("", "rate = 1").await;
    let get = |path: &str| Client::new().get(format!("http://{}{path}", service.http)).send();
    let response = get("/").await.unwrap();
    assert_eq!(response.status(), 404);
    let told: serde_json::Value = response.json().await.unwrap();
    assert!(told["message"].as_str().unwrap().contains("POST /v1/traces or /v1/logs"), "{told}");
    let response = get("/v1/traces").await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, "POST"));
    let response = post(&service, "/v1/metrics", PROTOBUF, Vec::new()).send().await.unwrap();
    assert_eq!(response.status(), 404);
    assert!(status(response).await.message.contains("metrics are not judged"));
}

#[tokio::test]
async fn while_the_database_is_away_senders_are_told_to_keep_the_data() {
    let service = Service::start("retry_after_seconds = 7", "rate = 1").await;
    service.store.away.store(true, Ordering::SeqCst);
    let response = send(&service, &traces(1, 1)).await;
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (503, "7"));
    assert_eq!(status(response).await.code, tonic::Code::Unavailable as i32);
    assert_eq!(service.intake.status().troubles()[0].0, "database away");
    service.store.away.store(false, Ordering::SeqCst);
    assert_eq!(send(&service, &traces(1, 1)).await.status(), 200);
    assert_eq!(service.intake.status().troubles(), []);
    assert_eq!(service.account().await.received, 1, "what was refused was not counted");
}

#[tokio::test]
async fn a_flood_is_turned_away_and_what_was_accepted_is_committed() {
    let service = Service::start("max_in_flight_bytes = 262144\nretry_after_seconds = 1", "rate = 1").await;
    service.store.block();
    let large = |trace| {
        let mut request = traces(trace, 1);
        request.resource_spans[0].scope_spans[0].spans[0].name = "x".repeat(50_000);
        request
    };
    let waiting = tokio::spawn(post(&service, "/v1/traces", PROTOBUF, large(1).encode_to_vec()).send());
    service.until_waiting(1).await;
    let refused = send(&service, &large(2)).await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    assert_eq!(status(refused).await.code, tonic::Code::ResourceExhausted as i32);
    service.store.unblock();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    eventually("the memory to be free", async || send(&service, &large(3)).await.status() == 200).await;
}

#[tokio::test]
async fn requests_that_wait_together_are_committed_together() {
    let service = Service::start("", "rate = 1").await;
    service.store.block();
    let requests: Vec<_> = (1..=21)
        .map(|trace| tokio::spawn(post(&service, "/v1/traces", PROTOBUF, traces(trace, 1).encode_to_vec()).send()))
        .collect();
    service.until_waiting(21).await;
    service.store.unblock();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().status(), 200);
    }
    let groups = service.store.groups.lock().unwrap().clone();
    assert_eq!(groups.iter().sum::<usize>(), 21);
    assert!(groups.len() <= 2, "those that came while the first transaction ran go with the second: {groups:?}");
    assert_eq!(service.account().await.kept, 21);
}

#[tokio::test]
async fn one_request_that_the_database_refuses_does_not_take_its_neighbours_with_it() {
    let service = Service::start("", "rate = 1").await;
    service.store.refuses.store(3, Ordering::SeqCst);
    service.store.block();
    let requests: Vec<_> = (1..=9)
        .map(|trace| {
            let spans = if trace == 5 { 3 } else { 1 };
            tokio::spawn(post(&service, "/v1/traces", PROTOBUF, traces(trace, spans).encode_to_vec()).send())
        })
        .collect();
    service.until_waiting(9).await;
    service.store.unblock();
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap().unwrap().status().as_u16());
    }
    assert_eq!(answers.iter().filter(|answer| **answer == 200).count(), 8, "{answers:?}");
    assert_eq!(answers[4], 503);
    assert_eq!(service.account().await.kept, 8);
}

#[tokio::test]
async fn stopping_finishes_the_requests_under_way() {
    let service = Service::start("", "rate = 1").await;
    service.store.block();
    let (store, address) = (Arc::clone(&service.store), service.http);
    let waiting = tokio::spawn(post(&service, "/v1/traces", PROTOBUF, traces(1, 2).encode_to_vec()).send());
    service.until_waiting(1).await;
    let stopping = tokio::spawn(service.stop());
    let closed = async || tokio::net::TcpStream::connect(address).await.is_err();
    eventually("the listener to close", closed).await;
    store.unblock();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    let database = stopping.await.unwrap();
    assert_eq!(account(&database.store).await.kept, 2);
}
