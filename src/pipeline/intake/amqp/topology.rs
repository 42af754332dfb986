//! The queues: what is there is used as it is, what is missing is declared.
//!
//! The Collector's exporter declares nothing, and what it publishes to a queue that does not exist is lost without a
//! word; so judged declares at its start. How a queue was declared the broker says only by refusing another declaration.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Connection, ErrorKind, ExchangeKind};

use super::error::SessionError;
use crate::config::intake::AmqpConfig;

/// AMQP's reply codes for something that does not exist, that may not be done, and that is there in another form.
const NOT_FOUND: u16 = 404;
const ACCESS_REFUSED: u16 = 403;
const PRECONDITION_FAILED: u16 = 406;

const DURABLE: QueueDeclareOptions =
    QueueDeclareOptions { passive: false, durable: true, exclusive: false, auto_delete: false, nowait: false };

/// How often a message may be given back, by crashes or broken connections, before it is taken for poison.
const DELIVERY_LIMIT: i64 = 50;

/// How long dead letters are kept, and how many bytes of them, before the oldest go: they hold bodies as they came, unredacted.
const DEAD_LETTERS_KEPT_MS: i64 = 14 * 86_400_000;
const DEAD_LETTER_BYTES: i64 = 1 << 30;

/// What is there under the name of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Missing,
    /// As judged declares it, or its user may not ask.
    Expected,
    /// A stream in place of a queue, or the other way round.
    OtherKind,
    /// Something that can be used; the difference in the broker's words.
    Otherwise(String),
}

/// Says how the queues are there, declaring nothing.
pub(super) async fn look(connection: &Connection, config: &AmqpConfig) -> Result<Vec<String>, SessionError> {
    let mut said = Vec::new();
    for queue in queues(config) {
        match find(connection, queue, config).await? {
            Found::Missing => said.push(format!(
                "queue `{queue}` does not exist: start judged, which declares it; what is published before is lost"
            )),
            Found::Expected => {}
            Found::OtherKind => return Err(other_kind(queue, config)),
            Found::Otherwise(difference) => said.push(otherwise(queue, &difference)),
        }
    }
    Ok(said)
}

fn queues(config: &AmqpConfig) -> impl Iterator<Item = &str> {
    [config.traces_queue.as_str(), config.logs_queue.as_str()].into_iter().filter(|queue| !queue.is_empty())
}

fn other_kind(queue: &str, config: &AmqpConfig) -> SessionError {
    match config.stream_from {
        Some(_) => SessionError::IsNoStream(queue.to_owned()),
        None => SessionError::IsStream(queue.to_owned()),
    }
}

fn otherwise(queue: &str, difference: &str) -> String {
    format!(
        "queue `{queue}` is used as it is, but declared otherwise than by judged ({difference}): whether it survives the broker's restart, \
         and what becomes of messages that crash workers, is as its owner chose; to have it as judged declares it, delete it when it is \
         empty and restart judged"
    )
}

pub(super) async fn declare(connection: &Connection, config: &AmqpConfig) -> Result<(), SessionError> {
    let dead_letters = config.dead_letter_queue.as_str();
    if !queue_exists(connection, dead_letters).await? {
        dead_letter_queue(connection, dead_letters).await?;
    }
    for queue in queues(config) {
        match find(connection, queue, config).await? {
            Found::Missing => declare_queue(connection, queue, expected(config)).await?,
            Found::Expected => {}
            Found::OtherKind => return Err(other_kind(queue, config)),
            Found::Otherwise(difference) => tracing::warn!(queue, "{}", otherwise(queue, &difference)),
        }
    }
    Ok(())
}

/// How judged declares a queue.
fn expected(config: &AmqpConfig) -> FieldTable {
    match config.stream_from {
        Some(_) => arguments(&[("x-queue-type", text("stream"))]),
        None => arguments(&[
            ("x-queue-type", text("quorum")),
            ("x-dead-letter-exchange", text(&config.dead_letter_queue)),
            ("x-dead-letter-strategy", text("at-least-once")),
            // The strategy asks for it; without a length limit nothing is ever rejected.
            ("x-overflow", text("reject-publish")),
            ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)),
        ]),
    }
}

async fn find(connection: &Connection, queue: &str, config: &AmqpConfig) -> Result<Found, SessionError> {
    if !queue_exists(connection, queue).await? {
        return Ok(Found::Missing);
    }
    let channel = connection.create_channel().await?;
    match channel.queue_declare(queue.into(), DURABLE, expected(config)).await {
        Ok(_) => {
            close(&channel).await;
            Ok(Found::Expected)
        }
        Err(error) if code(&error) == Some(ACCESS_REFUSED) => Ok(Found::Expected),
        Err(error) if code(&error) == Some(PRECONDITION_FAILED) => Ok(difference(&said(&error))),
        Err(source) => {
            let what = format!("queue `{queue}` cannot be looked at; is it exclusive, or a queue of another plugin?");
            Err(SessionError::Refused { what, source })
        }
    }
}

/// From the broker's words, as `inequivalent arg 'x-queue-type' for queue 'a' in vhost '/': received … but current is …`.
fn difference(said: &str) -> Found {
    let words = said.split_once("inequivalent arg ").map_or(said, |(_, words)| words);
    let (argument, rest) = words.split_once(" for queue ").unwrap_or((words, ""));
    let (_, compared) = rest.split_once(": ").unwrap_or(("", rest));
    // What judged wanted or what is there is a stream, and the other is not.
    if argument.trim_matches('\'') == "x-queue-type" && compared.contains("'stream'") {
        return Found::OtherKind;
    }
    Found::Otherwise(format!("{argument}: {compared}").trim_end_matches(": ").to_owned())
}

fn said(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        _ => String::new(),
    }
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
    channel.queue_declare(queue.into(), DURABLE, arguments).await.map_err(|source| SessionError::Refused {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_s_words_say_what_differs() {
        let said = |rest: &str| difference(&format!("PRECONDITION_FAILED - inequivalent arg {rest}"));
        let stream = "'x-queue-type' for queue 'a: b' in vhost '/': received the value 'quorum' of type 'longstr' but current is the value 'stream' of type 'longstr'";
        assert_eq!(said(stream), Found::OtherKind);
        assert_eq!(
            said("'x-queue-type' for queue 'a' in vhost '/': received 'stream' but current is 'classic'"),
            Found::OtherKind
        );
        let durable = "'durable' for queue 'a' in vhost '/': received 'true' but current is 'false'";
        assert_eq!(said(durable), Found::Otherwise("'durable': received 'true' but current is 'false'".to_owned()));
        assert_eq!(difference("something else"), Found::Otherwise("something else".to_owned()));
    }
}
