//! RabbitMQ to commit, against a consumer that only acknowledges; and the way of one span to its score.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use sqlx::PgPool;

use crate::database::Database;
use crate::mock::Mock;
use crate::worker::Worker;

const SPANS_PER_MESSAGE: u64 = 100;
const SPANS_PER_TRACE: u64 = 5;
/// judged's own default.
const PREFETCH: u16 = 64;

/// A queue of a measurement's own, declared as judged would.
struct Queue {
    _connection: Connection,
    channel: Channel,
    name: String,
}

impl Queue {
    async fn declare(url: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await.expect("RabbitMQ answers");
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let name = format!("bench-{}", uuid::Uuid::now_v7().simple());
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(LongString::from("quorum")));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.as_str().into(), durable, arguments).await.unwrap();
        Self { _connection: connection, channel, name }
    }

    async fn publish(&self, bodies: impl Iterator<Item = Vec<u8>>) {
        let mut confirms = Vec::new();
        for body in bodies {
            let (options, persistent) =
                (BasicPublishOptions::default(), BasicProperties::default().with_delivery_mode(2));
            let queue = self.name.as_str().into();
            confirms.push(self.channel.basic_publish("".into(), queue, options, &body, persistent).await.unwrap());
            if confirms.len() == 100 {
                futures_util::future::try_join_all(confirms.drain(..)).await.unwrap();
            }
        }
        futures_util::future::try_join_all(confirms).await.unwrap();
    }

    async fn delete(&self) {
        for queue in [self.name.clone(), format!("{}-dead", self.name)] {
            self.channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
    }
}

fn config(database: &Database, broker: &str, queue: &str, rate: f64, mock: Option<&Mock>) -> String {
    let store = &database.url;
    let judge = mock.map_or_else(String::new, |mock| {
        format!("[judges.default]\nprovider = \"openai\"\nmodel = \"mock\"\nbase_url = \"{}\"\n", mock.url)
    });
    format!(
        r#"
        store = {{ url = "{store}" }}
        rubrics = {{ dir = "none", enabled = ["harmfulness"] }}
        sampling = {{ rate = {rate:?} }}
        assembly = {{ settle = "0s" }}
        [intake]
        otlp = {{ http = "off", grpc = "off" }}
        [intake.amqp]
        url = "{broker}"
        traces_queue = "{queue}"
        logs_queue = ""
        dead_letter_queue = "{queue}-dead"
        prefetch = {PREFETCH}
        {judge}
        "#
    )
}

/// Spans a second from the queue to their commit, 15 % kept.
pub async fn committed(folder: &Path, database: &Database, broker: &str, workers: usize, messages: u64) -> f64 {
    let queue = Queue::declare(broker).await;
    queue.publish((0..messages).map(mixed)).await;
    let config = config(database, broker, &queue.name, 0.15, None);
    let running: Vec<Worker> = (0..workers).map(|_| Worker::start(folder, &config, "intake")).collect();
    let all = (messages * SPANS_PER_MESSAGE) as i64;
    let received = async || database.received().await;
    let begin = Instant::now();
    let (first, first_at) = loop {
        let seen = received().await;
        if seen > 0 {
            break (seen, Instant::now());
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "the log is in {}", folder.display());
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    while received().await < all {
        assert!(begin.elapsed() < Duration::from_mins(5), "the log is in {}", folder.display());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seconds = first_at.elapsed().as_secs_f64();
    drop(running);
    queue.delete().await;
    (all - first) as f64 / seconds
}

/// Spans a second of a consumer that acknowledges and forgets.
pub async fn acknowledged(broker: &str, messages: u64) -> f64 {
    let queue = Queue::declare(broker).await;
    queue.publish((0..messages).map(mixed)).await;
    queue.channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.unwrap();
    let options = BasicConsumeOptions::default();
    let mut consumer = queue
        .channel
        .basic_consume(queue.name.as_str().into(), "".into(), options, FieldTable::default())
        .await
        .unwrap();
    let mut begin = None;
    for _ in 0..messages {
        let delivery = consumer.next().await.unwrap().unwrap();
        begin.get_or_insert_with(Instant::now);
        delivery.acker.ack(BasicAckOptions::default()).await.unwrap();
    }
    let seconds = begin.unwrap().elapsed().as_secs_f64();
    queue.channel.queue_delete(queue.name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    (messages * SPANS_PER_MESSAGE) as f64 / seconds
}

/// From publishing to the stored score, in milliseconds at the median and at the 99th percentile: one message with one
/// generation every few milliseconds, all roles in one worker, no settling time.
pub async fn latency(folder: &Path, database: &Database, broker: &str, mock: &Mock, messages: u64) -> (i64, i64) {
    let queue = Queue::declare(broker).await;
    let worker =
        Worker::start(folder, &config(database, broker, &queue.name, 1.0, Some(mock)), "intake,assemble,evaluate");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut published = HashMap::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    for number in 0..messages {
        ticks.tick().await;
        let span = span(number, 0, 1, true);
        published.insert(span.trace_id.clone(), database.now_ms());
        queue.publish(std::iter::once(request(vec![span]))).await;
    }
    let begin = Instant::now();
    while database.finished().await.0 < messages as i64 {
        assert!(begin.elapsed() < Duration::from_mins(1), "the log is in {}", folder.display());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(worker);
    queue.delete().await;
    let pool = PgPool::connect(&database.url).await.unwrap();
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "SELECT trace_id, finished_at_ms FROM evaluations JOIN subjects ON subjects.id = subject_id WHERE outcome = 'scored'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mut waits: Vec<i64> = rows.iter().map(|(trace_id, finished_ms)| finished_ms - published[trace_id]).collect();
    waits.sort_unstable();
    (waits[waits.len() / 2], waits[waits.len() * 99 / 100])
}

/// A message of whole traces in which every fifth span is a model call.
fn mixed(message: u64) -> Vec<u8> {
    let number = |span: u64| message * SPANS_PER_MESSAGE + span;
    request(
        (0..SPANS_PER_MESSAGE)
            .map(|index| {
                span(number(index) / SPANS_PER_TRACE, index % SPANS_PER_TRACE, SPANS_PER_TRACE, index % 5 == 1)
            })
            .collect(),
    )
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let resource = Resource { attributes: vec![text("service.name", "assistant")], ..Default::default() };
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let block = ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() };
    ExportTraceServiceRequest { resource_spans: vec![block] }.encode_to_vec()
}

fn span(trace: u64, index: u64, of: u64, llm: bool) -> Span {
    let conversation = crate::database::conversation();
    let messages = |role: &str, text: String| {
        serde_json::json!([{"role": role, "parts": [{"type": "text", "content": text}]}]).to_string()
    };
    let attributes = if llm {
        vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", "openai"),
            text("gen_ai.request.model", "small"),
            text("gen_ai.input.messages", &messages("user", conversation.input)),
            text("gen_ai.output.messages", &messages("assistant", conversation.output)),
        ]
    } else {
        vec![
            text("http.request.method", "POST"),
            text("url.path", "/v1/orders"),
            text("server.address", "orders.internal"),
        ]
    };
    let mut trace_id = vec![0x4b; 16];
    trace_id[..8].copy_from_slice(&(trace + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Span {
        trace_id,
        span_id: (trace * of + index + 1).to_be_bytes().to_vec(),
        parent_span_id: if index == 0 { Vec::new() } else { (trace * of + 1).to_be_bytes().to_vec() },
        name: "step".to_owned(),
        start_time_unix_nano: 1_767_225_600_000_000_000,
        end_time_unix_nano: 1_767_225_601_000_000_000,
        attributes,
        ..Default::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..Default::default() }
}
