//! The places scores are delivered to. Each is at least once on the wire and once in effect: identities are derived
//! from the evaluation, so that a repetition is recognised or replaces itself.

pub mod annotations;
mod error;
pub(super) mod http;
mod langfuse;
mod mlflow;
mod native;
mod otlp;
mod otlp_export;
mod otlp_grpc;
mod otlp_http;
pub mod payload;
mod phoenix;
mod refusal;
mod score_attributes;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use error::{DeliveryError, Disposition, SinkConfigError};
pub use langfuse::LangfuseSink;
pub use mlflow::MlflowSink;
pub use otlp::OtlpSink;
pub use phoenix::PhoenixSink;

use crate::config::sinks::{SinkConfig, SinkTarget, SinkType};
use crate::model::{Evaluation, ScoreForm, WriteBack};

/// A configured sink.
#[derive(Debug)]
pub struct Sink {
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Otlp(OtlpSink),
    Mlflow(MlflowSink),
    Phoenix(PhoenixSink),
    Langfuse(LangfuseSink),
}

impl Sink {
    /// The sink of one `[[sinks]]` section; `variables` looks up environment variables.
    pub fn from_config(
        config: &SinkConfig,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SinkConfigError> {
        let kind = match &config.target {
            SinkTarget::Otlp(target) => Kind::Otlp(OtlpSink::new(config, target, variables)?),
            SinkTarget::Mlflow(target) => Kind::Mlflow(MlflowSink::new(config, target, variables)?),
            SinkTarget::Phoenix(target) => Kind::Phoenix(PhoenixSink::new(config, target, variables)?),
            SinkTarget::Langfuse(target) => Kind::Langfuse(LangfuseSink::new(config, target, variables)?),
        };
        Ok(Self { name: config.name.clone(), kind })
    }

    /// All configured sinks.
    pub fn all(
        configs: &[SinkConfig],
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<Arc<Self>>, SinkConfigError> {
        let repeated = configs
            .iter()
            .enumerate()
            .find(|(index, config)| configs[..*index].iter().any(|earlier| earlier.name == config.name));
        if let Some((_, config)) = repeated {
            return Err(SinkConfigError::Repeated(config.name.clone()));
        }
        configs.iter().map(|config| Self::from_config(config, variables).map(Arc::new)).collect()
    }

    /// Its name in the outbox, the ledger and the metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it speaks: `otlp`, `mlflow`, `phoenix` or `langfuse`.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Otlp(_) => SinkType::Otlp.as_str(),
            Kind::Mlflow(_) => SinkType::Mlflow.as_str(),
            Kind::Phoenix(_) => SinkType::Phoenix.as_str(),
            Kind::Langfuse(_) => SinkType::Langfuse.as_str(),
        }
    }

    /// Under whose resource it writes a score that becomes owed now.
    pub fn form(&self) -> ScoreForm {
        match &self.kind {
            Kind::Otlp(sink) => sink.form(),
            // They attach a score by the id of the span or trace.
            Kind::Mlflow(_) | Kind::Phoenix(_) | Kind::Langfuse(_) => ScoreForm::Judged,
        }
    }

    /// Delivers; the results are in the order of the scores. What a sink has no place for (an abstention in most,
    /// anything not judged in all) is done by doing nothing.
    pub async fn deliver(&self, scores: &[&WriteBack]) -> Vec<Result<(), DeliveryError>> {
        let mut results: Vec<Result<(), DeliveryError>> = scores.iter().map(|_| Ok(())).collect();
        let is_told = |index: &usize| payload::is_told(&scores[*index].evaluation);
        let told: Vec<usize> = (0..scores.len()).filter(is_told).collect();
        if told.is_empty() {
            return results;
        }
        let subset: Vec<&Evaluation> = told.iter().map(|index| &scores[*index].evaluation).collect();
        let delivered = match &self.kind {
            Kind::Otlp(sink) => sink.deliver(&told.iter().map(|index| scores[*index]).collect::<Vec<_>>()).await,
            Kind::Mlflow(sink) => sink.deliver(&subset).await,
            Kind::Phoenix(sink) => sink.deliver(&subset).await,
            Kind::Langfuse(sink) => sink.deliver(&subset).await,
        };
        told.into_iter().zip(delivered).for_each(|(index, result)| results[index] = result);
        results
    }

    /// Whether the sink can be reached and takes judged's credentials; for `judged doctor`. Writes nothing.
    pub async fn check(&self) -> Result<(), DeliveryError> {
        match &self.kind {
            Kind::Otlp(sink) => sink.check().await,
            Kind::Mlflow(sink) => sink.check().await,
            Kind::Phoenix(sink) => sink.check().await,
            Kind::Langfuse(sink) => sink.check().await,
        }
    }
}
