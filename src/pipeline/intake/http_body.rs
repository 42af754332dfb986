//! Receiving a request body, bounded as it arrives.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::memory_limiter::{Exhausted, Reservation};

/// A body that comes slower than this is given up, so that it does not hold its memory for ever.
const RECEIVE_TIMEOUT: Duration = Duration::from_mins(1);

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
    #[error("the body did not arrive within {} seconds", RECEIVE_TIMEOUT.as_secs())]
    TooSlow,
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

/// Reads a body of at most `limit` bytes, every byte of it reserved. The rest of a body that is refused is read and
/// thrown away: a sender that is still writing would lose the answer with the connection.
pub(super) async fn receive(body: Body, limit: usize, reservation: &mut Reservation) -> Result<Bytes, BodyError> {
    let mut stream = body.into_data_stream();
    let received = tokio::time::timeout(RECEIVE_TIMEOUT, receive_all(&mut stream, limit, reservation)).await;
    let received = received.unwrap_or(Err(BodyError::TooSlow));
    if matches!(received, Err(BodyError::TooLarge { .. } | BodyError::Exhausted(_))) {
        discard_rest(stream).await;
    }
    received
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
    drop(tokio::time::timeout(DISCARD_TIMEOUT, drain).await);
}

async fn receive_all(
    stream: &mut BodyDataStream,
    limit: usize,
    reservation: &mut Reservation,
) -> Result<Bytes, BodyError> {
    let mut received = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if received.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        reservation.grow(chunk.len())?;
        received.extend_from_slice(&chunk);
    }
    Ok(received.freeze())
}
