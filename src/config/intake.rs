//! `[intake]`: where spans come from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::kafka::KafkaConfig;
use super::stream::StreamStart;

/// The section `[intake]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntakeConfig {
    /// The OTLP receiver.
    pub otlp: OtlpConfig,
    /// The RabbitMQ consumer; off when the section is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amqp: Option<AmqpConfig>,
    /// The Kafka consumer; off when the section is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaConfig>,
}

/// The section `[intake.otlp]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpConfig {
    /// Address of OTLP/HTTP (protobuf and JSON), or `"off"`. The Collector beside judged owns 4318.
    pub http: Listen,
    /// Address of OTLP/gRPC, or `"off"`. The Collector beside judged owns 4317.
    pub grpc: Listen,
    /// The largest request body accepted, as it comes over the wire.
    pub max_body_bytes: usize,
    /// The largest request accepted after decompression.
    pub max_decompressed_bytes: usize,
    /// Memory for requests being received, read and waiting for their commit, all ways in together and in the bytes that are built;
    /// beyond it senders wait their turn, and are told to come back when it does not come. A quarter is for small requests, the rest
    /// for one large one at a time.
    pub max_in_flight_bytes: usize,
    /// What senders are told to wait, in seconds, when judged cannot take more at the moment.
    pub retry_after_seconds: u32,
    /// The certificate of both receivers, and its chain, in PEM: they speak TLS.
    pub tls_cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    pub tls_key_file: Option<PathBuf>,
    /// Who may send; everybody who can connect when there is none.
    pub tokens: Vec<OtlpToken>,
}

/// A token of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpToken {
    /// Whose it is: a sender's share of the memory goes by it.
    pub name: String,
    /// The environment variable that holds it.
    pub token_env: Option<String>,
    /// The file that holds it.
    pub token_file: Option<PathBuf>,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            http: Listen::At("127.0.0.1:4328".to_owned()),
            grpc: Listen::At("127.0.0.1:4327".to_owned()),
            max_body_bytes: 20 * MIB,
            max_decompressed_bytes: 32 * MIB,
            max_in_flight_bytes: 80 * MIB,
            retry_after_seconds: 5,
            tls_cert_file: None,
            tls_key_file: None,
            tokens: Vec::new(),
        }
    }
}

const MIB: usize = 1024 * 1024;

/// The section `[intake.amqp]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmqpConfig {
    /// `amqp://user:password@host:5672/%2f`, or `amqps://…` for TLS.
    #[serde(serialize_with = "hidden", deserialize_with = "secret")]
    pub url: SecretString,
    /// The queue of trace requests; the exporter's default routing key. Empty consumes no traces.
    #[serde(default = "traces_queue")]
    pub traces_queue: String,
    /// The queue of log requests. Empty consumes no logs.
    #[serde(default = "logs_queue")]
    pub logs_queue: String,
    /// Where messages go that can never be read; its queue has the same name.
    #[serde(default = "dead_letter_queue")]
    pub dead_letter_queue: String,
    /// Messages taken from each queue before the first of them is acknowledged.
    #[serde(default = "prefetch")]
    pub prefetch: u16,
    /// After how many seconds without a sign of life the connection counts as lost.
    #[serde(default = "heartbeat_seconds")]
    pub heartbeat_seconds: u16,
    /// The largest message accepted; a larger one is dead-lettered.
    #[serde(default = "max_message_bytes")]
    pub max_message_bytes: usize,
    /// Set where the queues are streams: where reading begins. Later starts read on from where the last one ended;
    /// another value reads anew from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_from: Option<StreamStart>,
}

impl PartialEq for AmqpConfig {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        let rest = |config: &Self| {
            (
                config.traces_queue.clone(),
                config.logs_queue.clone(),
                config.dead_letter_queue.clone(),
                config.prefetch,
                config.heartbeat_seconds,
                config.max_message_bytes,
                config.stream_from,
            )
        };
        self.url.expose_secret() == other.url.expose_secret() && rest(self) == rest(other)
    }
}

impl Eq for AmqpConfig {}

impl AmqpConfig {
    /// The defaults for a broker.
    pub fn at(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            traces_queue: traces_queue(),
            logs_queue: logs_queue(),
            dead_letter_queue: dead_letter_queue(),
            prefetch: prefetch(),
            heartbeat_seconds: heartbeat_seconds(),
            max_message_bytes: max_message_bytes(),
            stream_from: None,
        }
    }
}

fn hidden<S: Serializer>(_: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("***")
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn traces_queue() -> String {
    "otlp_spans".to_owned()
}

fn logs_queue() -> String {
    "otlp_logs".to_owned()
}

fn dead_letter_queue() -> String {
    "judged_dead_letters".to_owned()
}

fn prefetch() -> u16 {
    64
}

fn heartbeat_seconds() -> u16 {
    10
}

fn max_message_bytes() -> usize {
    32 * MIB
}

/// An address to listen on, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// `"off"`
    Off,
    /// `"host:port"`
    At(String),
}

/// Text that is neither `off` nor `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address to listen on; write host:port, for example 127.0.0.1:4328, or off")]
pub struct ListenError(String);

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        match text.trim() {
            "off" => Ok(Self::Off),
            address => match address.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self::At(address.to_owned()))
                }
                _ => Err(ListenError(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => f.write_str(address),
        }
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receiver_listens_on_loopback_unless_told_otherwise_and_the_broker_is_off() {
        let config: IntakeConfig = toml::from_str("").unwrap();
        assert_eq!(config, IntakeConfig::default());
        assert_eq!(config.otlp.http.to_string(), "127.0.0.1:4328");
        assert_eq!(config.amqp, None);
    }

    #[test]
    fn an_address_is_host_and_port_or_off() {
        let config: IntakeConfig = toml::from_str("[otlp]\nhttp = \"[::1]:0\"\ngrpc = \"off\"").unwrap();
        assert_eq!(config.otlp.http, Listen::At("[::1]:0".to_owned()));
        assert_eq!(config.otlp.grpc, Listen::Off);
        for wrong in ["4328", ":4328", "localhost", "localhost:http", ""] {
            assert!(wrong.parse::<Listen>().unwrap_err().to_string().contains("host:port"), "{wrong}");
        }
    }

    #[test]
    fn the_password_of_the_broker_is_never_printed() {
        let config: IntakeConfig = toml::from_str("[amqp]\nurl = \"amqp://otel:hunter2@mq\"").unwrap();
        assert_eq!(config.amqp.as_ref().unwrap().prefetch, 64);
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!toml::to_string(&config).unwrap().contains("hunter2"));
    }
}
