//! `[[sinks]]`: the places scores are delivered to.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::judges::ExtraHeaders;
use super::score_resource::ScoreResource;
pub use super::telemetry::OtlpProtocol;
use crate::model::named_enum;

named_enum! {
    /// What a sink speaks.
    pub enum SinkType {
        /// OpenTelemetry: a log event and a linked EVALUATOR span for each score.
        Otlp = "otlp",
        /// Assessments of MLflow.
        Mlflow = "mlflow",
        /// Annotations of Phoenix.
        Phoenix = "phoenix",
        /// Scores of Langfuse.
        Langfuse = "langfuse",
    }
}

/// One `[[sinks]]` entry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "SinkKeys")]
pub struct SinkConfig {
    /// Its name in the outbox, the ledger and the metrics: change it, and its backlog belongs to nobody.
    pub name: String,
    /// What it speaks, and what belongs to that.
    pub target: SinkTarget,
    /// More request headers.
    pub headers: ExtraHeaders,
    /// How long one request may take.
    pub timeout: Duration,
    /// `mlflow`, `langfuse`: requests at a time, where the API takes one score each.
    pub concurrency: usize,
}

/// A sink's `type` with the keys of that type.
#[derive(Debug, Clone, PartialEq)]
pub enum SinkTarget {
    /// `type = "otlp"`
    Otlp(OtlpTarget),
    /// `type = "mlflow"`
    Mlflow(MlflowTarget),
    /// `type = "phoenix"`
    Phoenix(PhoenixTarget),
    /// `type = "langfuse"`
    Langfuse(LangfuseTarget),
}

impl SinkTarget {
    pub fn kind(&self) -> SinkType {
        match self {
            Self::Otlp(_) => SinkType::Otlp,
            Self::Mlflow(_) => SinkType::Mlflow,
            Self::Phoenix(_) => SinkType::Phoenix,
            Self::Langfuse(_) => SinkType::Langfuse,
        }
    }
}

/// A Collector or a backend that takes OTLP.
#[derive(Debug, Clone, PartialEq)]
pub struct OtlpTarget {
    /// Where it listens, without `/v1/…`.
    pub endpoint: Option<String>,
    /// `http/protobuf` (`/v1/logs` and `/v1/traces` are added to the endpoint) or `grpc`.
    pub protocol: OtlpProtocol,
    /// Whether log events are sent. A backend that says it takes none is remembered without it.
    pub logs: bool,
    /// Whether EVALUATOR spans are sent.
    pub spans: bool,
    /// Whose resource scores stand under, and more attributes of it, for example `openinference.project.name`.
    pub resource: ScoreResource,
    pub api_key: ApiKey,
}

/// An MLflow server.
#[derive(Debug, Clone, PartialEq)]
pub struct MlflowTarget {
    /// Its address.
    pub url: Option<String>,
    /// The experiment of the traces; only `judged doctor` and `judged labels pull` ask for it, scores find their trace by its id.
    pub experiment_id: Option<String>,
    /// The user of basic authentication.
    pub username: Option<String>,
    /// The environment variable that holds the user's password.
    pub password_env: Option<String>,
    /// The file that holds the user's password.
    pub password_file: Option<PathBuf>,
    pub api_key: ApiKey,
}

/// A Phoenix server.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoenixTarget {
    /// Its address.
    pub url: Option<String>,
    pub api_key: ApiKey,
}

/// A Langfuse server.
#[derive(Debug, Clone, PartialEq)]
pub struct LangfuseTarget {
    /// Its address.
    pub url: Option<String>,
    /// The environment of the scores.
    pub environment: Option<String>,
    pub public_key: Option<String>,
    /// The environment variable that holds the secret key.
    pub secret_key_env: Option<String>,
    /// The file that holds the secret key.
    pub secret_key_file: Option<PathBuf>,
}

/// Where the key of a server is, and how it is sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiKey {
    /// The environment variable that holds it.
    pub env: Option<String>,
    /// The file that holds it.
    pub file: Option<PathBuf>,
    /// The header that carries it; absent: `Authorization: Bearer`.
    pub header: Option<String>,
}

/// Every key that some type of sink has, as they are read. One struct for all types, because serde's own reading of a tagged
/// enum loses the line of an error and compiles to several times as much.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SinkKeys {
    name: String,
    #[serde(rename = "type")]
    kind: SinkType,
    endpoint: Option<String>,
    protocol: Option<OtlpProtocol>,
    logs: Option<bool>,
    spans: Option<bool>,
    resource: Option<ScoreResource>,
    url: Option<String>,
    experiment_id: Option<String>,
    environment: Option<String>,
    public_key: Option<String>,
    secret_key_env: Option<String>,
    secret_key_file: Option<PathBuf>,
    username: Option<String>,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    api_key_env: Option<String>,
    api_key_file: Option<PathBuf>,
    api_key_header: Option<String>,
    #[serde(default)]
    headers: ExtraHeaders,
    #[serde(default = "ten_seconds", with = "crate::config::duration")]
    timeout: Duration,
    #[serde(default = "eight")]
    concurrency: usize,
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn eight() -> usize {
    8
}

/// A key without effect is a mistake waiting to be found. Worded like serde's own refusal of an unknown key, so that the same
/// suggestion is made.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown field `{key}`, expected one of {}; the sink {sink} is of type {}",
    keys_of(*.kind).iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "),
    .kind.as_str()
)]
struct ForeignKey {
    sink: String,
    key: &'static str,
    kind: SinkType,
}

/// The keys that only sinks of this type, or of some types, have.
fn keys_of(kind: SinkType) -> &'static [&'static str] {
    match kind {
        SinkType::Otlp => {
            &["endpoint", "protocol", "logs", "spans", "resource", "api_key_env", "api_key_file", "api_key_header"]
        }
        SinkType::Mlflow => &[
            "url",
            "experiment_id",
            "username",
            "password_env",
            "password_file",
            "api_key_env",
            "api_key_file",
            "api_key_header",
        ],
        SinkType::Phoenix => &["url", "api_key_env", "api_key_file", "api_key_header"],
        SinkType::Langfuse => &["url", "environment", "public_key", "secret_key_env", "secret_key_file"],
    }
}

impl SinkKeys {
    /// The first key that sinks of this type do not have.
    fn foreign(&self) -> Option<&'static str> {
        let given = [
            ("endpoint", self.endpoint.is_some()),
            ("protocol", self.protocol.is_some()),
            ("logs", self.logs.is_some()),
            ("spans", self.spans.is_some()),
            ("resource", self.resource.is_some()),
            ("url", self.url.is_some()),
            ("experiment_id", self.experiment_id.is_some()),
            ("environment", self.environment.is_some()),
            ("public_key", self.public_key.is_some()),
            ("secret_key_env", self.secret_key_env.is_some()),
            ("secret_key_file", self.secret_key_file.is_some()),
            ("username", self.username.is_some()),
            ("password_env", self.password_env.is_some()),
            ("password_file", self.password_file.is_some()),
            ("api_key_env", self.api_key_env.is_some()),
            ("api_key_file", self.api_key_file.is_some()),
            ("api_key_header", self.api_key_header.is_some()),
        ];
        let own = keys_of(self.kind);
        given.into_iter().find(|(key, given)| *given && !own.contains(key)).map(|(key, _)| key)
    }
}

impl TryFrom<SinkKeys> for SinkConfig {
    type Error = ForeignKey;

    fn try_from(keys: SinkKeys) -> Result<Self, ForeignKey> {
        if let Some(key) = keys.foreign() {
            return Err(ForeignKey { sink: keys.name, key, kind: keys.kind });
        }
        let api_key = ApiKey { env: keys.api_key_env, file: keys.api_key_file, header: keys.api_key_header };
        let target = match keys.kind {
            SinkType::Otlp => SinkTarget::Otlp(OtlpTarget {
                endpoint: keys.endpoint,
                protocol: keys.protocol.unwrap_or(OtlpProtocol::HttpProtobuf),
                logs: keys.logs.unwrap_or(true),
                spans: keys.spans.unwrap_or(true),
                resource: keys.resource.unwrap_or_default(),
                api_key,
            }),
            SinkType::Mlflow => SinkTarget::Mlflow(MlflowTarget {
                url: keys.url,
                experiment_id: keys.experiment_id,
                username: keys.username,
                password_env: keys.password_env,
                password_file: keys.password_file,
                api_key,
            }),
            SinkType::Phoenix => SinkTarget::Phoenix(PhoenixTarget { url: keys.url, api_key }),
            SinkType::Langfuse => SinkTarget::Langfuse(LangfuseTarget {
                url: keys.url,
                environment: keys.environment,
                public_key: keys.public_key,
                secret_key_env: keys.secret_key_env,
                secret_key_file: keys.secret_key_file,
            }),
        };
        Ok(Self {
            name: keys.name,
            target,
            headers: keys.headers,
            timeout: keys.timeout,
            concurrency: keys.concurrency,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(toml: &str) -> String {
        toml::from_str::<SinkConfig>(toml).unwrap_err().to_string()
    }

    #[test]
    fn a_sink_needs_a_name_and_a_type_and_the_rest_has_defaults() {
        let sink: SinkConfig = toml::from_str("name = \"otel\"\ntype = \"otlp\"\nprotocol = \"grpc\"").unwrap();
        let SinkTarget::Otlp(target) = &sink.target else { panic!("{sink:?}") };
        assert_eq!((target.protocol, sink.timeout), (OtlpProtocol::Grpc, Duration::from_secs(10)));
        assert!(target.logs && target.spans && target.resource == ScoreResource::default());
        assert!(refusal("name = \"x\"").contains("missing field `type`"));
        assert!(refusal("name = \"x\"\ntype = \"otpl\"").contains("unknown variant `otpl`, expected one of `otlp`"));
    }

    #[test]
    fn a_misspelt_key_and_one_of_another_type_are_refused_with_the_keys_there_are() {
        let misspelt = refusal("name = \"x\"\ntype = \"otlp\"\nendpont = \"y\"");
        assert!(misspelt.contains("unknown field `endpont`"), "{misspelt}");
        let foreign = refusal("name = \"a\"\ntype = \"mlflow\"\nendpoint = \"http://x\"");
        assert!(foreign.contains("unknown field `endpoint`, expected one of `url`, `experiment_id`"), "{foreign}");
        assert!(foreign.contains("the sink a is of type mlflow"), "{foreign}");
        // A key is foreign even where it says what is the default anyway.
        assert!(refusal("name = \"a\"\ntype = \"phoenix\"\nlogs = true").contains("unknown field `logs`"));
    }
}
