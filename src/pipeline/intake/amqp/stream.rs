//! Reading a stream: nothing is taken off it, so that judged itself keeps how far it has read.
//!
//! The position is written behind the commits, at most a second late: what a crash makes judged read again is recognised
//! by its digest. One worker at a time reads a stream; the others wait for its lease.

use std::time::Duration;

use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::error::SessionError;
use crate::config::stream::StreamStart;
use crate::pipeline::intake::intake_store::{IntakeStore, answered};
use crate::pipeline::intake::progress::Progress;
use crate::store::StreamClaim;

const LEASE: Duration = Duration::from_secs(30);
/// How often the position is written and the lease renewed.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// How often a worker that waits for its turn asks.
const PATIENCE: Duration = Duration::from_secs(5);

/// The broker's name for a message's place in its stream, and for the place at which a consumer begins.
const OFFSET: &str = "x-stream-offset";

/// A stream that this worker holds.
pub(super) struct StreamReading<'a> {
    store: &'a dyn IntakeStore,
    queue: &'a str,
    start: StreamStart,
    began_ms: i64,
    progress: Progress,
}

impl<'a> StreamReading<'a> {
    /// Waits until the stream is this worker's to read; `None` when `shutdown` comes first.
    pub(super) async fn claim(
        store: &'a dyn IntakeStore,
        queue: &'a str,
        start: StreamStart,
        shutdown: &CancellationToken,
    ) -> Result<Option<Self>, SessionError> {
        let began_at = start.to_string();
        let mut told = false;
        while !shutdown.is_cancelled() {
            match answered(store.claim_stream(queue, &began_at, LEASE.as_millis() as i64)).await? {
                StreamClaim::Held { next, began_ms } => {
                    return Ok(Some(Self { store, queue, start, began_ms, progress: Progress::at(next) }));
                }
                StreamClaim::Taken => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::info!(queue, "another worker reads this stream; waiting to take over");
                    }
                    shutdown.run_until_cancelled(sleep(PATIENCE)).await;
                }
            }
        }
        Ok(None)
    }

    /// What the consumer tells the broker. `next` and a length of time mean a moment, that at which reading was begun: what came
    /// while the connection was away is not passed over.
    pub(super) fn arguments(&self) -> FieldTable {
        let place = match (self.progress.committed(), self.start.moment_ms(self.began_ms)) {
            (Some(next), _) => AMQPValue::LongLongInt(i64::try_from(next).unwrap_or(i64::MAX)),
            (None, None) => AMQPValue::LongString(LongString::from("first")),
            (None, Some(moment_ms)) => AMQPValue::Timestamp((moment_ms / 1_000) as u64),
        };
        let mut arguments = FieldTable::default();
        arguments.insert(OFFSET.into(), place);
        arguments
    }

    pub(super) fn taken(&mut self, offset: u64) {
        self.progress.begin(offset);
    }

    pub(super) fn done(&mut self, offset: u64) {
        self.progress.end(offset);
    }

    /// Writes how far everything is committed, and keeps the lease.
    pub(super) async fn note(&self) -> Result<(), SessionError> {
        self.advance(LEASE).await
    }

    /// Writes how far everything is committed, and lets the next worker read on.
    pub(super) async fn release(&self) -> Result<(), SessionError> {
        self.advance(Duration::ZERO).await
    }

    async fn advance(&self, lease: Duration) -> Result<(), SessionError> {
        let next = self.progress.committed();
        if answered(self.store.advance_stream(self.queue, next, lease.as_millis() as i64)).await? {
            Ok(())
        } else {
            Err(SessionError::Taken(self.queue.to_owned()))
        }
    }
}

/// A message's place in its stream; `None` for a message of any other queue.
pub(super) fn offset(delivery: &Delivery) -> Option<u64> {
    let headers = delivery.properties.headers().as_ref()?;
    match headers.inner().get(&ShortString::from(OFFSET))? {
        AMQPValue::LongLongInt(offset) => u64::try_from(*offset).ok(),
        _ => None,
    }
}
