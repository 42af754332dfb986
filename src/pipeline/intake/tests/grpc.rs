//! OTLP/gRPC as an exporter sees it, through the generated client.

use std::sync::atomic::Ordering;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::*;

async fn channel(service: &Service) -> Channel {
    Channel::from_shared(format!("http://{}", service.grpc)).unwrap().connect().await.unwrap()
}

async fn client(service: &Service) -> TraceServiceClient<Channel> {
    TraceServiceClient::new(channel(service).await).max_encoding_message_size(1 << 30)
}

#[tokio::test]
async fn traces_and_logs_are_committed_before_success_is_said() {
    let service = Service::start("", "rate = 1").await;
    let answer = client(&service).await.export(traces(1, 2)).await.unwrap().into_inner();
    assert_eq!(answer.partial_success, None);
    LogsServiceClient::new(channel(&service).await).export(logs(1, 3)).await.unwrap();
    assert_eq!(service.account().await.kept, 5);
}

#[tokio::test]
async fn compressed_messages_are_understood() {
    let service = Service::start("", "rate = 1").await;
    for (trace, compression) in [(1, CompressionEncoding::Gzip), (2, CompressionEncoding::Zstd)] {
        client(&service).await.send_compressed(compression).export(traces(trace, 1)).await.unwrap();
        assert_eq!(service.account().await.kept, i64::from(trace));
    }
}

#[tokio::test]
async fn a_partial_success_says_how_many_and_why() {
    let service = Service::start("", "rate = 1").await;
    let mut request = traces(1, 2);
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = Vec::new();
    let partial = client(&service).await.export(request).await.unwrap().into_inner().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("trace id"), "{}", partial.error_message);
}

#[tokio::test]
async fn while_the_database_is_away_senders_are_told_to_keep_the_data_and_when_to_come_back() {
    let service = Service::start("retry_after_seconds = 4", "rate = 1").await;
    service.store.away.store(true, Ordering::SeqCst);
    let refused = client(&service).await.export(traces(1, 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(refused.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(4)));
    service.store.away.store(false, Ordering::SeqCst);
    client(&service).await.export(traces(1, 1)).await.unwrap();
    assert_eq!(service.account().await.received, 1);
}

#[tokio::test]
async fn a_flood_is_turned_away_with_retry_info() {
    let service = Service::start("max_in_flight_bytes = 262144\nretry_after_seconds = 1", "rate = 1").await;
    service.store.block();
    let large = |trace| {
        let mut request = traces(trace, 1);
        request.resource_spans[0].scope_spans[0].spans[0].name = "x".repeat(50_000);
        request
    };
    let mut first = client(&service).await;
    let waiting = tokio::spawn(async move { first.export(large(1)).await.map(drop) });
    let mut second = client(&service).await;
    let mut refused = None;
    eventually("the first request to hold its memory", async || {
        let answer = tokio::time::timeout(Duration::from_secs(3), second.export(large(2))).await;
        refused = answer.ok().and_then(Result::err);
        refused.is_some()
    })
    .await;
    let refused = refused.unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_details_retry_info().is_some(), "without it the Collector drops the data");
    service.store.unblock();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_can_never_be_taken_is_refused_for_good() {
    let service = Service::start("max_body_bytes = 1000\nmax_decompressed_bytes = 5000", "rate = 1").await;
    let mut large = traces(1, 1);
    large.resource_spans[0].scope_spans[0].spans[0].name = "x".repeat(50_000);
    let refused = client(&service).await.export(large.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_details_retry_info().is_none(), "sending it again would not help");
    assert!(refused.message().contains("intake.otlp.max_body_bytes"), "{refused:?}");
    let refused = client(&service).await.send_compressed(CompressionEncoding::Zstd).export(large).await.unwrap_err();
    assert!(refused.message().contains("intake.otlp.max_decompressed_bytes"), "{refused:?}");
    let mut metrics = MetricsServiceClient::new(channel(&service).await);
    let refused = metrics.export(ExportMetricsServiceRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("metrics are not judged"), "{refused:?}");
    assert_eq!(service.account().await, IntakeAccount::default());
}
