//! `[[sinks]]`: the places scores are delivered to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::judges::ExtraHeaders;
pub use super::telemetry::OtlpProtocol;

/// What a sink speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkType {
    /// OpenTelemetry: a log event and a linked EVALUATOR span for each score.
    Otlp,
    /// Assessments of MLflow.
    Mlflow,
    /// Annotations of Phoenix.
    Phoenix,
    /// Scores of Langfuse.
    Langfuse,
}

/// One `[[sinks]]` entry. Keys that a type does not know are refused when the sink is built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    /// Its name in the outbox, the ledger and the metrics: change it, and its backlog belongs to nobody.
    pub name: String,
    /// What it speaks.
    #[serde(rename = "type")]
    pub kind: SinkType,
    /// `otlp`: where the Collector or backend listens, without `/v1/…`.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// `otlp`: `http/protobuf` (`/v1/logs` and `/v1/traces` are added to the endpoint) or `grpc`.
    #[serde(default = "over_http")]
    pub protocol: OtlpProtocol,
    /// `otlp`: whether log events are sent. A backend that says it takes none is remembered without it.
    #[serde(default = "yes")]
    pub logs: bool,
    /// `otlp`: whether EVALUATOR spans are sent.
    #[serde(default = "yes")]
    pub spans: bool,
    /// `otlp`: more resource attributes of what is sent, for example `openinference.project.name`.
    #[serde(default)]
    pub resource: BTreeMap<String, String>,
    /// `mlflow`, `phoenix`, `langfuse`: the server's address.
    #[serde(default)]
    pub url: Option<String>,
    /// `mlflow`: the experiment of the traces; only `judged doctor` asks for it, scores find their trace by its id.
    #[serde(default)]
    pub experiment_id: Option<String>,
    /// `langfuse`: the environment of the scores.
    #[serde(default)]
    pub environment: Option<String>,
    /// `langfuse`: the public key.
    #[serde(default)]
    pub public_key: Option<String>,
    /// `langfuse`: the environment variable that holds the secret key.
    #[serde(default)]
    pub secret_key_env: Option<String>,
    /// `langfuse`: the file that holds the secret key.
    #[serde(default)]
    pub secret_key_file: Option<PathBuf>,
    /// `mlflow`: the user of basic authentication.
    #[serde(default)]
    pub username: Option<String>,
    /// `mlflow`: the environment variable that holds the user's password.
    #[serde(default)]
    pub password_env: Option<String>,
    /// `mlflow`: the file that holds the user's password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// `otlp`, `mlflow`, `phoenix`: the environment variable that holds the key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// `otlp`, `mlflow`, `phoenix`: the file that holds the key.
    #[serde(default)]
    pub api_key_file: Option<PathBuf>,
    /// The header that carries the key; absent: `Authorization: Bearer`.
    #[serde(default)]
    pub api_key_header: Option<String>,
    /// More request headers.
    #[serde(default)]
    pub headers: ExtraHeaders,
    /// How long one request may take.
    #[serde(default = "ten_seconds", with = "crate::config::duration")]
    pub timeout: Duration,
    /// `mlflow`, `langfuse`: requests at a time, where the API takes one score each.
    #[serde(default = "eight")]
    pub concurrency: usize,
}

fn yes() -> bool {
    true
}

fn over_http() -> OtlpProtocol {
    OtlpProtocol::HttpProtobuf
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn eight() -> usize {
    8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_needs_a_name_and_a_type_and_the_rest_has_defaults() {
        let sink: SinkConfig = toml::from_str("name = \"otel\"\ntype = \"otlp\"\nprotocol = \"grpc\"").unwrap();
        assert_eq!((sink.kind, sink.protocol), (SinkType::Otlp, OtlpProtocol::Grpc));
        assert!(sink.logs && sink.spans && sink.timeout == Duration::from_secs(10));
        let error = toml::from_str::<SinkConfig>("name = \"x\"\ntype = \"otlp\"\nendpont = \"y\"").unwrap_err();
        assert!(error.to_string().contains("unknown field `endpont`"), "{error}");
    }
}
