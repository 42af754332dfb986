//! Receiving a request body, bounded as it arrives.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::admission::{Admission, Overrun, Reservation, Sender};
use super::arrival::estimate;
use super::compression::Compression;

/// The least pace of a body in bytes a second, after a time in which none is asked for: whoever is slower holds memory that others
/// wait for. Large ones hold the only place of their kind.
const LEAST_PACE: u32 = 64 * KIB;
const LEAST_PACE_OF_LARGE: u32 = 512 * KIB;
const KIB: u32 = 1024;
const WITHOUT_PACE: Duration = Duration::from_secs(2);

/// What a body is taken for whose length is not said.
const UNANNOUNCED: usize = 64 * 1024;

/// How much of a refused body is read, and for how long.
const DISCARD_AT_MOST: usize = 512 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a body was not received.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is larger than {limit} bytes; send smaller batches or raise intake.otlp.max_body_bytes")]
    TooLarge { limit: usize },
    #[error("the connection broke before the body was complete")]
    Broken,
    #[error(
        "the body came at less than {} KiB a second, and others waited for the memory that it held; send smaller batches, or mend the network between", .pace / KIB
    )]
    TooSlow { pace: u32 },
    #[error(transparent)]
    Overrun(#[from] Overrun),
}

/// Where a body comes from, and what it may take.
pub(super) struct Receiving<'a> {
    pub(super) admission: &'a Admission,
    pub(super) sender: &'a Sender,
    pub(super) compression: Compression,
    /// Its length, where that is said.
    pub(super) announced: Option<usize>,
    pub(super) limit: usize,
}

/// The length that a request says its body has.
pub(super) fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// How fast a body has to come: the time in which judged makes its sender wait does not count.
struct Pace {
    least: u32,
    since: Instant,
    /// Bytes that were there by then.
    from: usize,
}

impl Pace {
    fn begin(is_large: bool, from: usize) -> Self {
        let least = if is_large { LEAST_PACE_OF_LARGE } else { LEAST_PACE };
        Self { least, since: Instant::now(), from }
    }

    fn pause(&mut self, length: Duration) {
        self.since += length;
    }

    /// Until when the next bytes have to be there, after so many.
    fn allows_until(&self, received: usize) -> Instant {
        let bytes = received.saturating_sub(self.from);
        self.since + WITHOUT_PACE + Duration::from_secs_f64(bytes as f64 / f64::from(self.least))
    }
}

impl Receiving<'_> {
    /// Waits for the sender's turn and reads the body, every byte of it reserved. The rest of a body that is refused is read and thrown
    /// away: a sender that is still writing would lose the answer with the connection.
    pub(super) async fn receive(&self, body: Body) -> Result<(Bytes, Reservation), BodyError> {
        let mut stream = body.into_data_stream();
        let received = self.receive_all(&mut stream).await;
        if matches!(received, Err(BodyError::TooLarge { .. } | BodyError::Overrun(_))) {
            discard_rest(stream).await;
        }
        received
    }

    async fn receive_all(&self, stream: &mut BodyDataStream) -> Result<(Bytes, Reservation), BodyError> {
        let limit = self.limit;
        if self.announced.is_some_and(|length| length > limit) {
            return Err(BodyError::TooLarge { limit });
        }
        let length = self.announced.unwrap_or(UNANNOUNCED.min(limit));
        let mut reservation = self.admission.enter(self.sender, estimate(self.compression, length)).await?;
        let mut received = BytesMut::with_capacity(self.announced.unwrap_or(0));
        let mut pace = Pace::begin(reservation.is_large(), 0);
        loop {
            let until = pace.allows_until(received.len());
            let chunk = timeout_at(until, stream.next()).await.map_err(|_| BodyError::TooSlow { pace: pace.least })?;
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|_| BodyError::Broken)?;
            if received.len() + chunk.len() > limit {
                return Err(BodyError::TooLarge { limit });
            }
            let (asked, was_large) = (Instant::now(), reservation.is_large());
            self.admission.extend(&mut reservation, self.sender, chunk.len()).await?;
            pace.pause(asked.elapsed());
            received.extend_from_slice(&chunk);
            if reservation.is_large() && !was_large {
                pace = Pace::begin(true, received.len());
            }
        }
        Ok((received.freeze(), reservation))
    }
}

/// Reads a body that nobody wants, for the sake of the answer.
pub(super) async fn discard(body: Body) {
    discard_rest(body.into_data_stream()).await;
}

async fn discard_rest(mut stream: BodyDataStream) {
    let drain = async {
        let mut left = DISCARD_AT_MOST;
        while let Some(Ok(chunk)) = stream.next().await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => break,
            }
        }
    };
    // Out of time or out of patience is the same: the connection is closed.
    drop(timeout(DISCARD_TIMEOUT, drain).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_its_time_and_the_wait_for_memory_is_not_counted() {
        let mut pace = Pace::begin(false, 0);
        let begun = pace.since;
        assert_eq!(pace.allows_until(10 * 64 * 1024), begun + WITHOUT_PACE + Duration::from_secs(10));
        pace.pause(Duration::from_secs(7));
        assert_eq!(pace.allows_until(0), begun + WITHOUT_PACE + Duration::from_secs(7));
    }

    #[test]
    fn a_body_that_became_large_is_measured_from_then_on() {
        let pace = Pace::begin(true, 8 * 1024 * 1024);
        assert_eq!(pace.allows_until(8 * 1024 * 1024), pace.since + WITHOUT_PACE);
        assert_eq!(pace.allows_until(9 * 1024 * 1024), pace.since + WITHOUT_PACE + Duration::from_secs(2));
    }

    #[test]
    fn a_sender_that_is_too_slow_hears_how_fast_it_has_to_be() {
        let told = BodyError::TooSlow { pace: LEAST_PACE_OF_LARGE }.to_string();
        assert!(told.contains("less than 512 KiB a second") && told.contains("smaller batches"), "{told}");
    }
}
