//! What stands in for the consumer in a build without the Cargo feature `kafka`: the keys are read, and refused.

use std::future::Ready;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::KafkaConfigError;
use crate::config::kafka::KafkaConfig;
use crate::otlp::Signal;
use crate::pipeline::intake::Intake;
use crate::pipeline::intake::admission::Admission;

/// There is none.
#[derive(Debug)]
pub enum KafkaConsumer {}

impl KafkaConsumer {
    /// Refuses.
    pub fn new(_: &KafkaConfig) -> Result<Self, KafkaConfigError> {
        Err(KafkaConfigError::NotBuilt)
    }

    pub fn check(&self) -> Ready<Result<Vec<String>, KafkaConfigError>> {
        match *self {}
    }

    pub fn run(self, _: Arc<Intake>, _: Admission, _: CancellationToken) -> Ready<()> {
        match self {}
    }
}

/// There is none.
#[derive(Debug)]
pub enum KafkaSender {}

impl KafkaSender {
    /// Refuses.
    pub fn connect(_: &str, _: Option<&KafkaConfig>) -> Result<Self, KafkaConfigError> {
        Err(KafkaConfigError::NotBuilt)
    }

    pub fn send(&self, _: Signal, _: &[u8]) -> Ready<Result<(), KafkaConfigError>> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_kafka_says_where_there_is_one() {
        let config: KafkaConfig = toml::from_str("brokers = [\"kafka:9092\"]").unwrap();
        let told = KafkaConsumer::new(&config).unwrap_err().to_string();
        assert!(told.ends_with("built without Kafka: take the image, the wheel or `--features kafka`"), "{told}");
    }
}
