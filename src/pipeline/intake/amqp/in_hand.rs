//! How much of the broker's messages is in hand: it counts messages, and memory is bytes.
//!
//! Reading from the connection pauses while too much is in hand, so that a backlog of large messages stays with the broker; and
//! a queue of large messages is consumed with a smaller prefetch, so that no pause is needed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of messages, of all queues of a connection, beyond which nothing more is read.
const LIMIT: usize = 32 * 1024 * 1024;
/// Queues that share it.
const QUEUES: usize = 2;
/// After so many messages a prefetch that could be larger is.
const WINDOW: u32 = 256;

/// What is in hand of one connection.
#[derive(Debug, Default)]
pub(super) struct InHand {
    bytes: AtomicUsize,
    reader: AtomicWaker,
}

impl InHand {
    /// A message is in hand until the guard is dropped.
    pub(super) fn message(self: &Arc<Self>, bytes: usize) -> Held {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        Held { of: Arc::clone(self), bytes }
    }

    fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Acquire) >= LIMIT
    }
}

#[derive(Debug)]
pub(super) struct Held {
    of: Arc<InHand>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.of.reader.wake();
    }
}

/// A stream that is read while there is room for what comes.
#[derive(Debug)]
pub(super) struct Paused<S> {
    stream: S,
    in_hand: Arc<InHand>,
}

impl<S> Paused<S> {
    pub(super) fn new(stream: S, in_hand: Arc<InHand>) -> Self {
        Self { stream, in_hand }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paused<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.in_hand.is_full() {
            self.in_hand.reader.register(context.waker());
            // What was in hand may be gone since.
            if self.in_hand.is_full() {
                return Poll::Pending;
            }
        }
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paused<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How many messages of a queue are taken before the first of them is acknowledged, by how large they are.
#[derive(Debug)]
pub(super) struct Prefetch {
    configured: u16,
    current: u16,
    /// Of the last messages.
    largest: usize,
    seen: u32,
}

impl Prefetch {
    pub(super) fn new(configured: u16) -> Self {
        Self { configured: configured.max(1), current: configured.max(1), largest: 1, seen: 0 }
    }

    /// The number to consume with from now on.
    pub(super) fn begin(&mut self) -> u16 {
        self.current = self.wanted();
        (self.largest, self.seen) = (1, 0);
        self.current
    }

    /// A message came; true when consuming should begin anew with more at a time.
    pub(super) fn is_worth_more(&mut self, bytes: usize) -> bool {
        self.largest = self.largest.max(bytes);
        self.seen += 1;
        if self.seen < WINDOW {
            return false;
        }
        let wanted = self.wanted();
        if wanted >= self.current.saturating_mul(2) || (wanted == self.configured && wanted > self.current) {
            return true;
        }
        (self.largest, self.seen) = (1, 0);
        false
    }

    fn wanted(&self) -> u16 {
        u16::try_from(LIMIT / QUEUES / self.largest).unwrap_or(u16::MAX).clamp(1, self.configured)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    const MIB: usize = 1024 * 1024;

    #[tokio::test]
    async fn nothing_is_read_while_too_much_is_in_hand() {
        let in_hand = Arc::new(InHand::default());
        let (held, other) = (in_hand.message(LIMIT - 1), in_hand.message(1));
        let mut stream = Paused::new(&b"frame"[..], Arc::clone(&in_hand));
        let reading = tokio::spawn(async move {
            let mut read = [0; 5];
            stream.read_exact(&mut read).await.unwrap();
            read
        });
        tokio::task::yield_now().await;
        assert!(!reading.is_finished());
        drop(other);
        assert_eq!(&reading.await.unwrap(), b"frame");
        drop(held);
    }

    #[test]
    fn a_queue_of_large_messages_is_consumed_few_at_a_time_until_they_are_small_again() {
        let mut prefetch = Prefetch::new(64);
        assert_eq!(prefetch.begin(), 64);
        assert!(!prefetch.is_worth_more(14 * MIB));
        assert_eq!(prefetch.begin(), 1);
        for _ in 1..WINDOW {
            assert!(!prefetch.is_worth_more(1_000));
        }
        assert!(prefetch.is_worth_more(1_000));
        assert_eq!(prefetch.begin(), 64);
    }
}
