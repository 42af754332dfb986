//! A look at the cluster, for `judged doctor`: it joins no group and changes nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use super::context::Plain;
use super::settings::Settings;

const TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Why the brokers or a topic cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KafkaCheckError {
    /// The client cannot be made.
    #[error("the client cannot be made")]
    Client(#[source] KafkaError),
    /// No broker answers.
    #[error("the brokers cannot be reached, or refused the log-in: {reason}")]
    Away { reason: String },
    /// A topic is not there.
    #[error(
        "the topic `{topic}` does not exist; create it, or let the Collector's exporter make it with its first record (auto.create.topics.enable)"
    )]
    NoTopic { topic: String },
    /// A topic may not be read.
    #[error("the topic `{topic}` cannot be read: {problem}")]
    Topic { topic: String, problem: RDKafkaErrorCode },
}

/// What is there of each topic. Blocks.
pub(super) fn look(settings: &Settings) -> Result<Vec<String>, KafkaCheckError> {
    let plain = Plain { token: settings.token.clone(), ..Plain::default() };
    let trouble = Arc::clone(&plain.trouble);
    let visitor: BaseConsumer<Plain> =
        settings.of_visitor().create_with_context(plain).map_err(KafkaCheckError::Client)?;
    let found = |topic: &str, partitions: usize| {
        let plural = if partitions == 1 { "" } else { "s" };
        format!("{topic} with {partitions} partition{plural}")
    };
    let mut said = Vec::new();
    for topic in settings.topics() {
        said.push(found(topic, partitions(&visitor, &trouble, topic)?));
    }
    let dead_letters = settings.config().dead_letter_topic.as_str();
    said.push(match partitions(&visitor, &trouble, dead_letters) {
        Ok(partitions) => found(dead_letters, partitions),
        Err(KafkaCheckError::NoTopic { .. }) => {
            format!("{dead_letters} is made with the first dead letter where the brokers allow it, else create it")
        }
        Err(error) => return Err(error),
    });
    Ok(said)
}

fn partitions(
    visitor: &BaseConsumer<Plain>,
    trouble: &Mutex<Option<String>>,
    topic: &str,
) -> Result<usize, KafkaCheckError> {
    // Tokens and the words for what goes wrong come by polling, meanwhile.
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| visitor.fetch_metadata(Some(topic), TIMEOUT));
        while !asking.is_finished() {
            drop(visitor.poll(POLL));
        }
        asking.join()
    });
    let metadata = asked.unwrap_or(Err(KafkaError::Canceled)).map_err(|error| {
        let said = trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
        KafkaCheckError::Away { reason: said.unwrap_or_else(|| error.to_string()) }
    })?;
    let no_topic = || KafkaCheckError::NoTopic { topic: topic.to_owned() };
    let there = metadata.topics().iter().find(|one| one.name() == topic).ok_or_else(no_topic)?;
    match there.error().map(RDKafkaErrorCode::from) {
        None => Ok(there.partitions().len()),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Err(no_topic()),
        Some(problem) => Err(KafkaCheckError::Topic { topic: topic.to_owned(), problem }),
    }
}
