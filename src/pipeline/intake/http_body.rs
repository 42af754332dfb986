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
const LEAST_PACE: f64 = 64.0 * 1024.0;
const LEAST_PACE_OF_LARGE: f64 = 512.0 * 1024.0;
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
    #[error("the body came too slowly; others waited for the memory that it held")]
    TooSlow,
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
        let begun = Instant::now();
        loop {
            let pace = if reservation.is_large() { LEAST_PACE_OF_LARGE } else { LEAST_PACE };
            let until = begun + WITHOUT_PACE + Duration::from_secs_f64(received.len() as f64 / pace);
            let Some(chunk) = timeout_at(until, stream.next()).await.map_err(|_| BodyError::TooSlow)? else { break };
            let chunk = chunk.map_err(|_| BodyError::Broken)?;
            if received.len() + chunk.len() > limit {
                return Err(BodyError::TooLarge { limit });
            }
            self.admission.extend(&mut reservation, self.sender, chunk.len()).await?;
            received.extend_from_slice(&chunk);
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
