//! The other end of the topics: writes records as the Collector's exporter does, for `judged replay`.

use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use super::KafkaConfigError;
use super::context::Plain;
use super::desk::producer;
use super::settings::Settings;
use crate::config::kafka::KafkaConfig;
use crate::otlp::Signal;
use crate::secrets::process_variable;

const SEND_TIMEOUT: Duration = Duration::from_mins(1);

/// A producer of the two topics.
pub struct KafkaSender {
    producer: FutureProducer<Plain>,
    settings: Settings,
}

impl KafkaSender {
    /// For these brokers, `host:port` with commas between them; the rest is of the configuration, where there is one.
    pub fn connect(brokers: &str, config: Option<&KafkaConfig>) -> Result<Self, KafkaConfigError> {
        let brokers = brokers.split(',').map(str::to_owned).collect();
        let config = match config {
            Some(config) => KafkaConfig { brokers, ..config.clone() },
            None => KafkaConfig::at(brokers),
        };
        let settings = Settings::new(&config, &process_variable)?;
        let producer = producer(&settings).map_err(KafkaConfigError::Client)?;
        Ok(Self { producer, settings })
    }

    /// Returns when the brokers have it.
    pub async fn send(&self, signal: Signal, body: &[u8]) -> Result<(), KafkaError> {
        let config = self.settings.config();
        let topic = match signal {
            Signal::Traces => &config.traces_topic,
            Signal::Logs => &config.logs_topic,
        };
        let record = FutureRecord::<[u8], [u8]>::to(topic).payload(body);
        self.producer.send(record, Timeout::After(SEND_TIMEOUT)).await.map(drop).map_err(|(error, _)| error)
    }
}
