//! RabbitMQ as the Collector's exporter and an operator see it.

use std::collections::HashSet;
use std::time::Duration;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

/// Queues of a test's own.
pub struct Broker {
    pub url: String,
    pub traces: String,
    pub dead_letters: String,
}

impl Broker {
    pub fn new(url: String, name: &str) -> Self {
        Self { url, traces: format!("{name}-spans"), dead_letters: format!("{name}-dead") }
    }

    async fn channel(&self) -> Result<(Connection, Channel), lapin::Error> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok((connection, channel))
    }

    /// Messages that wait for a consumer; `None` when there is no such queue or no broker.
    pub async fn depth(&self, queue: &str) -> Option<u32> {
        let (_connection, channel) = self.channel().await.ok()?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        Some(channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok()?.message_count())
    }

    /// Publishes in this order over `duration`, each until it is confirmed: what a broken connection leaves unconfirmed is
    /// published again. Returns how many were.
    pub async fn publish(&self, messages: Vec<Vec<u8>>, duration: Duration) -> u64 {
        let pause = duration / messages.len().max(1) as u32;
        let mut again = 0;
        let mut link = None;
        let mut ticks = tokio::time::interval(pause.max(Duration::from_micros(1)));
        for body in messages {
            ticks.tick().await;
            while !self.publish_one(&mut link, &body).await {
                again += 1;
                link = None;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        again
    }

    async fn publish_one(&self, link: &mut Option<(Connection, Channel)>, body: &[u8]) -> bool {
        if link.is_none() {
            *link = self.channel().await.ok();
        }
        let Some((_, channel)) = link else { return false };
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let Ok(confirm) =
            channel.basic_publish("".into(), self.traces.as_str().into(), options, body, persistent).await
        else {
            return false;
        };
        matches!(confirm.await, Ok(Confirmation::Ack(None)))
    }

    /// Takes all dead letters. A worker that dies between moving a message and acknowledging it moves it twice.
    pub async fn take_dead_letters(&self) -> (usize, HashSet<Vec<u8>>) {
        let (_connection, channel) = self.channel().await.unwrap();
        let (mut number, mut bodies) = (0, HashSet::new());
        let options = BasicGetOptions { no_ack: true };
        while let Some(letter) = channel.basic_get(self.dead_letters.as_str().into(), options).await.unwrap() {
            number += 1;
            bodies.insert(letter.delivery.data);
        }
        (number, bodies)
    }

    pub async fn clean_up(&self) {
        let (_connection, channel) = self.channel().await.unwrap();
        for queue in [&self.traces, &self.dead_letters] {
            channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
        let exchange = self.dead_letters.as_str().into();
        channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await.unwrap();
    }
}
