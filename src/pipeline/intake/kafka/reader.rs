//! The thread that polls: it alone talks to the group, and goes on polling while nothing more can be taken.

use std::sync::{Arc, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::context::Context;
use super::desk::{Desk, Record};
use super::error::SessionError;
use crate::pipeline::intake::intake_store::answered;

const POLL: Duration = Duration::from_millis(100);
/// How often positions are told and losses noted.
const BEAT: Duration = Duration::from_secs(1);
/// Pausing throws away what was fetched, so that a short wait for room is no reason for it.
const BEFORE_PAUSE: Duration = Duration::from_secs(2);
/// How long what is in hand may take at the end; what is left is read again.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long leaving the group may take. The library waits for brokers that are away as long as they are.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// What keeps happening is told so often.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// One session: a member of the group, from joining to leaving.
pub(super) struct Reader {
    pub(super) consumer: BaseConsumer<Context>,
    pub(super) desk: Arc<Desk>,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
    is_paused: bool,
    full_since: Option<Instant>,
    told: Option<Instant>,
}

impl Reader {
    pub(super) fn new(
        consumer: BaseConsumer<Context>,
        desk: Arc<Desk>,
        tasks: TaskTracker,
        shutdown: CancellationToken,
    ) -> Self {
        Self { consumer, desk, tasks, shutdown, is_paused: false, full_since: None, told: None }
    }

    /// Reads until the shutdown, or until something ends the session. Blocks.
    pub(super) fn run(mut self) -> Result<(), SessionError> {
        let ended = self.read();
        // Nothing more is taken, and what is in hand is finished or left by itself.
        let places = self.context().books.places();
        if !self.context().books.wait_until_drained(&places, DRAIN_TIMEOUT) {
            tracing::warn!("records of Kafka are still in hand; they are read again");
        }
        self.note_losses();
        if let Err(error) = self.context().tell(&self.consumer, CommitMode::Sync) {
            tracing::warn!(%error, "positions were not committed; records are read again");
        }
        leave(self.consumer);
        ended
    }

    fn context(&self) -> &Arc<Context> {
        self.consumer.context()
    }

    fn read(&mut self) -> Result<(), SessionError> {
        let mut beat = Instant::now() + BEAT;
        while !self.shutdown.is_cancelled() {
            if Instant::now() >= beat {
                beat = Instant::now() + BEAT;
                self.note_losses();
                self.context().tell(&self.consumer, CommitMode::Async)?;
            }
            if !self.has_room()? {
                continue;
            }
            let polled = self.consumer.poll(POLL).map(|message| message.map(|message| Record::of(&message)));
            match polled {
                None => {}
                Some(Ok(record)) => self.take(record)?,
                Some(Err(error)) => self.judge(error)?,
            }
            if let Some(failure) = self.context().failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Whether to poll: while there is no room for a moment it waits, later the partitions are paused and polling goes on.
    fn has_room(&mut self) -> Result<bool, SessionError> {
        if self.context().books.wait_for_room(if self.is_paused { Duration::ZERO } else { POLL }) {
            self.full_since = None;
            if std::mem::take(&mut self.is_paused) {
                self.consumer.resume(&self.assignment()?).map_err(SessionError::Partitions)?;
            }
            return Ok(true);
        }
        if self.is_paused {
            return Ok(true);
        }
        if self.full_since.get_or_insert_with(Instant::now).elapsed() < BEFORE_PAUSE {
            return Ok(false);
        }
        self.pause()?;
        Ok(true)
    }

    fn pause(&mut self) -> Result<(), SessionError> {
        self.is_paused = true;
        self.consumer.pause(&self.assignment()?).map_err(SessionError::Partitions)
    }

    fn assignment(&self) -> Result<TopicPartitionList, SessionError> {
        self.consumer.assignment().map_err(SessionError::Partitions)
    }

    fn take(&mut self, record: Record) -> Result<(), SessionError> {
        if self.is_paused {
            // A partition that came meanwhile.
            self.pause()?;
        }
        // Of a partition that is another worker's by now, which reads it too.
        let Some(ticket) = self.context().books.take(record.place.clone(), record.offset, record.body.len()) else {
            return Ok(());
        };
        let desk = Arc::clone(&self.desk);
        self.tasks.spawn_on(async move { desk.work_off(record, ticket).await }, &self.context().runtime);
        Ok(())
    }

    /// Most errors pass by themselves.
    fn judge(&mut self, error: KafkaError) -> Result<(), SessionError> {
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            return Err(SessionError::Fatal(error));
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => Err(SessionError::Fatal(error)),
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Err(SessionError::Overtaken)
            }
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed,
            ) => {
                if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    self.told = Some(Instant::now());
                    tracing::warn!(%error, "a topic of [intake.kafka] cannot be read: is it there, and may judged read it and its group? `judged doctor` says which");
                }
                Ok(())
            }
            _ => {
                tracing::debug!(%error, "an error of Kafka that passes");
                Ok(())
            }
        }
    }

    /// Puts losses into the ledger; until then no position is told that would hide them.
    fn note_losses(&self) {
        let context = self.context();
        for (place, lost) in context.books.losses() {
            let noted = context.store.note_lost_records(&place.topic, place.partition, lost.from, lost.to);
            match context.runtime.block_on(answered(noted)) {
                Ok(is_new) => {
                    context.books.loss_is_noted(&place);
                    if is_new {
                        context.metrics.lost(&place.topic, lost.to - lost.from);
                    }
                }
                Err(error) => tracing::warn!(%error, "records that were lost cannot be noted; trying again"),
            }
        }
    }
}

/// Leaves the group, on a thread that nobody waits for longer than that.
fn leave(consumer: BaseConsumer<Context>) {
    let (left, leaving) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        drop(consumer);
        drop(left);
    });
    // It ends by the sender's end; nothing is ever sent.
    if leaving.recv_timeout(LEAVE_TIMEOUT) == Err(mpsc::RecvTimeoutError::Timeout) {
        tracing::warn!("the group was not left in time: its other workers get the partitions when the session ends");
    }
}
