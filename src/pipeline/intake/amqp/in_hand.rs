//! How much of the broker's messages is in hand: it counts messages, and memory is bytes.
//!
//! Reading from the connection pauses while too much is in hand, so that a backlog of large messages stays with the broker: all but
//! a few bytes now and then, which show that the broker is there. A queue of large messages is consumed with a smaller prefetch, so
//! that pauses stay short.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use crate::net::read_by::Reader;

/// Bytes of messages, of all queues of a connection, beyond which nothing more is read.
const LIMIT: usize = 32 * 1024 * 1024;
/// Queues that share it.
const QUEUES: usize = 2;
/// After so many messages a prefetch that could be larger is.
const WINDOW: u32 = 256;
/// What is read during a pause, and how often: a client that hears nothing for two heartbeats, of a second at least, takes the broker
/// for dead. An hour of it is less than two mebibytes.
const SIP: usize = 256;
const SIP_EVERY: Duration = Duration::from_millis(500);

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

/// Reads while there is room for what comes.
#[derive(Debug)]
pub(super) struct Pause {
    in_hand: Arc<InHand>,
    /// Of the timer: the client polls from a thread of its own.
    runtime: Handle,
    /// Until the next sip of a pause.
    until_sip: Option<Pin<Box<Sleep>>>,
}

impl Pause {
    /// Within a runtime.
    pub(super) fn new(in_hand: Arc<InHand>) -> Self {
        Self { in_hand, runtime: Handle::current(), until_sip: None }
    }

    fn poll_sip(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let runtime = &self.runtime;
        let timer = self.until_sip.get_or_insert_with(|| {
            let _entered = runtime.enter();
            Box::pin(sleep(SIP_EVERY))
        });
        ready!(timer.as_mut().poll(context));
        let mut bytes = [0; SIP];
        let mut sip = ReadBuf::new(&mut bytes[..SIP.min(into.remaining())]);
        // The next timer begins with the next reading; one that has run out may not be asked again.
        self.until_sip = None;
        let read = stream.poll_read(context, &mut sip);
        into.put_slice(sip.filled());
        read
    }
}

impl Reader for Pause {
    fn poll_read(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.in_hand.is_full() {
            self.in_hand.reader.register(context.waker());
            // What was in hand may be gone since.
            if self.in_hand.is_full() {
                return self.poll_sip(stream, context, into);
            }
        }
        self.until_sip = None;
        stream.poll_read(context, into)
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

    /// A message came; true when consuming should begin anew with fewer or more at a time.
    pub(super) fn is_worth_changing(&mut self, bytes: usize) -> bool {
        self.largest = self.largest.max(bytes);
        self.seen += 1;
        if self.wanted().saturating_mul(2) <= self.current {
            return true;
        }
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
    use crate::net::read_by::ReadBy;

    const MIB: usize = 1024 * 1024;

    #[tokio::test]
    async fn nothing_is_read_while_too_much_is_in_hand() {
        let in_hand = Arc::new(InHand::default());
        let (held, other) = (in_hand.message(LIMIT - 1), in_hand.message(1));
        let mut stream = ReadBy::new(Pause::new(Arc::clone(&in_hand)), &b"frame"[..]);
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

    #[tokio::test]
    async fn a_long_pause_still_hears_the_broker() {
        let in_hand = Arc::new(InHand::default());
        let _held = in_hand.message(LIMIT);
        let mut stream = ReadBy::new(Pause::new(in_hand), &[7; 3 * SIP][..]);
        for _ in 0..2 {
            assert_eq!(stream.read(&mut [0; 3 * SIP]).await.unwrap(), SIP, "a little at a time");
        }
    }

    #[test]
    fn a_queue_of_large_messages_is_consumed_few_at_a_time_until_they_are_small_again() {
        let mut prefetch = Prefetch::new(64);
        assert_eq!(prefetch.begin(), 64);
        assert!(!prefetch.is_worth_changing(1_000));
        assert!(prefetch.is_worth_changing(14 * MIB), "at once");
        assert_eq!(prefetch.begin(), 1);
        for _ in 1..WINDOW {
            assert!(!prefetch.is_worth_changing(1_000));
        }
        assert!(prefetch.is_worth_changing(1_000));
        assert_eq!(prefetch.begin(), 64);
    }
}
