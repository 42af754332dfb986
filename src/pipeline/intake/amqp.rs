//! RabbitMQ: the queues that the Collector's `rabbitmq` exporter fills.
//!
//! Messages are acknowledged after their commit, one by one, while many are under way and share transactions. A broken
//! connection is made anew from nothing (connection, queues, consumers): what was not acknowledged comes again and is
//! recognised by its digest. A message that can never be read goes to the dead-letter queue with the reason; nothing
//! that a message contains can end the consumer. A stream, from which nothing is ever taken off, is read on from the
//! position that judged keeps itself.

pub(super) mod connection;
mod delivery;
mod error;
mod in_hand;
mod stream;
mod topology;

use std::sync::Arc;

use futures_util::future::{Fuse, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Consumer};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::admission::Admission;
use super::backoff::Sessions;
use super::{Dependency, Intake};
use crate::config::intake::AmqpConfig;
use crate::error_chain::causes;
use crate::otlp::Signal;
use crate::secrets::remember;
use delivery::{Desk, Handled};
use error::{CONNECT_TIMEOUT, SessionError};
use in_hand::{InHand, Prefetch};
use stream::StreamReading;

/// A broker URL that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("intake.amqp.url is no broker address; write amqp://user:password@host:5672/%2f, or amqps:// for TLS")]
pub struct BrokerUrlError;

/// A consumer of the configured queues, ready to run.
#[derive(Debug)]
pub struct AmqpConsumer {
    config: AmqpConfig,
    uri: AMQPUri,
}

impl AmqpConsumer {
    /// Reads the URL; nothing is connected yet.
    pub fn new(config: AmqpConfig) -> Result<Self, BrokerUrlError> {
        let uri = parse(config.url.expose_secret(), config.heartbeat_seconds)?;
        Ok(Self { config, uri })
    }

    /// Connects and disconnects again, declaring nothing: whether the broker takes the address and credentials, and what is to be said
    /// of the queues.
    pub async fn check(&self) -> Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>> {
        let connection = connect(&self.uri, &Arc::default()).await?;
        let said = topology::look(&connection, &self.config).await?;
        connection.close(200, "checked".into()).await?;
        Ok(said)
    }

    /// Consumes until `shutdown`, whatever happens to the broker.
    pub async fn run(self, intake: Arc<Intake>, admission: Admission, shutdown: CancellationToken) {
        let queues = [&self.config.traces_queue, &self.config.logs_queue];
        queues.into_iter().filter(|queue| !queue.is_empty()).for_each(|queue| intake.metrics.queue_is_there(queue));
        let mut prefetch = [Prefetch::new(self.config.prefetch), Prefetch::new(self.config.prefetch)];
        let mut sessions = Sessions::with(Dependency::Broker);
        while !shutdown.is_cancelled() {
            sessions.begin();
            let Err(error) = self.session(&intake, &admission, &mut prefetch, &shutdown).await else { break };
            sessions.failed(causes(&error), intake.status(), &shutdown).await;
        }
    }

    /// From connecting to the end of the connection; `Ok` after a shutdown.
    async fn session(
        &self,
        intake: &Arc<Intake>,
        admission: &Admission,
        prefetch: &mut [Prefetch; 2],
        shutdown: &CancellationToken,
    ) -> Result<(), SessionError> {
        let in_hand = Arc::<InHand>::default();
        let connection = tokio::select! {
            connection = connect(&self.uri, &in_hand) => connection?,
            () = shutdown.cancelled() => return Ok(()),
        };
        topology::declare(&connection, &self.config).await?;
        // Dead letters go another way: their confirmation must not wait behind messages that wait for it.
        let sideline = connect(&self.uri, &Arc::default()).await?;
        let publisher = sideline.create_channel().await?;
        publisher.confirm_select(ConfirmSelectOptions::default()).await?;
        let session = Session { connection: &connection, publisher: &publisher, in_hand, intake, admission, shutdown };
        let [of_traces, of_logs] = prefetch;
        let traces = self.consume(&session, Signal::Traces, of_traces);
        let logs = self.consume(&session, Signal::Logs, of_logs);
        tokio::try_join!(traces, logs)?;
        if let Err(error) = sideline.close(200, "shutdown".into()).await {
            tracing::debug!(%error, "the connection to RabbitMQ was gone before it was closed");
        }
        if let Err(error) = connection.close(200, "shutdown".into()).await {
            tracing::debug!(%error, "the connection to RabbitMQ was gone before it was closed");
        }
        Ok(())
    }

    /// Consumes one queue; `Ok` after a shutdown, when everything taken is committed and acknowledged.
    async fn consume(
        &self,
        session: &Session<'_>,
        signal: Signal,
        prefetch: &mut Prefetch,
    ) -> Result<(), SessionError> {
        let Session { intake, shutdown, .. } = *session;
        let queue = match signal {
            Signal::Traces => &self.config.traces_queue,
            Signal::Logs => &self.config.logs_queue,
        };
        if queue.is_empty() {
            return Ok(());
        }
        let mut reading = match self.config.stream_from {
            None => None,
            Some(start) => match StreamReading::claim(&*intake.store, queue, start, shutdown).await? {
                None => return Ok(()),
                reading => reading,
            },
        };
        let admission = session.admission;
        let desk = Desk { intake, admission, publisher: session.publisher, signal, queue, config: &self.config };
        let channel = session.connection.create_channel().await?;
        loop {
            let number = prefetch.begin();
            channel.basic_qos(number, BasicQosOptions::default()).await?;
            let (no_tag, options) = ("".into(), BasicConsumeOptions::default());
            let arguments = reading.as_ref().map_or_else(FieldTable::default, StreamReading::arguments);
            let consumer =
                channel.basic_consume(queue.as_str().into(), no_tag, options, arguments).await.map_err(|source| {
                    SessionError::Refused {
                        what: format!(
                            "queue `{queue}` cannot be consumed; is the user allowed to read it, or is it exclusive?"
                        ),
                        source,
                    }
                })?;
            tracing::info!(queue, prefetch = number, "consuming from RabbitMQ");
            intake.status().back(Dependency::Broker);
            let in_hand = &session.in_hand;
            match work_off(&channel, consumer, &desk, (in_hand, &mut *prefetch), reading.as_mut(), shutdown).await? {
                Ended::Anew => {}
                Ended::Stopped => break,
            }
        }
        match reading {
            Some(reading) => reading.release().await,
            None => Ok(()),
        }
    }
}

/// One connection, and what its queues share.
struct Session<'a> {
    connection: &'a Connection,
    publisher: &'a Channel,
    in_hand: Arc<InHand>,
    intake: &'a Arc<Intake>,
    admission: &'a Admission,
    shutdown: &'a CancellationToken,
}

/// Why consuming ended, with everything that was taken committed and acknowledged.
enum Ended {
    /// To begin again with another prefetch.
    Anew,
    Stopped,
}

/// Takes deliveries, as many at once as the prefetch allows.
async fn work_off(
    channel: &Channel,
    mut consumer: Consumer,
    desk: &Desk<'_>,
    (in_hand, prefetch): (&Arc<InHand>, &mut Prefetch),
    mut reading: Option<&mut StreamReading<'_>>,
    shutdown: &CancellationToken,
) -> Result<Ended, SessionError> {
    let mut under_way = FuturesUnordered::new();
    let mut beat = tokio::time::interval(stream::BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut cancelled, mut ended) = (false, Ended::Stopped);
    // The broker's answer stands behind the messages that it sent before, and is read when enough of those are finished.
    let cancelling = Fuse::terminated();
    tokio::pin!(cancelling);
    loop {
        tokio::select! {
            // What is finished is acknowledged before more is taken.
            biased;
            Some(handled) = under_way.next() => finished(handled, reading.as_deref_mut())?,
            answer = &mut cancelling => answer?,
            _ = beat.tick(), if reading.is_some() => {
                if let Some(reading) = &reading {
                    reading.note().await?;
                }
            }
            next = consumer.next() => match next {
                Some(Ok(delivery)) => {
                    let offset = stream::offset(&delivery);
                    match (&mut reading, offset) {
                        (Some(reading), Some(offset)) => reading.taken(offset),
                        (None, None) => {}
                        (None, Some(_)) => return Err(SessionError::IsStream(desk.queue.to_owned())),
                        (Some(_), None) => return Err(SessionError::IsNoStream(desk.queue.to_owned())),
                    }
                    let held = in_hand.message(delivery.data.len());
                    let is_worth_changing = prefetch.is_worth_changing(delivery.data.len());
                    under_way.push(async move {
                        let handled = desk.handle(delivery, shutdown).await;
                        drop(held);
                        (offset, handled)
                    });
                    if is_worth_changing && !cancelled {
                        (cancelled, ended) = (true, Ended::Anew);
                        cancelling.set(channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).fuse());
                    }
                }
                Some(Err(error)) => return Err(error.into()),
                // The end of the stream is the answer to our own cancelling, or the broker's doing.
                None if cancelled => break,
                None => return Err(SessionError::Cancelled(desk.queue.to_owned())),
            },
            () = shutdown.cancelled(), if !cancelled => {
                cancelled = true;
                cancelling.set(channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).fuse());
            }
        }
    }
    while let Some(handled) = under_way.next().await {
        finished(handled, reading.as_deref_mut())?;
    }
    Ok(if shutdown.is_cancelled() { Ended::Stopped } else { ended })
}

fn finished(
    (offset, handled): (Option<u64>, Result<Handled, lapin::Error>),
    reading: Option<&mut StreamReading<'_>>,
) -> Result<(), SessionError> {
    if let (Handled::Finished, Some(offset), Some(reading)) = (handled?, offset, reading) {
        reading.done(offset);
    }
    Ok(())
}

async fn connect(uri: &AMQPUri, in_hand: &Arc<InHand>) -> Result<Connection, SessionError> {
    let properties = ConnectionProperties::default().with_connection_name("judged intake".into());
    let connecting = connection::connect_within(uri.clone(), Arc::clone(in_hand), properties);
    tokio::time::timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| SessionError::Timeout)?
        .map_err(SessionError::Connect)
}

/// Reads a broker URL. The complaint never shows the URL: it holds a password.
pub(crate) fn parse(url: &str, heartbeat_seconds: u16) -> Result<AMQPUri, BrokerUrlError> {
    // What the parser says may hold a part of it.
    let mut uri: AMQPUri = url.parse().map_err(|_| BrokerUrlError)?;
    remember(&uri.authority.userinfo.password);
    // Without one it takes a minute and more to notice that the broker is gone.
    uri.query.heartbeat.get_or_insert(heartbeat_seconds.max(1));
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_url_is_refused_without_being_shown() {
        for wrong in ["localhost:5672", "http://otel:hunter2@mq", "amqp://otel:hunter2@mq:port", "otel:hunter2@mq"] {
            let error = AmqpConsumer::new(AmqpConfig::at(wrong)).unwrap_err().to_string();
            assert!(error.contains("amqp://user:password@host"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("otel"), "{error}");
        }
    }

    #[test]
    fn the_heartbeat_is_ours_unless_the_url_has_one() {
        assert_eq!(parse("amqp://mq", 10).unwrap().query.heartbeat, Some(10));
        assert_eq!(parse("amqp://mq?heartbeat=3", 10).unwrap().query.heartbeat, Some(3));
    }
}
