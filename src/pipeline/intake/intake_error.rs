//! Why intake cannot start, as its operator is told.

use super::amqp::BrokerUrlError;
use super::kafka::KafkaConfigError;
use crate::net::server::ServerTlsError;

/// Why intake could not start.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {protocol} ({key}); is another program, perhaps a Collector, using it?")]
    Bind {
        /// The address as configured.
        address: String,
        /// OTLP/HTTP or OTLP/gRPC.
        protocol: &'static str,
        /// The configuration key.
        key: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The broker's URL cannot be read.
    #[error(transparent)]
    BrokerUrl(#[from] BrokerUrlError),
    /// Kafka cannot be read as configured.
    #[error(transparent)]
    Kafka(#[from] KafkaConfigError),
    /// A token is not where it should be, or is none.
    #[error("[[intake.otlp.tokens]] `{name}`: {problem}")]
    Token {
        name: String,
        /// What is wrong, without the token.
        problem: String,
    },
    /// The certificate cannot be used.
    #[error("[intake.otlp] {0}")]
    Tls(#[source] ServerTlsError),
}
