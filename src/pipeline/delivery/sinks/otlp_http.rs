//! OTLP over HTTP with binary protobuf.

use std::time::Duration;

use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Url};

use super::error::{DeliveryError, SinkConfigError};
use super::otlp_export::{Export, partly};
use super::{http, settings};
use crate::config::sinks::{OtlpTarget, SinkConfig};
use crate::otlp::wire::{
    ExportLogsServiceRequest, ExportLogsServiceResponse, ExportTraceServiceRequest, ExportTraceServiceResponse,
};

const PROTOBUF: &str = "application/x-protobuf";

#[derive(Debug)]
pub(super) struct HttpTransport {
    client: Client,
    traces: Url,
    logs: Url,
    timeout: Duration,
}

impl HttpTransport {
    pub(super) fn new(config: &SinkConfig, target: &OtlpTarget, headers: HeaderMap) -> Result<Self, SinkConfigError> {
        Ok(Self {
            client: http::client(&config.name, headers, config.timeout)?,
            traces: settings::endpoint(config, target, "/v1/traces")?,
            logs: settings::endpoint(config, target, "/v1/logs")?,
            timeout: config.timeout,
        })
    }

    pub(super) async fn traces(&self, request: &ExportTraceServiceRequest) -> Result<Export, DeliveryError> {
        let response: Option<ExportTraceServiceResponse> =
            match self.post(&self.traces, request.encode_to_vec()).await? {
                Posted::Taken(response) => response,
                Posted::NoSuchPath(answer) => return Ok(answer),
            };
        let partial = response.and_then(|response| response.partial_success);
        Ok(partial.map_or(Export::Accepted, |partial| partly(partial.rejected_spans, partial.error_message)))
    }

    pub(super) async fn logs(&self, request: &ExportLogsServiceRequest) -> Result<Export, DeliveryError> {
        let response: Option<ExportLogsServiceResponse> = match self.post(&self.logs, request.encode_to_vec()).await? {
            Posted::Taken(response) => response,
            Posted::NoSuchPath(answer) => return Ok(answer),
        };
        let partial = response.and_then(|response| response.partial_success);
        Ok(partial.map_or(Export::Accepted, |partial| partly(partial.rejected_log_records, partial.error_message)))
    }

    async fn post<R: Message + Default>(&self, url: &Url, body: Vec<u8>) -> Result<Posted<R>, DeliveryError> {
        let request = self.client.post(url.clone()).header(CONTENT_TYPE, PROTOBUF).body(body);
        let answer = http::exchange(request, url, self.timeout).await?;
        if answer.status.is_success() {
            // Many backends answer success with a body of their own making; only a true response says more.
            return Ok(Posted::Taken(R::decode(answer.body.as_slice()).ok()));
        }
        match answer.status.as_u16() {
            404 | 405 | 501 => Ok(Posted::NoSuchPath(Export::NoSuchSignal {
                status: answer.status.as_u16().to_string(),
                message: answer.message(),
            })),
            _ => Err(answer.error()),
        }
    }
}

enum Posted<R> {
    Taken(Option<R>),
    NoSuchPath(Export),
}
