//! What the client library calls back for: logs, errors, tokens, statistics, and partitions that come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::books::{Books, Place};
use super::error::SessionError;
use super::start::Known;
use super::token::TokenSource;
use crate::config::stream::StreamStart;
use crate::pipeline::intake::intake_store::{IntakeStore, answered};
use crate::pipeline::intake::metrics::Metrics;
use crate::pipeline::intake::{Dependency, IntakeStatus};
use crate::store::StreamClaim;

/// How long the brokers may take to say where a partition begins and ends.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long what is in hand of a partition may take before another worker gets it, and reads the rest again.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// A claim that lasts no time says when reading was begun, and keeps nobody out.
const NO_LEASE: i64 = 0;

/// Of a client that only needs tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct Plain {
    pub(super) token: Option<TokenSource>,
    /// What went wrong last, in the library's words.
    pub(super) trouble: Arc<Mutex<Option<String>>>,
}

impl ClientContext for Plain {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, _: RDKafkaLogLevel, what: &str, message: &str) {
        tracing::debug!(target: "librdkafka", what, "{message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        // Why they are down was said before.
        if trouble.is_none() || error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *trouble = Some(reason.to_owned());
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.token.as_ref().ok_or("there is no source of tokens")?.token()
    }
}

impl ConsumerContext for Plain {}

/// Of the member of the group.
pub(super) struct Context {
    pub(super) plain: Plain,
    pub(super) books: Arc<Books>,
    /// Parts of intake, and not all of it: a client that cannot leave its group would keep it from ending.
    pub(super) store: Arc<dyn IntakeStore>,
    pub(super) status: Arc<IntakeStatus>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) runtime: Handle,
    pub(super) group: String,
    pub(super) start: StreamStart,
    pub(super) is_away: AtomicBool,
    /// Why partitions could not be taken: the session ends.
    pub(super) failure: Mutex<Option<SessionError>>,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Plain::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, what: &str, message: &str) {
        self.plain.log(level, what, message);
    }

    /// Most errors pass by themselves; these are told.
    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        self.plain.error(error, reason);
        if code.is_some_and(is_told) {
            let trouble = self.plain.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let reason = trouble.unwrap_or_else(|| reason.to_owned());
            self.status.away(Dependency::Kafka, reason.as_str());
            if !self.is_away.swap(true, Ordering::AcqRel) {
                tracing::warn!(%reason, "Kafka is away; trying again");
            }
        }
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.plain.generate_oauth_token(config)
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.is_there();
        }
        for (topic, lag) in self.lags(&statistics) {
            self.metrics.lag(topic, lag);
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let changed = if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assigned(consumer, partitions)
        } else {
            self.revoked(consumer, partitions)
        };
        if let Err(error) = changed {
            self.fail(error);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => {
                tracing::debug!(%error, "positions were not committed; trying again");
                self.books.tell_again();
            }
        }
    }
}

impl Context {
    /// The brokers answer.
    pub(super) fn is_there(&self) {
        self.status.back(Dependency::Kafka);
        if self.is_away.swap(false, Ordering::AcqRel) {
            tracing::info!("Kafka is back");
        }
    }

    fn fail(&self, error: SessionError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Records that are not finished, by topic, of this worker's partitions.
    fn lags<'s>(&self, statistics: &'s Statistics) -> BTreeMap<&'s str, u64> {
        let mut lags = BTreeMap::new();
        for (name, topic) in &statistics.topics {
            for partition in topic.partitions.values() {
                let place = Place { topic: name.as_str().into(), partition: partition.partition };
                let end = u64::try_from(partition.hi_offset).unwrap_or(0);
                *lags.entry(name.as_str()).or_default() += self.books.lag(&place, end).unwrap_or(0);
            }
        }
        lags
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, partitions: &mut TopicPartitionList) -> Result<(), SessionError> {
        let begun = self.begin(consumer, partitions);
        if let Err(error) = begun {
            // The library waits for an answer.
            consumer.incremental_assign(&TopicPartitionList::new()).map_err(SessionError::Partitions)?;
            return Err(error);
        }
        consumer.incremental_assign(partitions).map_err(SessionError::Partitions)?;
        if partitions.count() > 0 {
            tracing::info!(partitions = %named(partitions), "reading from Kafka");
            self.is_there();
        }
        // A beginning is kept at once: it is one only as long as nothing was read.
        self.tell(consumer, CommitMode::Sync)
    }

    /// Finds where each partition begins, and opens its page.
    fn begin(&self, consumer: &BaseConsumer<Self>, partitions: &mut TopicPartitionList) -> Result<(), SessionError> {
        if partitions.count() == 0 {
            return Ok(());
        }
        let committed =
            consumer.committed_offsets(partitions.clone(), ANSWER_TIMEOUT).map_err(SessionError::Positions)?;
        let topics: BTreeSet<String> = partitions.elements().iter().map(|one| one.topic().to_owned()).collect();
        let begun: BTreeMap<String, Option<i64>> = topics
            .into_iter()
            .map(|topic| Ok((topic.clone(), self.begun_ms(&topic)?)))
            .collect::<Result<_, SessionError>>()?;
        for mut one in partitions.elements() {
            let (topic, partition) = (one.topic().to_owned(), one.partition());
            let (low, high) =
                consumer.fetch_watermarks(&topic, partition, ANSWER_TIMEOUT).map_err(SessionError::Positions)?;
            let found = committed.find_partition(&topic, partition);
            if let Some(found) = &found {
                found.error().map_err(SessionError::Positions)?;
            }
            let committed = found.and_then(|found| position(found.offset()));
            let [low, high] = [low, high].map(|offset| u64::try_from(offset).unwrap_or(0));
            let configured = match (committed, begun.get(&topic).copied().flatten()) {
                (None, Some(moment)) => after(consumer, &topic, partition, moment)?.unwrap_or(high),
                (Some(_), _) | (None, None) => low,
            };
            let start = Known { committed, low, high, configured }.start();
            let place = Place { topic: topic.as_str().into(), partition };
            if let Some(lost) = start.lost {
                let records = lost.to - lost.from;
                tracing::error!(
                    topic,
                    partition,
                    records,
                    "retention removed records before they were read; they are lost"
                );
            }
            if start.is_of_another {
                tracing::warn!(topic, partition, "the topic was made anew; reading it from its beginning");
            }
            one.set_offset(Offset::Offset(start.offset as i64)).map_err(SessionError::Partitions)?;
            self.books.assign(place, start.offset, committed, start.lost);
        }
        Ok(())
    }

    /// The moment from which a topic is read of which nothing was read; `None` for its beginning. `next` and a length of time are
    /// relative to the first time that anybody asked, so that partitions which are added later are read in full.
    fn begun_ms(&self, topic: &str) -> Result<Option<i64>, SessionError> {
        if matches!(self.start, StreamStart::First | StreamStart::At(_)) {
            return Ok(self.start.moment_ms(0));
        }
        let (name, began_at) = (format!("kafka {} {topic}", self.group), self.start.to_string());
        loop {
            let claim = self.runtime.block_on(answered(self.store.claim_stream(&name, &began_at, NO_LEASE)));
            match claim? {
                StreamClaim::Held { began_ms, .. } => return Ok(self.start.moment_ms(began_ms)),
                // Another worker asks in this millisecond.
                StreamClaim::Taken => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) -> Result<(), SessionError> {
        let places = places(partitions);
        // Of partitions that another worker has already nothing can be committed.
        if !consumer.assignment_lost() {
            if !self.books.wait_until_drained(&places, DRAIN_TIMEOUT) {
                tracing::warn!(partitions = %named(partitions), "another worker gets these partitions and reads again what is in hand");
            }
            if let Err(error) = self.tell(consumer, CommitMode::Sync) {
                tracing::warn!(%error, "positions were not committed; the next worker reads records again");
            }
        }
        self.books.revoke(&places);
        consumer.incremental_unassign(partitions).map_err(SessionError::Partitions)
    }

    /// Tells the broker the positions that it does not know yet.
    pub(super) fn tell(&self, consumer: &BaseConsumer<Self>, mode: CommitMode) -> Result<(), SessionError> {
        let mut list = TopicPartitionList::new();
        for (place, position) in self.books.positions_to_tell() {
            list.add_partition_offset(&place.topic, place.partition, Offset::Offset(position as i64))
                .map_err(SessionError::Partitions)?;
        }
        if list.count() == 0 {
            return Ok(());
        }
        consumer.commit(&list, mode).map_err(|error| {
            self.books.tell_again();
            SessionError::Positions(error)
        })
    }
}

/// Whether an error means that nothing can be read.
fn is_told(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, Authentication, SSL, SaslAuthenticationFailed};
    matches!(code, AllBrokersDown | Authentication | SSL | SaslAuthenticationFailed)
}

/// The first record of a moment or later.
fn after(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    partition: i32,
    moment_ms: i64,
) -> Result<Option<u64>, SessionError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(moment_ms)).map_err(SessionError::Partitions)?;
    let found = consumer.offsets_for_times(list, ANSWER_TIMEOUT).map_err(SessionError::Positions)?;
    Ok(found.find_partition(topic, partition).and_then(|found| position(found.offset())))
}

fn position(offset: Offset) -> Option<u64> {
    match offset {
        Offset::Offset(offset) => u64::try_from(offset).ok(),
        Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
    }
}

fn places(partitions: &TopicPartitionList) -> Vec<Place> {
    partitions.elements().iter().map(|one| Place { topic: one.topic().into(), partition: one.partition() }).collect()
}

fn named(partitions: &TopicPartitionList) -> String {
    let names =
        partitions.elements().iter().map(|one| format!("{}/{}", one.topic(), one.partition())).collect::<Vec<_>>();
    names.join(", ")
}
