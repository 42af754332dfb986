//! From the configuration to what the client library takes.

use rdkafka::ClientConfig;
use secrecy::{ExposeSecret, SecretString};

use super::KafkaConfigError;
use super::token::TokenSource;
use crate::config::kafka::{KafkaConfig, SaslConfig, SaslMechanism};
use crate::secrets::{SecretPlace, Variables, remember};

/// A configuration that a client can be made of.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    config: KafkaConfig,
    password: Option<SecretString>,
    pub(super) token: Option<TokenSource>,
}

/// The largest record that a producer of ours sends: the broker has its own limit.
const LARGEST_MESSAGE: &str = "100000000";

impl Settings {
    pub(super) fn new(config: &KafkaConfig, variables: Variables<'_>) -> Result<Self, KafkaConfigError> {
        let wrong = |problem: &str| Err(KafkaConfigError::Setting(problem.to_owned()));
        if config.brokers.iter().all(|broker| broker.trim().is_empty()) {
            return wrong("brokers is empty; name one at least, as host:port");
        }
        if config.traces_topic.is_empty() && config.logs_topic.is_empty() {
            return wrong("traces_topic and logs_topic are empty; name one of them");
        }
        if config.dead_letter_topic.is_empty() {
            return wrong("dead_letter_topic is empty; name the topic of what can never be read");
        }
        if topics(config).contains(&config.dead_letter_topic.as_str()) {
            return wrong("dead_letter_topic is a topic that is read; name another");
        }
        if config.group.is_empty() {
            return wrong("group is empty; name the consumer group");
        }
        if !config.tls
            && (config.tls_ca_file.is_some() || config.tls_cert_file.is_some() || config.tls_key_file.is_some())
        {
            return wrong("files for TLS are given, and tls is false; set tls = true, or take them out");
        }
        if config.tls_cert_file.is_some() != config.tls_key_file.is_some() {
            return wrong("tls_cert_file and tls_key_file belong together; give both or none");
        }
        let (password, token) = match &config.sasl {
            None => (None, None),
            Some(sasl) if sasl.mechanism == SaslMechanism::Oauthbearer => (None, Some(TokenSource::new(sasl)?)),
            Some(sasl) => (Some(password(sasl, variables)?), None),
        };
        Ok(Self { config: config.clone(), password, token })
    }

    pub(super) fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// The topics that are read.
    pub(super) fn topics(&self) -> Vec<&str> {
        topics(&self.config)
    }

    /// What every client needs to reach the brokers.
    fn connection(&self) -> ClientConfig {
        let KafkaConfig { brokers, tls, tls_ca_file, tls_cert_file, tls_key_file, sasl, .. } = &self.config;
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", brokers.join(","))
            .set("client.id", "judged")
            .set("socket.keepalive.enable", "true")
            .set(
                "security.protocol",
                match (tls, sasl.is_some()) {
                    (false, false) => "plaintext",
                    (true, false) => "ssl",
                    (false, true) => "sasl_plaintext",
                    (true, true) => "sasl_ssl",
                },
            );
        let files = [
            ("ssl.ca.location", tls_ca_file),
            ("ssl.certificate.location", tls_cert_file),
            ("ssl.key.location", tls_key_file),
        ];
        for (key, file) in files {
            if let Some(file) = file {
                client.set(key, file.display().to_string());
            } else if key == "ssl.ca.location" && *tls {
                // Where distributions keep them.
                client.set(key, "probe");
            }
        }
        if let Some(sasl) = sasl {
            client.set(
                "sasl.mechanism",
                match sasl.mechanism {
                    SaslMechanism::Plain => "PLAIN",
                    SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
                    SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
                    SaslMechanism::Oauthbearer => "OAUTHBEARER",
                },
            );
            if let (Some(username), Some(password)) = (&sasl.username, &self.password) {
                client.set("sasl.username", username).set("sasl.password", password.expose_secret());
            }
        }
        client
    }

    /// For the member of the group that reads. Positions are committed by judged itself, and it says itself where reading begins.
    pub(super) fn of_consumer(&self) -> ClientConfig {
        let mut client = self.connection();
        // Kept short, for the partitions of a worker that was killed wait so long; one that has a name comes back to them.
        let session = if self.config.instance_id.is_some() { "30000" } else { "10000" };
        client
            .set("group.id", &self.config.group)
            .set("session.timeout.ms", session)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            // Partitions that are added are noticed so soon.
            .set("topic.metadata.refresh.interval.ms", "30000")
            // What waits inside the library: a few MiB hold more than a database takes in a second.
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.message.max.bytes", "1048576")
            .set("fetch.queue.backoff.ms", "20")
            .set("statistics.interval.ms", "5000");
        if let Some(instance) = &self.config.instance_id {
            client.set("group.instance.id", instance);
        }
        client
    }

    /// For a look at the cluster that joins no group.
    pub(super) fn of_visitor(&self) -> ClientConfig {
        self.connection()
    }

    /// For dead letters and replays. Compressed, because the broker's limit is for what it stores.
    pub(super) fn of_producer(&self) -> ClientConfig {
        let mut client = self.connection();
        client
            .set("message.timeout.ms", "30000")
            .set("message.max.bytes", LARGEST_MESSAGE)
            .set("compression.type", "lz4")
            .set("linger.ms", "5");
        client
    }
}

fn topics(config: &KafkaConfig) -> Vec<&str> {
    let mut topics = vec![config.traces_topic.as_str(), config.logs_topic.as_str()];
    topics.retain(|topic| !topic.is_empty());
    topics.dedup();
    topics
}

fn password(sasl: &SaslConfig, variables: Variables<'_>) -> Result<SecretString, KafkaConfigError> {
    let wrong = |problem: &str| Err(KafkaConfigError::Setting(problem.to_owned()));
    if sasl.token_file.is_some() || sasl.token_command.is_some() {
        return wrong("sasl: token_file and token_command are for the mechanism oauthbearer");
    }
    if sasl.username.as_ref().is_none_or(String::is_empty) {
        return wrong("sasl: username is missing");
    }
    let place = SecretPlace {
        env_key: "password_env",
        env: sasl.password_env.as_deref(),
        file_key: "password_file",
        file: sasl.password_file.as_deref(),
    };
    let Some(password) = place.read(variables).map_err(KafkaConfigError::Password)? else {
        return wrong("sasl: the password is missing; set password_env or password_file");
    };
    remember(password.expose_secret());
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, String> {
        let config: KafkaConfig = toml::from_str(text).unwrap();
        let variable = |name: &str| (name == "KAFKA_PASSWORD").then(|| "a password of kafka".to_owned());
        Settings::new(&config, &variable).map_err(|error| error.to_string())
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_remedy() {
        for (text, told) in [
            ("brokers = []", "brokers is empty"),
            ("brokers = [\"a:1\"]\ntraces_topic = \"\"\nlogs_topic = \"\"", "name one of them"),
            ("brokers = [\"a:1\"]\ndead_letter_topic = \"otlp_logs\"", "name another"),
            ("brokers = [\"a:1\"]\ntls_ca_file = \"a\"", "set tls = true"),
            ("brokers = [\"a:1\"]\ntls = true\ntls_cert_file = \"a\"", "give both or none"),
            ("brokers = [\"a:1\"]\n[sasl]\nmechanism = \"plain\"", "username is missing"),
            ("brokers = [\"a:1\"]\n[sasl]\nmechanism = \"plain\"\nusername = \"judged\"", "set password_env"),
            (
                "brokers = [\"a:1\"]\n[sasl]\nmechanism = \"plain\"\nusername = \"judged\"\npassword_env = \"NONE\"",
                "the environment variable `NONE` is not set",
            ),
            ("brokers = [\"a:1\"]\n[sasl]\nmechanism = \"oauthbearer\"", "set token_file or token_command"),
        ] {
            let refusal = settings(text).unwrap_err();
            assert!(refusal.starts_with("[intake.kafka") && refusal.contains(told), "{text}: {refusal}");
        }
    }

    #[test]
    fn the_security_of_the_connection_follows_from_tls_and_the_log_in() {
        let scram = "brokers = [\"a:1\", \"b:2\"]\ntls = true\n[sasl]\nmechanism = \"scram-sha-512\"\nusername = \"judged\"\n\
                     password_env = \"KAFKA_PASSWORD\"";
        let settings = settings(scram).unwrap();
        let client = settings.of_consumer();
        for (key, value) in [
            ("bootstrap.servers", "a:1,b:2"),
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.password", "a password of kafka"),
            ("ssl.ca.location", "probe"),
        ] {
            assert_eq!(client.get(key), Some(value), "{key}");
        }
        assert!(!format!("{settings:?}").contains("a password of kafka"));
    }
}
