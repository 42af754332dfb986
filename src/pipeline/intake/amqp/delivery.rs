//! One message: committed and acknowledged, or moved to the dead-letter queue with the reason.

use std::time::Duration;

use bytes::Bytes;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, Confirmation};
use tokio_util::sync::CancellationToken;

use super::super::admission::{Admission, Sender};
use super::super::arrival::Arrival;
use super::super::compression::Compression;
use super::super::metrics::Transport;
use super::super::{AcceptError, Description, Intake};
use crate::config::intake::AmqpConfig;
use crate::otlp::Signal;

/// How often a message is tried that the database refuses while it is there: beyond it the message is at fault.
const REFUSALS: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// The broker limits the size of all headers together.
const MAX_REASON: usize = 1000;

/// Headers of a dead letter.
const REASON: &str = "judged-reason";
const QUEUE: &str = "judged-queue";

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handled {
    /// Committed, or moved away; it need not come again.
    Finished,
    /// Left where it is, by a shutdown or a broken connection.
    Left,
}

/// Where the messages of one queue are handled.
pub(super) struct Desk<'a> {
    pub(super) intake: &'a Intake,
    pub(super) admission: &'a Admission,
    /// In confirm mode.
    pub(super) publisher: &'a Channel,
    pub(super) signal: Signal,
    pub(super) queue: &'a str,
    pub(super) config: &'a AmqpConfig,
}

impl Desk<'_> {
    /// Returns when the message is off the queue, or when `shutdown` leaves it there. Errors are the connection's.
    pub(super) async fn handle(
        &self,
        delivery: Delivery,
        shutdown: &CancellationToken,
    ) -> Result<Handled, lapin::Error> {
        let Delivery { data, properties, acker, .. } = delivery;
        let data = Bytes::from(data);
        let encoding = properties.content_encoding().as_ref().map_or("", ShortString::as_str).to_owned();
        let mut backoff = Backoff::new();
        let mut refusals = 0;
        let reason = loop {
            match self.accept(&encoding, data.clone()).await {
                Ok(()) => {
                    acker.ack(BasicAckOptions::default()).await?;
                    return Ok(Handled::Finished);
                }
                Err(AcceptError::Unreadable(reason) | AcceptError::Unknown(reason) | AcceptError::TooLarge(reason)) => {
                    break reason;
                }
                Err(AcceptError::Overloaded) => {}
                Err(AcceptError::Unavailable { reason, transient: false }) if refusals == REFUSALS => {
                    break format!("the database refused it {REFUSALS} times: {reason}");
                }
                Err(AcceptError::Unavailable { transient, .. }) => refusals += u32::from(!transient),
                // Not acknowledged: the broker gives it to the next consumer.
                Err(AcceptError::Stopping) => return Ok(Handled::Left),
            }
            // Held back rather than given back: a message given back comes again at once, and counts as a failed one.
            if acker.poisoned() || !backoff.wait(shutdown).await {
                return Ok(Handled::Left);
            }
        };
        let mut backoff = Backoff::new();
        while !self.dead_letter(&reason, &data, &properties).await? {
            if acker.poisoned() || !backoff.wait(shutdown).await {
                return Ok(Handled::Left);
            }
        }
        acker.ack(BasicAckOptions::default()).await?;
        Ok(Handled::Finished)
    }

    async fn accept(&self, encoding: &str, data: Bytes) -> Result<(), AcceptError> {
        let limit = self.config.max_message_bytes;
        if data.len() > limit {
            let length = data.len();
            let reason = format!("the message has {length} bytes; intake.amqp.max_message_bytes allows {limit}");
            return Err(AcceptError::Unreadable(reason));
        }
        // The Collector's exporter compresses nothing and says nothing; others may.
        let compression = Compression::parse(encoding)?;
        let (sender, admission) = (Sender::Broker, self.admission.clone());
        let arrival = Arrival { sender, compression, body: data, max_decompressed: limit, admission };
        let memory = arrival.enter().await?;
        self.intake.accept(Transport::Amqp, Description::Expected(self.signal), arrival, memory).await.map(drop)
    }

    /// Publishes to the dead-letter queue; true when the broker has it safely.
    async fn dead_letter(
        &self,
        reason: &str,
        data: &[u8],
        properties: &lapin::BasicProperties,
    ) -> Result<bool, lapin::Error> {
        let text = |text: &str| AMQPValue::LongString(LongString::from(text));
        let reason: String = reason.chars().take(MAX_REASON).collect();
        let mut headers: FieldTable = properties.headers().clone().unwrap_or_default();
        headers.insert(REASON.into(), text(&reason));
        headers.insert(QUEUE.into(), text(self.queue));
        let persistent = 2;
        let properties = properties.clone().with_headers(headers).with_delivery_mode(persistent);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let dead_letters = self.config.dead_letter_queue.as_str();
        let published = self.publisher.basic_publish("".into(), dead_letters.into(), options, data, properties).await?;
        match published.await? {
            Confirmation::Ack(None) => {
                tracing::warn!(queue = self.queue, dead_letters, %reason, "a message can never be read; moved it away");
                self.intake.metrics.dead_letter(self.queue);
                Ok(true)
            }
            // Returned, refused, or not confirmed: it is nowhere but in its own queue.
            Confirmation::Ack(Some(_)) | Confirmation::Nack(_) | Confirmation::NotRequested => {
                tracing::error!(
                    queue = self.queue,
                    dead_letters,
                    "the dead-letter queue does not take a message; holding it"
                );
                Ok(false)
            }
        }
    }
}

struct Backoff {
    wait: Duration,
}

impl Backoff {
    fn new() -> Self {
        Self { wait: FIRST_WAIT }
    }

    /// False when the shutdown came first.
    async fn wait(&mut self, shutdown: &CancellationToken) -> bool {
        tokio::select! {
            () = tokio::time::sleep(self.wait) => {
                self.wait = (self.wait * 2).min(LONGEST_WAIT);
                true
            }
            () = shutdown.cancelled() => false,
        }
    }
}
