//! `[intake.kafka]`: topics of a Kafka cluster.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::stream::StreamStart;

/// The section `[intake.kafka]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port` of some brokers of the cluster; the others are found by them.
    pub brokers: Vec<String>,
    /// The topic of trace requests; the exporter's default. Empty consumes no traces. The same name as `logs_topic` is one topic of both.
    #[serde(default = "traces_topic")]
    pub traces_topic: String,
    /// The topic of log requests. Empty consumes no logs.
    #[serde(default = "logs_topic")]
    pub logs_topic: String,
    /// Where records go that can never be read.
    #[serde(default = "dead_letter_topic")]
    pub dead_letter_topic: String,
    /// The consumer group: its workers share the partitions.
    #[serde(default = "group")]
    pub group: String,
    /// A name of this worker that its next start has too, and no other worker: its partitions then wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Where reading begins in a partition of which the group has read nothing.
    #[serde(default = "start")]
    pub start: StreamStart,
    /// Whether the brokers speak TLS.
    #[serde(default)]
    pub tls: bool,
    /// Certificates to trust in place of the system's, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ca_file: Option<PathBuf>,
    /// A certificate of our own, where the brokers ask for one, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_cert_file: Option<PathBuf>,
    /// Its key, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_key_file: Option<PathBuf>,
    /// How judged logs in; absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sasl: Option<SaslConfig>,
}

/// The section `[intake.kafka.sasl]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaslConfig {
    /// The mechanism.
    pub mechanism: SaslMechanism,
    /// The user, for all but `oauthbearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The environment variable that holds the user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// The file that holds the user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The file that holds the token, for `oauthbearer`; it is read again before the token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The program and arguments that print the token, for `oauthbearer`; it is run again before the token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_command: Option<Vec<String>>,
}

/// How a password or token is shown to the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaslMechanism {
    Plain,
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    /// A token of an authorisation server.
    Oauthbearer,
}

impl KafkaConfig {
    /// The defaults for these brokers.
    #[cfg(feature = "kafka")]
    pub fn at(brokers: Vec<String>) -> Self {
        Self {
            brokers,
            traces_topic: traces_topic(),
            logs_topic: logs_topic(),
            dead_letter_topic: dead_letter_topic(),
            group: group(),
            instance_id: None,
            start: start(),
            tls: false,
            tls_ca_file: None,
            tls_cert_file: None,
            tls_key_file: None,
            sasl: None,
        }
    }
}

fn traces_topic() -> String {
    "otlp_spans".to_owned()
}

fn logs_topic() -> String {
    "otlp_logs".to_owned()
}

fn dead_letter_topic() -> String {
    "judged_dead_letters".to_owned()
}

fn group() -> String {
    "judged".to_owned()
}

fn start() -> StreamStart {
    StreamStart::First
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_enough_and_a_misspelt_key_is_refused() {
        let config: KafkaConfig = toml::from_str("brokers = [\"kafka:9092\"]").unwrap();
        assert_eq!((config.traces_topic.as_str(), config.group.as_str()), ("otlp_spans", "judged"));
        assert_eq!((config.start, config.tls, &config.sasl), (StreamStart::First, false, &None));
        let misspelt = toml::from_str::<KafkaConfig>("brokers = []\nbroker = \"a\"").unwrap_err().to_string();
        assert!(misspelt.contains("unknown field `broker`"), "{misspelt}");
    }

    #[test]
    fn mechanisms_are_written_as_brokers_write_them_in_small_letters() {
        for name in ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"] {
            let config: SaslConfig = toml::from_str(&format!("mechanism = \"{name}\"")).unwrap();
            assert!(toml::to_string(&config).unwrap().contains(&format!("\"{name}\"")));
        }
    }
}
