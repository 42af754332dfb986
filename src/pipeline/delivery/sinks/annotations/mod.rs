//! What people said in the backends: their annotations, read back page by page. Machines' are passed over and counted.

mod known_place;
mod langfuse;
mod mlflow;
pub(super) mod phoenix;
pub(super) mod server;

use jiff::Timestamp;

pub use self::known_place::KnownPlace;
use self::server::Server;
use super::error::{DeliveryError, SinkConfigError};
use super::settings;
use crate::config::sinks::{SinkConfig, SinkTarget};
use crate::labels::annotations::Annotations;

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

/// Attempts at one request: whoever waits for the answer is a person, or a scheduled job.
const ATTEMPTS: u32 = 5;

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
        Ok(Self {
            name: config.name.clone(),
            kind,
            server: Server { backend, timeout: config.timeout, attempts: ATTEMPTS },
        })
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
