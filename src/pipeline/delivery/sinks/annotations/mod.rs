//! What people said in the backends: their annotations, read back page by page. Machines' are passed over and counted.

mod langfuse;
mod mlflow;
mod phoenix;

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, RequestBuilder, Url};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::error::{DeliveryError, SinkConfigError};
use super::http::{self, Answer};
use super::settings::{self, Backend};
use crate::config::sinks::{SinkConfig, SinkTarget};
use crate::model::{SpanId, TraceId};

/// Attempts at one request before the whole is given up.
const ATTEMPTS: u32 = 5;
/// The wait after the first failure where the server asks for none; doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait that a person at a terminal, or a scheduled job, is asked to take.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What a person said of something.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// What the backend calls it.
    pub name: String,
    /// What it is about.
    pub target: AnnotationTarget,
    /// Who said so.
    pub annotator: String,
    /// The verdict; none for a comment alone.
    pub value: Option<AnnotationValue>,
    pub rationale: Option<String>,
    /// When it was last changed.
    pub at: Option<Timestamp>,
    /// Its identity in the backend.
    pub id: String,
}

/// What an annotation is about, as far as its ids can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnnotationTarget {
    Span(TraceId, SpanId),
    /// A whole trace.
    Trace(TraceId),
    /// A conversation.
    Session(String),
    /// Something that judged does not judge, such as the run of a data set.
    Other(String),
}

/// A verdict as the backend holds it.
#[derive(Debug, Clone, PartialEq)]
pub enum AnnotationValue {
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A category.
    Text(String),
}

/// What there was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Annotations {
    /// What people said, in no order.
    pub human: Vec<Annotation>,
    /// Annotations of machines, judged's own among them, and those that somebody has replaced.
    pub passed_over: u64,
}

/// Where a kept subject is found in a backend: some can only be asked about spans that one names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPlace {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// Its conversation.
    pub session_id: Option<String>,
}

/// Why annotations cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The section does not say enough, or says something wrong.
    #[error(transparent)]
    Config(#[from] SinkConfigError),
    /// A sink that holds no annotations.
    #[error(
        "sink `{sink}` is of type `{kind}`, which holds no annotations of people; name one of type mlflow, phoenix or langfuse"
    )]
    NoAnnotations {
        sink: String,
        /// Its type.
        kind: &'static str,
    },
    /// MLflow is asked for the traces of an experiment.
    #[error(
        "sink `{0}`: `experiment_id` is missing; annotations are read from the traces of an experiment, so name it"
    )]
    NoExperiment(String),
    /// The backend does not answer as it should.
    #[error("annotations cannot be read from sink `{sink}`")]
    Backend {
        sink: String,
        /// What happened.
        source: DeliveryError,
    },
}

/// A backend in which people annotate.
#[derive(Debug)]
pub struct AnnotationSource {
    name: String,
    kind: Kind,
    server: Server,
}

#[derive(Debug)]
enum Kind {
    Mlflow { experiment_id: String },
    Phoenix,
    Langfuse,
}

impl AnnotationSource {
    /// The backend that scores of a `[[sinks]]` section go to; `variables` looks up environment variables.
    pub fn from_config(config: &SinkConfig, variables: &dyn Fn(&str) -> Option<String>) -> Result<Self, PullError> {
        let (kind, backend) = match &config.target {
            SinkTarget::Otlp(_) => {
                let kind = config.target.kind().as_str();
                return Err(PullError::NoAnnotations { sink: config.name.clone(), kind });
            }
            SinkTarget::Mlflow(target) => {
                let experiment_id = target.experiment_id.clone();
                let experiment_id = experiment_id.ok_or_else(|| PullError::NoExperiment(config.name.clone()))?;
                (Kind::Mlflow { experiment_id }, settings::mlflow(config, target, "/api/3.0/mlflow", variables)?)
            }
            SinkTarget::Phoenix(target) => (Kind::Phoenix, settings::phoenix(config, target, "/v1", variables)?),
            SinkTarget::Langfuse(target) => {
                (Kind::Langfuse, settings::langfuse(config, target, "/api/public", variables)?)
            }
        };
        Ok(Self { name: config.name.clone(), kind, server: Server { backend, timeout: config.timeout } })
    }

    /// Whether the backend can only be asked about ids that one names.
    pub fn asks_by_id(&self) -> bool {
        matches!(self.kind, Kind::Phoenix)
    }

    /// Everything people said since `since`, at any time without it. `known` are the subjects that judged kept, for a
    /// backend that asks by id.
    pub async fn read(&self, since: Option<Timestamp>, known: &[KnownPlace]) -> Result<Annotations, PullError> {
        let read = match &self.kind {
            Kind::Mlflow { experiment_id } => mlflow::read(&self.server, experiment_id).await,
            Kind::Phoenix => phoenix::read(&self.server, known).await,
            Kind::Langfuse => langfuse::read(&self.server).await,
        };
        let mut found = read.map_err(|source| PullError::Backend { sink: self.name.clone(), source })?;
        // By the time of the last change, which not all of these APIs can select by.
        found.human.retain(|one| since.is_none_or(|since| one.at.is_none_or(|at| at >= since)));
        Ok(found)
    }
}

/// A backend's API: requests with credentials, tried again where that can help.
#[derive(Debug)]
struct Server {
    backend: Backend,
    timeout: Duration,
}

impl Server {
    /// The address of parts of a path, each escaped.
    fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.backend.base.clone();
        // An http address always has a path to extend.
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(parts);
        }
        url
    }

    /// Asks until there is an answer that is not about load or outage.
    async fn ask(&self, url: &Url, request: impl Fn(&Client) -> RequestBuilder) -> Result<Answer, DeliveryError> {
        let mut failures = 0;
        loop {
            let mut request = request(&self.backend.client);
            if let Some((user, password)) = &self.backend.credentials {
                request = request.basic_auth(user, Some(password.expose_secret()));
            }
            let error = match http::exchange(request, url, self.timeout).await {
                Ok(answer) if answer.status.is_server_error() || answer.status.as_u16() == 429 => {
                    answer.idempotent_error()
                }
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failures += 1;
            let wait = wait_after(&error, failures).filter(|_| failures < ATTEMPTS).ok_or(error)?;
            tokio::time::sleep(wait).await;
        }
    }

    async fn get(&self, url: &Url) -> Result<Answer, DeliveryError> {
        self.ask(url, |client| client.get(url.clone())).await
    }

    async fn post(&self, url: &Url, body: &Json) -> Result<Answer, DeliveryError> {
        self.ask(url, |client| client.post(url.clone()).json(body)).await
    }
}

/// How long to wait before trying again; none where that cannot help.
fn wait_after(error: &DeliveryError, failures: u32) -> Option<Duration> {
    let own = FIRST_WAIT * 2_u32.saturating_pow(failures - 1);
    match error {
        DeliveryError::Unreachable { .. } | DeliveryError::Timeout { .. } => Some(own),
        DeliveryError::NotReady { retry_after, .. } => Some(retry_after.unwrap_or(own).min(LONGEST_WAIT)),
        _ => None,
    }
}

/// The body of a successful answer.
fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T, DeliveryError> {
    if !answer.status.is_success() {
        return Err(answer.idempotent_error());
    }
    serde_json::from_slice(&answer.body)
        .map_err(|error| DeliveryError::UnexpectedAnswer { what: format!("a page that cannot be read: {error}") })
}

/// Text that says something.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// A trace, or its span where one is named; what is no id of OpenTelemetry is said as it stands.
fn target_of(trace: &str, span: Option<&str>) -> AnnotationTarget {
    let hex = trace.strip_prefix("tr-").unwrap_or(trace);
    match (hex.parse::<TraceId>(), span.map(str::parse::<SpanId>)) {
        (Ok(trace), None) => AnnotationTarget::Trace(trace),
        (Ok(trace), Some(Ok(span))) => AnnotationTarget::Span(trace, span),
        (Ok(_), Some(Err(_))) => AnnotationTarget::Other(format!("span {}", span.unwrap_or_default())),
        (Err(_), _) => AnnotationTarget::Other(format!("trace {trace}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_load_and_outage_are_waited_for() {
        let not_ready =
            |retry_after| DeliveryError::NotReady { status: "429".into(), message: String::new(), retry_after };
        assert_eq!(wait_after(&not_ready(None), 3), Some(Duration::from_secs(2)));
        assert_eq!(wait_after(&not_ready(Some(Duration::from_hours(1))), 1), Some(LONGEST_WAIT));
        let refused = DeliveryError::Misconfigured { status: "401".into(), message: String::new() };
        assert_eq!(wait_after(&refused, 1), None);
    }

    #[test]
    fn ids_of_other_systems_are_no_target() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert!(matches!(target_of(&format!("tr-{trace}"), None), AnnotationTarget::Trace(_)));
        assert!(matches!(target_of(trace, Some("b7ad6b7169203331")), AnnotationTarget::Span(..)));
        assert!(matches!(target_of("tr-local", None), AnnotationTarget::Other(_)));
        assert!(matches!(target_of(trace, Some("root")), AnnotationTarget::Other(_)));
    }
}
