//! `[telemetry]`: judged's own logs, traces and metrics.

use serde::{Deserialize, Serialize};

/// How judged is itself observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What is logged, as `level` or `module=level,…`.
    pub log: String,
    /// How it is written to standard error.
    pub log_format: LogFormat,
    /// Where own traces, metrics and logs go, for example `http://127.0.0.1:4317`; absent means nowhere.
    pub otlp_endpoint: Option<String>,
    /// How they go there.
    pub otlp_protocol: OtlpProtocol,
    /// Whether own traces go there: a server that takes metrics only refuses each of them.
    pub otlp_traces: bool,
    /// Whether own metrics go there.
    pub otlp_metrics: bool,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// The two OTLP transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OtlpProtocol {
    /// OTLP/gRPC.
    #[serde(rename = "grpc")]
    Grpc,
    /// OTLP/HTTP with protobuf.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::Auto,
            otlp_endpoint: None,
            otlp_protocol: OtlpProtocol::Grpc,
            otlp_traces: true,
            otlp_metrics: true,
        }
    }
}
