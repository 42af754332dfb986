//! A request body that has to come: a peer that stops in the middle of it does not hold its connection for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body whose next part is waited for so long. Time in which nobody asks for it is not counted.
pub(super) struct Awaited<B> {
    body: B,
    patience: Duration,
    until: Option<Pin<Box<Sleep>>>,
}

impl<B> Awaited<B> {
    pub(super) fn new(body: B, patience: Duration) -> Self {
        Self { body, patience, until: None }
    }
}

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin> HttpBody for Awaited<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.until = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let patience = self.patience;
        let timer = self.until.get_or_insert_with(|| Box::pin(sleep(patience)));
        timer.as_mut().poll(context).map(|()| {
            let message = format!("no part of the body came within {} seconds", patience.as_secs());
            Some(Err(io::Error::new(io::ErrorKind::TimedOut, message).into()))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use futures_util::stream::{self, StreamExt};

    use super::*;

    #[tokio::test]
    async fn a_body_that_stops_in_the_middle_is_given_up() {
        let part = || stream::once(async { Ok::<_, io::Error>(Bytes::from_static(b"part")) });
        let read = async |body: Body| to_bytes(Body::new(Awaited::new(body, Duration::from_millis(20))), 100).await;
        assert_eq!(read(Body::from_stream(part())).await.unwrap(), "part");
        let stopped = Body::from_stream(part().chain(stream::pending()));
        let told = crate::error_chain::causes(&read(stopped).await.unwrap_err());
        assert!(told.contains("no part of the body came"), "{told}");
    }
}
