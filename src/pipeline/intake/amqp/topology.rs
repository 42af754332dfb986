//! The queues: what is there is used as it is, what is missing is declared.
//!
//! The Collector's exporter declares nothing, and what it publishes to a queue that does not exist is lost without a
//! word; so judged declares at its start.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Connection, ErrorKind, ExchangeKind};

use super::error::SessionError;
use crate::config::intake::AmqpConfig;

/// AMQP's reply code for something that does not exist.
const NOT_FOUND: u16 = 404;

/// How often a message may be given back, by crashes or broken connections, before it is taken for poison.
const DELIVERY_LIMIT: i64 = 50;

/// How long dead letters are kept, and how many bytes of them, before the oldest go: they hold bodies as they came, unredacted.
const DEAD_LETTERS_KEPT_MS: i64 = 14 * 86_400_000;
const DEAD_LETTER_BYTES: i64 = 1 << 30;

pub(super) async fn declare(connection: &Connection, config: &AmqpConfig) -> Result<(), SessionError> {
    let dead_letters = config.dead_letter_queue.as_str();
    if !queue_exists(connection, dead_letters).await? {
        dead_letter_queue(connection, dead_letters).await?;
    }
    for queue in [config.traces_queue.as_str(), config.logs_queue.as_str()] {
        if !queue.is_empty() && !queue_exists(connection, queue).await? {
            let arguments = match config.stream_from {
                Some(_) => arguments(&[("x-queue-type", text("stream"))]),
                None => arguments(&[
                    ("x-queue-type", text("quorum")),
                    ("x-dead-letter-exchange", text(dead_letters)),
                    ("x-dead-letter-strategy", text("at-least-once")),
                    // The strategy asks for it; without a length limit nothing is ever rejected.
                    ("x-overflow", text("reject-publish")),
                    ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)),
                ]),
            };
            declare_queue(connection, queue, arguments).await?;
        }
    }
    Ok(())
}

/// A passive declaration that fails closes its channel, so that it has one of its own.
async fn queue_exists(connection: &Connection, queue: &str) -> Result<bool, SessionError> {
    let channel = connection.create_channel().await?;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    match channel.queue_declare(queue.into(), passive, FieldTable::default()).await {
        Ok(_) => {
            close(&channel).await;
            Ok(true)
        }
        Err(error) if code(&error) == Some(NOT_FOUND) => Ok(false),
        Err(source) => {
            let what = format!("queue `{queue}` cannot be looked at; the user needs permission to configure it");
            Err(SessionError::Refused { what, source })
        }
    }
}

/// The queue of what can never be read, and the exchange of the same name through which the broker itself fills it.
async fn dead_letter_queue(connection: &Connection, name: &str) -> Result<(), SessionError> {
    let arguments = arguments(&[
        ("x-queue-type", text("quorum")),
        ("x-message-ttl", AMQPValue::LongLongInt(DEAD_LETTERS_KEPT_MS)),
        ("x-max-length-bytes", AMQPValue::LongLongInt(DEAD_LETTER_BYTES)),
    ]);
    declare_queue(connection, name, arguments).await?;
    let channel = connection.create_channel().await?;
    let refused = |source| SessionError::Refused {
        what: format!(
            "exchange `{name}` cannot be declared and bound; declare a fanout exchange of this name, or allow it"
        ),
        source,
    };
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel
        .exchange_declare(name.into(), ExchangeKind::Fanout, durable, FieldTable::default())
        .await
        .map_err(refused)?;
    let (any_key, bind) = ("".into(), QueueBindOptions::default());
    channel.queue_bind(name.into(), name.into(), any_key, bind, FieldTable::default()).await.map_err(refused)?;
    close(&channel).await;
    Ok(())
}

async fn declare_queue(connection: &Connection, queue: &str, arguments: FieldTable) -> Result<(), SessionError> {
    let channel = connection.create_channel().await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), durable, arguments).await.map_err(|source| SessionError::Refused {
        what: format!("queue `{queue}` cannot be declared; declare it yourself, or allow the user to configure it"),
        source,
    })?;
    tracing::info!(queue, "declared a queue that was missing");
    close(&channel).await;
    Ok(())
}

async fn close(channel: &lapin::Channel) {
    if let Err(error) = channel.close(200, "done".into()).await {
        tracing::debug!(%error, "a channel was gone before it was closed");
    }
}

fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

fn arguments(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in pairs {
        table.insert((*key).into(), value.clone());
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}
