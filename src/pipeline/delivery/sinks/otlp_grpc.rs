//! OTLP over gRPC.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use reqwest::header::HeaderMap;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::error::{DeliveryError, SinkConfigError};
use super::otlp_export::{Export, partly};
use super::{http, settings};
use crate::config::sinks::{OtlpTarget, SinkConfig};
use crate::net::tls;
use crate::otlp::wire::{ExportLogsServiceRequest, ExportTraceServiceRequest};
use crate::secrets::masked;

#[derive(Debug)]
pub(super) struct GrpcTransport {
    channel: Channel,
    metadata: MetadataMap,
    timeout: Duration,
    host: String,
}

impl GrpcTransport {
    pub(super) fn new(config: &SinkConfig, target: &OtlpTarget, headers: HeaderMap) -> Result<Self, SinkConfigError> {
        let url = settings::endpoint(config, target, "")?;
        let refuse = |problem: String| SinkConfigError::Value { sink: config.name.clone(), key: "endpoint", problem };
        tls::install_provider();
        let mut endpoint = Endpoint::from_shared(url.to_string())
            .map_err(|error| refuse(format!("this is not an address for gRPC ({error})")))?
            .connect_timeout(Duration::from_secs(5).min(config.timeout))
            .timeout(config.timeout);
        if url.scheme() == "https" {
            let tls = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(tls).map_err(|error| refuse(format!("TLS cannot be set up ({error})")))?;
        }
        Ok(Self {
            channel: endpoint.connect_lazy(),
            metadata: MetadataMap::from_headers(headers),
            timeout: config.timeout,
            host: http::host_of(&url),
        })
    }

    pub(super) async fn traces(&self, request: ExportTraceServiceRequest) -> Result<Export, DeliveryError> {
        match TraceServiceClient::new(self.channel.clone()).export(self.request(request)).await {
            Ok(response) => Ok(response
                .into_inner()
                .partial_success
                .map_or(Export::Accepted, |partial| partly(partial.rejected_spans, partial.error_message))),
            Err(status) => self.refused(&status),
        }
    }

    pub(super) async fn logs(&self, request: ExportLogsServiceRequest) -> Result<Export, DeliveryError> {
        match LogsServiceClient::new(self.channel.clone()).export(self.request(request)).await {
            Ok(response) => Ok(response
                .into_inner()
                .partial_success
                .map_or(Export::Accepted, |partial| partly(partial.rejected_log_records, partial.error_message))),
            Err(status) => self.refused(&status),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for pair in self.metadata.iter() {
            match pair {
                KeyAndValueRef::Ascii(key, value) => drop(request.metadata_mut().insert(key, value.clone())),
                KeyAndValueRef::Binary(key, value) => drop(request.metadata_mut().insert_bin(key, value.clone())),
            }
        }
        request
    }

    /// The classes of the OTLP specification: `RESOURCE_EXHAUSTED` passes only when the receiver says when.
    fn refused(&self, status: &Status) -> Result<Export, DeliveryError> {
        let code = format!("{:?}", status.code());
        let message = masked(status.message()).chars().filter(|character| !character.is_control()).take(300).collect();
        let retry_after = status.get_details_retry_info().and_then(|info| info.retry_delay);
        match status.code() {
            Code::Unimplemented => Ok(Export::NoSuchSignal { status: code, message }),
            Code::DeadlineExceeded => Err(DeliveryError::Timeout { host: self.host.clone(), timeout: self.timeout }),
            Code::ResourceExhausted if retry_after.is_none() => Err(DeliveryError::Refused { status: code, message }),
            Code::Cancelled
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
            | Code::ResourceExhausted => Err(DeliveryError::NotReady { status: code, message, retry_after }),
            Code::Unauthenticated | Code::PermissionDenied => {
                Err(DeliveryError::Misconfigured { status: code, message })
            }
            _ => Err(DeliveryError::Refused { status: code, message }),
        }
    }
}
