//! One message: committed and acknowledged, or moved to the dead-letter queue with the reason.

use bytes::Bytes;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, Confirmation};
use tokio_util::sync::CancellationToken;

use super::super::admission::Admission;
use super::super::backoff::Backoff;
use super::super::handover::{HandedOver, Handover};
use super::super::metrics::Transport;
use super::super::{Description, Intake};
use crate::config::intake::AmqpConfig;
use crate::otlp::Signal;

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
        let handover = Handover {
            intake: self.intake,
            admission: self.admission,
            transport: Transport::Amqp,
            limit: self.config.max_message_bytes,
            limit_key: "intake.amqp.max_message_bytes",
        };
        let (description, is_left) = (Description::Expected(self.signal), || acker.poisoned());
        let reason = match handover.hand_over(description, &encoding, data.clone(), is_left, shutdown).await {
            HandedOver::Committed => {
                acker.ack(BasicAckOptions::default()).await?;
                return Ok(Handled::Finished);
            }
            HandedOver::Left => return Ok(Handled::Left),
            HandedOver::Unreadable(reason) => reason,
        };
        let mut backoff = Backoff::of_message();
        while !self.dead_letter(&reason, &data, &properties).await? {
            if acker.poisoned() || !backoff.wait(shutdown).await {
                return Ok(Handled::Left);
            }
        }
        acker.ack(BasicAckOptions::default()).await?;
        Ok(Handled::Finished)
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
