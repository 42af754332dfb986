//! A real RabbitMQ: every test has queues of its own in it.

use std::sync::atomic::Ordering;

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use prost::Message;

use super::*;
use crate::pipeline::intake::amqp::AmqpConsumer;
use crate::testing::wire::Wire;

fn url() -> String {
    std::env::var("JUDGED_TEST_AMQP_URL")
        .expect("JUDGED_TEST_AMQP_URL is not set: run the suite with scripts/test, which starts a RabbitMQ")
}

/// The broker as an exporter and an operator see it.
struct Broker {
    _connection: Connection,
    channel: Channel,
    traces: String,
    logs: String,
    dead_letters: String,
}

impl Broker {
    async fn connect() -> Self {
        let connection = Connection::connect(&url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let name = |what: &str| format!("test-{what}-{}", uuid::Uuid::now_v7().simple());
        Self { _connection: connection, channel, traces: name("spans"), logs: name("logs"), dead_letters: name("dead") }
    }

    /// The configuration of a judged that consumes these queues.
    fn config(&self, rest: &str) -> String {
        let Self { traces, logs, dead_letters, .. } = self;
        let url = url();
        format!(
            "[amqp]\nurl = \"{url}\"\ntraces_queue = \"{traces}\"\nlogs_queue = \"{logs}\"\ndead_letter_queue = \"{dead_letters}\"\n{rest}"
        )
    }

    /// True when the message reached a queue.
    async fn publish(&self, queue: &str, body: &[u8]) -> bool {
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let published = self.channel.basic_publish("".into(), queue.into(), options, body, BasicProperties::default());
        matches!(published.await.unwrap().await.unwrap(), Confirmation::Ack(None))
    }

    async fn depth(&self, queue: &str) -> Option<u32> {
        let connection = Connection::connect(&url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok()?;
        Some(queue.message_count())
    }

    /// Waits until judged has declared its queues.
    async fn declared(&self) {
        eventually("the queues", async || {
            self.depth(&self.traces).await.is_some() && self.depth(&self.logs).await.is_some()
        })
        .await;
    }

    async fn next_dead_letter(&self) -> BasicGetMessage {
        let mut letter = None;
        eventually("a dead letter", async || {
            if self.depth(&self.dead_letters).await.unwrap_or(0) > 0 {
                let options = BasicGetOptions { no_ack: true };
                letter = self.channel.basic_get(self.dead_letters.as_str().into(), options).await.unwrap();
            }
            letter.is_some()
        })
        .await;
        letter.unwrap()
    }

    async fn clean_up(&self) {
        for queue in [&self.traces, &self.logs, &self.dead_letters] {
            self.channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
        self.channel
            .exchange_delete(self.dead_letters.as_str().into(), ExchangeDeleteOptions::default())
            .await
            .unwrap();
    }
}

fn header(letter: &BasicGetMessage, name: &str) -> String {
    let headers = letter.delivery.properties.headers().as_ref().unwrap();
    match headers.inner().get(&ShortString::from(name)) {
        Some(AMQPValue::LongString(text)) => String::from_utf8(text.as_bytes().to_vec()).unwrap(),
        other => panic!("{name} is {other:?}"),
    }
}

#[tokio::test]
async fn missing_queues_are_declared_and_both_signals_and_encodings_are_consumed() {
    let broker = Broker::connect().await;
    assert!(!broker.publish(&broker.traces, b"lost").await, "nobody has declared the queue yet");
    let service = Service::start(&broker.config(""), "rate = 1").await;
    broker.declared().await;
    assert!(broker.publish(&broker.traces, &traces(1, 2).encode_to_vec()).await);
    assert!(broker.publish(&broker.traces, &serde_json::to_vec(&traces(2, 3)).unwrap()).await);
    assert!(broker.publish(&broker.logs, &logs(1, 4).encode_to_vec()).await);
    assert!(broker.publish(&broker.traces, &logs(2, 1).encode_to_vec()).await, "logs in the queue of traces");
    eventually("ten records", async || service.account().await.kept == 10).await;
    service.stop().await;
    assert_eq!((broker.depth(&broker.traces).await, broker.depth(&broker.logs).await), (Some(0), Some(0)));
    broker.clean_up().await;
}

#[tokio::test]
async fn the_check_says_what_is_to_be_said_of_the_queues_and_declares_nothing() {
    let broker = Broker::connect().await;
    let check = async |rest: &str| {
        let config: IntakeConfig = toml::from_str(&broker.config(rest)).unwrap();
        AmqpConsumer::new(config.amqp.unwrap()).unwrap().check().await.map_err(|error| error.to_string())
    };
    let declare = async |queue: &str, durable: bool, arguments: FieldTable| {
        let options = QueueDeclareOptions { durable, ..Default::default() };
        broker.channel.queue_declare(queue.into(), options, arguments).await.unwrap();
    };
    declare(&broker.logs, false, FieldTable::default()).await;
    let said = check("").await.unwrap();
    assert!(said[0].contains("does not exist: start judged"), "{said:?}");
    assert!(said[1].contains("'durable': received 'true' but current is 'false'"), "{said:?}");
    assert_eq!((broker.depth(&broker.traces).await, said.len()), (None, 2));

    let mut stream = FieldTable::default();
    stream.insert("x-queue-type".into(), AMQPValue::LongString("stream".into()));
    declare(&broker.traces, true, stream).await;
    let refused = check("").await.unwrap_err();
    assert!(refused.contains("is a stream: set intake.amqp.stream_from"), "{refused}");
    for queue in [&broker.traces, &broker.logs] {
        broker.channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }
}

#[tokio::test]
async fn an_existing_queue_is_used_as_it_is() {
    let broker = Broker::connect().await;
    let (options, none) = (QueueDeclareOptions::default(), FieldTable::default());
    // Neither durable nor quorum: declaring it in judged's way would be refused.
    broker.channel.queue_declare(broker.traces.as_str().into(), options, none).await.unwrap();
    assert!(broker.publish(&broker.traces, &traces(1, 2).encode_to_vec()).await);
    let service = Service::start(&broker.config(""), "rate = 1").await;
    eventually("the message that was there before", async || service.account().await.kept == 2).await;
    service.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn poison_goes_to_the_dead_letter_queue_with_the_reason_and_the_rest_goes_on() {
    let broker = Broker::connect().await;
    let service = Service::start(&broker.config("max_message_bytes = 2000"), "rate = 1").await;
    broker.declared().await;
    assert!(broker.publish(&broker.traces, &[0xff, 0xfe, 0xfd]).await);
    assert!(broker.publish(&broker.traces, &traces(1, 1).encode_to_vec()).await);
    let letter = broker.next_dead_letter().await;
    assert_eq!(letter.delivery.data, [0xff, 0xfe, 0xfd], "the body is kept as it came");
    assert_eq!(header(&letter, "judged-queue"), broker.traces);
    assert!(header(&letter, "judged-reason").starts_with("not an OTLP traces request in protobuf"));
    assert!(broker.publish(&broker.logs, &[b'x'; 3000]).await);
    let letter = broker.next_dead_letter().await;
    assert!(header(&letter, "judged-reason").contains("intake.amqp.max_message_bytes allows 2000"));
    eventually("the good message", async || service.account().await.kept == 1).await;
    service.stop().await;
    assert_eq!(broker.depth(&broker.traces).await, Some(0));
    broker.clean_up().await;
}

#[tokio::test]
async fn messages_are_acknowledged_only_after_their_commit() {
    let broker = Broker::connect().await;
    let service = Service::start(&broker.config(""), "rate = 1").await;
    broker.declared().await;
    service.store.block();
    for trace in 1..=5 {
        assert!(broker.publish(&broker.traces, &traces(trace, 1).encode_to_vec()).await);
    }
    // The process dies while the transaction is open.
    eventually("the consumer to take them", async || broker.depth(&broker.traces).await == Some(0)).await;
    service.serving.abort();
    assert!(service.serving.await.is_err());
    eventually("the broker to have them again", async || broker.depth(&broker.traces).await == Some(5)).await;
    service.committing.abort();
    assert_eq!(account(&service.database.store).await, IntakeAccount::default());
    let service = Service::start_on(service.database, &broker.config(""), "rate = 1").await;
    eventually("all of them", async || service.account().await.kept == 5).await;
    service.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_database_that_is_away_holds_messages_back_and_loses_none() {
    let broker = Broker::connect().await;
    let service = Service::start(&broker.config("prefetch = 4"), "rate = 1").await;
    broker.declared().await;
    service.store.away.store(true, Ordering::SeqCst);
    for trace in 1..=20 {
        assert!(broker.publish(&broker.traces, &traces(trace, 1).encode_to_vec()).await);
    }
    eventually("the trouble to be noticed", async || !service.intake.status().troubles().is_empty()).await;
    assert!(broker.depth(&broker.traces).await.unwrap() >= 16, "no more is taken than the prefetch");
    service.store.away.store(false, Ordering::SeqCst);
    eventually("all of them", async || service.account().await.kept == 20).await;
    let account = service.account().await;
    assert_eq!((account.received, account.duplicate), (20, 0), "nothing was given back and taken again");
    service.stop().await;
    assert_eq!(broker.depth(&broker.dead_letters).await, Some(0));
    broker.clean_up().await;
}

#[tokio::test]
async fn a_shutdown_while_too_much_is_in_hand_acknowledges_what_is_committed() {
    const MESSAGES: u32 = 60;
    let broker = Broker::connect().await;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    broker.channel.queue_declare(broker.traces.as_str().into(), durable, FieldTable::default()).await.unwrap();
    // A field that nobody knows makes a message large and what is kept of it small.
    let mut padding = vec![15 << 3 | 2];
    prost::encoding::encode_varint(1024 * 1024, &mut padding);
    padding.resize(padding.len() + 1024 * 1024, b'x');
    for trace in 1..=MESSAGES {
        let message = [traces(trace as u8, 1).encode_to_vec(), padding.clone()].concat();
        assert!(broker.publish(&broker.traces, &message).await);
    }
    let service = Service::start(&broker.config("prefetch = 64"), "rate = 1").await;
    service.store.block();
    let in_hand = || service.store.held.load(Ordering::SeqCst) + service.intake.waiting();
    eventually("reading to pause", async || in_hand() >= 30).await;
    service.shutdown.cancel();
    service.store.unblock();
    let database = service.stop().await;
    let kept = account(&database.store).await.kept;
    assert!(kept >= 30, "{kept}");
    let left = broker.depth(&broker.traces).await.unwrap();
    assert_eq!(i64::from(left) + kept, i64::from(MESSAGES), "nothing that is committed comes again");
    broker.clean_up().await;
}

#[tokio::test]
async fn messages_that_wait_together_share_transactions() {
    let broker = Broker::connect().await;
    let service = Service::start(&broker.config(""), "rate = 1").await;
    broker.declared().await;
    service.store.block();
    for trace in 1..=40 {
        assert!(broker.publish(&broker.traces, &traces(trace, 1).encode_to_vec()).await);
    }
    eventually("the consumer to take them", async || broker.depth(&broker.traces).await == Some(0)).await;
    service.store.unblock();
    eventually("all of them", async || service.account().await.kept == 40).await;
    let groups = service.store.groups.lock().unwrap().clone();
    assert!(groups.iter().any(|group| *group >= 10), "{groups:?}");
    service.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_deleted_queue_is_declared_anew_and_consumed_on() {
    let broker = Broker::connect().await;
    let service = Service::start(&broker.config(""), "rate = 1").await;
    broker.declared().await;
    assert!(broker.publish(&broker.traces, &traces(1, 1).encode_to_vec()).await);
    eventually("the first message", async || service.account().await.kept == 1).await;
    broker.channel.queue_delete(broker.traces.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    eventually("the cancellation to be noticed", async || {
        service.intake.status().troubles().iter().any(|(_, reason)| reason.contains("cancelled the consumer"))
    })
    .await;
    broker.declared().await;
    assert!(broker.publish(&broker.traces, &traces(2, 1).encode_to_vec()).await);
    eventually("the second message", async || service.account().await.kept == 2).await;
    eventually("the trouble to be over", async || service.intake.status().troubles().is_empty()).await;
    service.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_broken_connection_is_made_anew_without_loss_or_double() {
    let broker = Broker::connect().await;
    let wire = Wire::start(&url()).await;
    let config = broker.config("").replace(&url(), &wire.url);
    let service = Service::start(&config, "rate = 1").await;
    broker.declared().await;
    for trace in 1..=60 {
        assert!(broker.publish(&broker.traces, &traces(trace, 1).encode_to_vec()).await);
        if trace % 20 == 10 {
            wire.cut();
        }
    }
    eventually("all of them", async || service.account().await.kept == 60).await;
    eventually("the queue to be empty", async || broker.depth(&broker.traces).await == Some(0)).await;
    assert_eq!(service.account().await.kept, 60);
    service.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_stream_is_read_on_from_where_it_was_left_and_anew_from_another_beginning() {
    let broker = Broker::connect().await;
    let from = |start: &str| broker.config(&format!("stream_from = \"{start}\""));
    let service = Service::start(&from("first"), "rate = 1").await;
    broker.declared().await;
    assert!(broker.publish(&broker.traces, &traces(1, 2).encode_to_vec()).await);
    assert!(broker.publish(&broker.traces, &[0xff, 0xfe, 0xfd]).await, "poison, which a stream cannot give away");
    assert!(broker.publish(&broker.traces, &traces(2, 3).encode_to_vec()).await);
    eventually("both messages", async || service.account().await.kept == 5).await;
    assert_eq!(broker.next_dead_letter().await.delivery.data, [0xff, 0xfe, 0xfd]);
    let database = service.stop().await;

    assert!(broker.publish(&broker.traces, &traces(3, 4).encode_to_vec()).await, "while judged is away");
    let service = Service::start_on(database, &from("first"), "rate = 1").await;
    eventually("what came meanwhile", async || service.account().await.kept == 9).await;
    assert_eq!(service.account().await.duplicate, 0, "nothing was read again");
    let database = service.stop().await;

    let service = Service::start_on(database, &from("1h"), "rate = 1").await;
    eventually("all of it once more", async || service.account().await.duplicate == 9).await;
    assert_eq!(service.account().await.kept, 9);
    service.stop().await;
    broker.clean_up().await;
}

#[tokio::test]
async fn a_stream_that_nobody_announced_is_not_read_from_wherever_it_is() {
    let broker = Broker::connect().await;
    let mut stream = FieldTable::default();
    stream.insert("x-queue-type".into(), AMQPValue::LongString("stream".into()));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    broker.channel.queue_declare(broker.traces.as_str().into(), durable, stream).await.unwrap();
    let service = Service::start(&broker.config(""), "rate = 1").await;
    eventually("the complaint", async || {
        // Without an offset a consumer is shown only what comes after it.
        assert!(broker.publish(&broker.traces, &traces(1, 1).encode_to_vec()).await);
        service.intake.status().troubles().iter().any(|(_, reason)| reason.contains("set intake.amqp.stream_from"))
    })
    .await;
    assert_eq!(service.account().await.kept, 0);
    service.stop().await;
    broker.clean_up().await;
}
