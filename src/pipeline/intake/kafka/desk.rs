//! One record: committed, or moved to the dead-letter topic with the reason.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::util::Timeout;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::books::{Place, Ticket};
use super::context::Plain;
use super::settings::Settings;
use crate::config::kafka::KafkaConfig;
use crate::otlp::Signal;
use crate::pipeline::intake::admission::Admission;
use crate::pipeline::intake::backoff::Backoff;
use crate::pipeline::intake::handover::{HandedOver, Handover};
use crate::pipeline::intake::metrics::Transport;
use crate::pipeline::intake::{Description, Intake};

/// The largest record that is read.
const MAX_RECORD_BYTES: usize = 32 * 1024 * 1024;
/// Brokers count headers with the record.
const MAX_REASON: usize = 1000;

/// The exporter's header that names the signal, with `signal_header: true`.
const SIGNAL: &str = "otelcol.signal";
/// Headers of a dead letter.
const REASON: &str = "judged-reason";
const TOPIC: &str = "judged-topic";
const PARTITION: &str = "judged-partition";
const OFFSET: &str = "judged-offset";
/// Of one that is without its body.
const LENGTH: &str = "judged-length";

const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);

/// A record that was read.
pub(super) struct Record {
    pub(super) place: Place,
    pub(super) offset: u64,
    key: Option<Vec<u8>>,
    pub(super) body: Bytes,
    headers: Option<OwnedHeaders>,
    /// What its header says of the signal.
    signal: Option<Vec<u8>>,
}

impl Record {
    pub(super) fn of(message: &BorrowedMessage<'_>) -> Self {
        Self {
            place: Place { topic: message.topic().into(), partition: message.partition() },
            offset: u64::try_from(message.offset()).unwrap_or(0),
            key: message.key().map(<[u8]>::to_vec),
            body: message.payload().map(Bytes::copy_from_slice).unwrap_or_default(),
            headers: message.headers().map(BorrowedHeaders::detach),
            signal: message.headers().and_then(signal),
        }
    }
}

/// The library panics at a name that is no UTF-8; such a record has no header that we know.
fn signal(headers: &BorrowedHeaders) -> Option<Vec<u8>> {
    let find = || headers.iter().find(|header| header.key == SIGNAL)?.value.map(<[u8]>::to_vec);
    catch_unwind(AssertUnwindSafe(find)).ok().flatten()
}

/// Where records are worked off.
pub(super) struct Desk {
    pub(super) intake: Arc<Intake>,
    pub(super) admission: Admission,
    pub(super) settings: Settings,
    pub(super) shutdown: CancellationToken,
    /// Made with the first dead letter.
    pub(super) producer: OnceCell<FutureProducer<Plain>>,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request(Description),
    /// Of a signal that judged does not read.
    Foreign,
}

impl Desk {
    /// Returns when the record is finished, or left to whoever reads its partition next.
    pub(super) async fn work_off(&self, record: Record, ticket: Ticket) {
        let Kind::Request(description) = kind(record.signal.as_deref(), &record.place.topic, self.settings.config())
        else {
            return ticket.finish();
        };
        let handover = Handover {
            intake: &self.intake,
            admission: &self.admission,
            transport: Transport::Kafka,
            limit: MAX_RECORD_BYTES,
            limit_key: "judged",
        };
        let body = record.body.clone();
        match handover.hand_over(description, "", body, || ticket.is_left(), &self.shutdown).await {
            HandedOver::Committed => ticket.finish(),
            HandedOver::Unreadable(reason) => self.put_aside(&record, &reason, ticket).await,
            HandedOver::Left => {}
        }
    }

    async fn put_aside(&self, record: &Record, reason: &str, ticket: Ticket) {
        let mut backoff = Backoff::of_message();
        let (topic, dead_letters) = (&*record.place.topic, self.settings.config().dead_letter_topic.as_str());
        while let Err(error) = self.dead_letter(record, reason).await {
            tracing::error!(topic, dead_letters, %error, "the dead-letter topic does not take a record; holding it");
            if ticket.is_left() || !backoff.wait(&self.shutdown).await {
                return;
            }
        }
        let (partition, offset) = (record.place.partition, record.offset);
        tracing::warn!(topic, partition, offset, dead_letters, reason, "a record can never be read; put it aside");
        self.intake.metrics.dead_letter(topic);
        ticket.finish();
    }

    /// A record that the broker refuses with its reason, for its size, goes without its body: that stays where it is as long as the
    /// topic keeps it.
    async fn dead_letter(&self, record: &Record, reason: &str) -> Result<(), KafkaError> {
        match self.publish(record, reason, Some(&record.body)).await {
            Err(error) if error.rdkafka_error_code().is_some_and(is_about_size) => {
                self.publish(record, reason, None).await
            }
            published => published,
        }
    }

    async fn publish(&self, record: &Record, reason: &str, body: Option<&Bytes>) -> Result<(), KafkaError> {
        let producer = self.producer.get_or_try_init(async || producer(&self.settings)).await?;
        let reason: String = reason.chars().take(MAX_REASON).collect();
        let (partition, offset) = (record.place.partition.to_string(), record.offset.to_string());
        let length = record.body.len().to_string();
        let own = [(REASON, reason.as_str()), (TOPIC, &record.place.topic), (PARTITION, &partition), (OFFSET, &offset)];
        let of_the_left = body.is_none().then_some((LENGTH, length.as_str()));
        let mut headers = record.headers.clone().unwrap_or_default();
        for (key, value) in own.into_iter().chain(of_the_left) {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let dead_letters = self.settings.config().dead_letter_topic.as_str();
        let mut letter = FutureRecord::<[u8], [u8]>::to(dead_letters).headers(headers);
        if let Some(key) = &record.key {
            letter = letter.key(key.as_slice());
        }
        if let Some(body) = body {
            letter = letter.payload(body);
        }
        producer.send(letter, Timeout::After(PUBLISH_TIMEOUT)).await.map(drop).map_err(|(error, _)| error)
    }
}

pub(super) fn producer(settings: &Settings) -> Result<FutureProducer<Plain>, KafkaError> {
    let plain = Plain { token: settings.token.clone(), ..Plain::default() };
    settings.of_producer().create_with_context(plain)
}

fn is_about_size(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{InvalidMessageSize, MessageBatchTooLarge, MessageSizeTooLarge};
    matches!(code, InvalidMessageSize | MessageBatchTooLarge | MessageSizeTooLarge)
}

/// By its header where it has one, else by its topic and its content.
fn kind(header: Option<&[u8]>, topic: &str, config: &KafkaConfig) -> Kind {
    let of_topic = if topic == config.traces_topic { Signal::Traces } else { Signal::Logs };
    match header {
        Some(b"traces") => Kind::Request(Description::Sniffed(Signal::Traces)),
        Some(b"logs") => Kind::Request(Description::Sniffed(Signal::Logs)),
        Some(b"metrics" | b"profiles") => Kind::Foreign,
        Some(_) | None => Kind::Request(Description::Expected(of_topic)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_its_header_says_and_without_one_what_its_topic_holds() {
        let config: KafkaConfig = toml::from_str("brokers = [\"a:1\"]").unwrap();
        let expected = |signal| Kind::Request(Description::Expected(signal));
        let stated = |signal| Kind::Request(Description::Sniffed(signal));
        assert_eq!(kind(None, "otlp_spans", &config), expected(Signal::Traces));
        assert_eq!(kind(None, "otlp_logs", &config), expected(Signal::Logs));
        assert_eq!(kind(Some(b"logs"), "otlp_spans", &config), stated(Signal::Logs));
        assert_eq!(kind(Some(b"traces"), "otlp_logs", &config), stated(Signal::Traces));
        assert_eq!(kind(Some(b"metrics"), "otlp_spans", &config), Kind::Foreign);
    }
}
