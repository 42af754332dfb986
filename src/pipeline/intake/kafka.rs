//! Kafka: the topics that the Collector's `kafka` exporter fills. Of builds with the Cargo feature `kafka`.
//!
//! Records are worked off many at a time, and of each partition the position is committed before which all are: after the commit of the
//! database, each second, and before a partition goes to another worker. Where reading begins is said here and not by the client
//! library, which would pass over records that retention removed; those are counted in the ledger. A record that can never be read goes
//! to the dead-letter topic with the reason.

#[cfg(not(feature = "kafka"))]
mod absent;
#[cfg(feature = "kafka")]
mod books;
#[cfg(feature = "kafka")]
mod check;
#[cfg(feature = "kafka")]
mod consumer;
#[cfg(feature = "kafka")]
mod context;
#[cfg(feature = "kafka")]
mod desk;
#[cfg(feature = "kafka")]
mod error;
#[cfg(feature = "kafka")]
mod reader;
#[cfg(feature = "kafka")]
mod sender;
#[cfg(feature = "kafka")]
mod settings;
#[cfg(feature = "kafka")]
mod start;
#[cfg(feature = "kafka")]
mod token;

#[cfg(not(feature = "kafka"))]
pub use absent::{KafkaConsumer, KafkaSender};
#[cfg(feature = "kafka")]
pub use consumer::KafkaConsumer;
#[cfg(feature = "kafka")]
pub use sender::KafkaSender;

/// Why `[intake.kafka]` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KafkaConfigError {
    /// This program has no Kafka in it.
    #[cfg(not(feature = "kafka"))]
    #[error("[intake.kafka] judged is built without Kafka: take the image, the wheel or `--features kafka`")]
    NotBuilt,
    /// Settings that cannot work.
    #[cfg(feature = "kafka")]
    #[error("[intake.kafka] {0}")]
    Setting(String),
    /// A password that is not where it should be.
    #[cfg(feature = "kafka")]
    #[error("[intake.kafka.sasl] {0}")]
    Password(#[source] crate::secrets::SecretError),
    /// The client library takes the settings for wrong.
    #[cfg(feature = "kafka")]
    #[error("[intake.kafka] the client cannot be made")]
    Client(#[source] rdkafka::error::KafkaError),
}
