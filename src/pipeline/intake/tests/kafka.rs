//! The client library's cluster of its own: groups, positions and injected errors are real, retention is not.

use std::sync::atomic::Ordering;

use prost::Message;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message as _, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};

use super::*;
use crate::pipeline::intake::kafka::KafkaConsumer;

const TRACES: &str = "otlp_spans";
const LOGS: &str = "otlp_logs";
const DEAD_LETTERS: &str = "judged_dead_letters";
const GROUP: &str = "judged";
const PATIENCE: Duration = Duration::from_secs(10);

/// The brokers as an exporter and an operator see them.
struct Cluster {
    mock: MockCluster<'static, DefaultProducerContext>,
    producer: FutureProducer,
}

impl Cluster {
    fn new(partitions: i32) -> Self {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic(TRACES, partitions, 1).unwrap();
        mock.create_topic(LOGS, 1, 1).unwrap();
        mock.create_topic(DEAD_LETTERS, 1, 1).unwrap();
        let producer = client(&mock).set("linger.ms", "0").create().unwrap();
        Self { mock, producer }
    }

    fn config(&self, rest: &str) -> String {
        format!("[kafka]\nbrokers = [\"{}\"]\n{rest}", self.mock.bootstrap_servers())
    }

    async fn publish(&self, topic: &str, partition: i32, body: &[u8], headers: OwnedHeaders) {
        let record = FutureRecord::<[u8], [u8]>::to(topic).partition(partition).payload(body).headers(headers);
        self.producer.send(record, Timeout::After(PATIENCE)).await.unwrap();
    }

    async fn publish_plain(&self, topic: &str, partition: i32, body: &[u8]) {
        self.publish(topic, partition, body, OwnedHeaders::new()).await;
    }

    /// The position of the group.
    fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        let asker: BaseConsumer = client(&self.mock).set("group.id", GROUP).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let found = asker.committed_offsets(list, PATIENCE).unwrap();
        match found.find_partition(topic, partition).unwrap().offset() {
            Offset::Offset(position) => Some(position),
            _ => None,
        }
    }

    async fn dead_letter<T>(&self, read: impl Fn(&BorrowedMessage<'_>) -> T) -> T {
        let reader: BaseConsumer = client(&self.mock).set("group.id", "an operator").create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(DEAD_LETTERS, 0, Offset::Beginning).unwrap();
        reader.assign(&list).unwrap();
        let mut letter = None;
        eventually("a dead letter", async || {
            letter = reader.poll(Duration::from_millis(50)).and_then(Result::ok).map(|message| read(&message));
            letter.is_some()
        })
        .await;
        letter.unwrap()
    }
}

fn client(mock: &MockCluster<'static, DefaultProducerContext>) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", mock.bootstrap_servers());
    client
}

fn header(message: &BorrowedMessage<'_>, name: &str) -> Option<String> {
    let header = message.headers()?.iter().find(|header| header.key == name)?;
    Some(String::from_utf8(header.value?.to_vec()).unwrap())
}

fn signal(name: &str) -> OwnedHeaders {
    OwnedHeaders::new().insert(Header { key: "otelcol.signal", value: Some(name) })
}

#[tokio::test]
async fn both_signals_and_encodings_are_read_and_the_positions_are_behind_them() {
    let cluster = Cluster::new(2);
    cluster.publish_plain(TRACES, 0, &traces(1, 2).encode_to_vec()).await;
    cluster.publish_plain(TRACES, 1, &serde_json::to_vec(&traces(2, 3)).unwrap()).await;
    cluster.publish_plain(LOGS, 0, &logs(1, 4).encode_to_vec()).await;
    // One topic of everything, as with `signal_header`.
    cluster.publish(TRACES, 0, &logs(2, 1).encode_to_vec(), signal("logs")).await;
    cluster.publish(TRACES, 0, b"metrics are not ours", signal("metrics")).await;
    let service = Service::start(&cluster.config(""), "rate = 1").await;
    eventually("ten records", async || service.account().await.kept == 10).await;
    service.stop().await;
    let positions = [(TRACES, 0), (TRACES, 1), (LOGS, 0)].map(|(topic, partition)| cluster.position(topic, partition));
    assert_eq!(positions, [Some(3), Some(1), Some(1)]);
}

#[tokio::test]
async fn a_worker_that_stops_in_the_middle_leaves_what_is_not_committed_to_the_next() {
    let cluster = Cluster::new(1);
    let service = Service::start(&cluster.config(""), "rate = 1").await;
    service.store.away.store(true, Ordering::SeqCst);
    for trace in 1..=5 {
        cluster.publish_plain(TRACES, 0, &traces(trace, 1).encode_to_vec()).await;
    }
    let tried = async || service.intake.status().troubles().iter().any(|(what, _)| *what == "database away");
    eventually("the database to be missed", tried).await;
    let database = service.stop().await;
    assert_eq!((account(&database.store).await.received, cluster.position(TRACES, 0)), (0, Some(0)));

    let next = Service::start_on(database, &cluster.config(""), "rate = 1").await;
    eventually("five spans", async || next.account().await.kept == 5).await;
    next.stop().await;
    assert_eq!(cluster.position(TRACES, 0), Some(5));
}

#[tokio::test]
async fn a_full_worker_goes_on_polling_and_takes_each_record_once() {
    let cluster = Cluster::new(1);
    let service = Service::start(&cluster.config(""), "rate = 1").await;
    service.store.block();
    for trace in 1..=150 {
        cluster.publish_plain(TRACES, 0, &traces(trace, 1).encode_to_vec()).await;
    }
    let in_hand = || service.store.held.load(Ordering::SeqCst) + service.intake.waiting();
    eventually("as many as are taken at a time", async || in_hand() >= 64).await;
    // Longer than it waits before the partitions are paused.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(in_hand(), 64);
    service.store.unblock();
    eventually("all of them", async || service.account().await.kept == 150).await;
    let account = service.account().await;
    assert_eq!((account.received, account.duplicate), (150, 0));
    service.stop().await;
    assert_eq!(cluster.position(TRACES, 0), Some(150));
}

#[tokio::test]
async fn a_record_that_can_never_be_read_is_put_aside_and_the_rest_goes_on() {
    let cluster = Cluster::new(1);
    cluster.publish_plain(TRACES, 0, b"\xff\xff no request").await;
    cluster.publish_plain(TRACES, 0, &traces(1, 2).encode_to_vec()).await;
    let service = Service::start(&cluster.config(""), "rate = 1").await;
    eventually("the record behind it", async || service.account().await.kept == 2).await;
    let (body, reason, place) = cluster
        .dead_letter(|letter| {
            let place = ["judged-topic", "judged-partition", "judged-offset"].map(|name| header(letter, name).unwrap());
            (letter.payload().unwrap().to_vec(), header(letter, "judged-reason").unwrap(), place.join(" "))
        })
        .await;
    assert_eq!((body.as_slice(), place.as_str()), (b"\xff\xff no request".as_slice(), "otlp_spans 0 0"));
    assert!(reason.contains("not an OTLP traces request"), "{reason}");
    service.stop().await;
    assert_eq!(cluster.position(TRACES, 0), Some(2));
}

#[tokio::test]
async fn a_dead_letter_that_is_too_large_goes_without_its_body() {
    let cluster = Cluster::new(1);
    cluster.publish_plain(TRACES, 0, b"\xff\xff no request").await;
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    cluster.mock.request_errors(RDKafkaApiKey::Produce, &[refusal]);
    let service = Service::start(&cluster.config(""), "rate = 1").await;
    let (length, body) = cluster
        .dead_letter(|letter| (header(letter, "judged-length"), letter.payload().map(<[u8]>::len).unwrap_or(0)))
        .await;
    assert_eq!((length.as_deref(), body), (Some("13"), 0));
    service.stop().await;
    assert_eq!(cluster.position(TRACES, 0), Some(1));
}

#[tokio::test]
async fn partitions_go_to_a_second_worker_and_nothing_is_read_twice() {
    let cluster = Cluster::new(2);
    // One partition for each.
    let config = cluster.config("logs_topic = \"\"");
    let one = Service::start(&config, "rate = 1").await;
    let publish = async |from: u8, to: u8| {
        for trace in from..=to {
            cluster.publish_plain(TRACES, i32::from(trace % 2), &traces(trace, 1).encode_to_vec()).await;
        }
    };
    publish(1, 40).await;
    eventually("the first records", async || one.account().await.kept == 40).await;
    let two = Service::start(&config, "rate = 1").await;
    let mut trace = 41;
    eventually("both workers to read", async || {
        assert!(trace < 250, "the second worker gets nothing");
        publish(trace, trace).await;
        trace += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
        two.account().await.received > 0
    })
    .await;
    let published = i64::from(trace) - 1;
    eventually("all of them", async || one.account().await.kept + two.account().await.kept >= published).await;
    let (one, two) = (one.stop().await, two.stop().await);
    let received = account(&one.store).await.received + account(&two.store).await.received;
    assert_eq!(received, published);
}

#[tokio::test]
async fn brokers_that_are_away_are_waited_for_and_said() {
    let cluster = Cluster::new(1);
    cluster.mock.broker_down(-1).unwrap();
    let service = Service::start(&cluster.config(""), "rate = 1").await;
    let away = async || service.intake.status().troubles().iter().any(|(what, _)| *what == "Kafka away");
    eventually("the brokers to be missed", away).await;
    cluster.mock.broker_up(-1).unwrap();
    cluster.publish_plain(TRACES, 0, &traces(1, 2).encode_to_vec()).await;
    eventually("the record", async || service.account().await.kept == 2).await;
    eventually("the trouble to be over", async || service.intake.status().troubles().is_empty()).await;
    cluster.mock.broker_down(-1).unwrap();
    service.stop().await;
}

#[tokio::test]
async fn what_was_there_before_is_passed_over_where_the_configuration_says_next() {
    let cluster = Cluster::new(1);
    cluster.publish_plain(TRACES, 0, &traces(1, 1).encode_to_vec()).await;
    let service = Service::start(&cluster.config("start = \"next\""), "rate = 1").await;
    eventually("a position", async || cluster.position(TRACES, 0) == Some(1)).await;
    cluster.publish_plain(TRACES, 0, &traces(2, 1).encode_to_vec()).await;
    eventually("the record behind it", async || service.account().await.kept == 1).await;
    let database = service.stop().await;
    assert_eq!(account(&database.store).await.received, 1);
}

#[tokio::test]
async fn the_check_names_the_topics_and_why_there_are_no_brokers() {
    let cluster = Cluster::new(3);
    let config = |text: &str| toml::from_str::<IntakeConfig>(text).unwrap().kafka.unwrap();
    let found = KafkaConsumer::new(&config(&cluster.config(""))).unwrap().check().await.unwrap();
    assert_eq!(
        found,
        ["otlp_spans with 3 partitions", "otlp_logs with 1 partition", "judged_dead_letters with 1 partition"]
    );
    cluster.mock.topic_error(LOGS, RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let missing = KafkaConsumer::new(&config(&cluster.config(""))).unwrap().check().await.unwrap_err().to_string();
    assert!(missing.starts_with("the topic `otlp_logs` does not exist; create it"), "{missing}");
    let nobody = KafkaConsumer::new(&config("[kafka]\nbrokers = [\"127.0.0.1:1\"]")).unwrap();
    let away = nobody.check().await.unwrap_err().to_string();
    assert!(away.contains("Connection refused"), "{away}");
}
