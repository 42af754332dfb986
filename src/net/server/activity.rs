//! Whether a connection is being used: a peer that connects and says nothing, or half of a request, is not waited for.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use crate::net::read_by::Reader;

/// How long a peer is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the head of a request, from its first byte on; of the first one, from the connection on.
    pub(super) head: Duration,
    /// For the next request.
    pub(super) idle: Duration,
}

impl Default for Patience {
    /// Exporters send every few seconds, or hold a connection that they may need.
    fn default() -> Self {
        Self { head: Duration::from_secs(10), idle: Duration::from_mins(5) }
    }
}

/// What happened on a connection so far.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    patience: Patience,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Whether anything was read.
    begun: bool,
    /// Whether it speaks HTTP/2, whose frames come between requests too.
    http2: bool,
    in_hand: usize,
    /// When the first byte of a head was read that is not complete.
    head_since: Option<Instant>,
    /// When the last request ended, or the connection began.
    idle_since: Instant,
}

impl Activity {
    pub(super) fn new(patience: Patience) -> Self {
        let state = State { begun: false, http2: false, in_hand: 0, head_since: None, idle_since: Instant::now() };
        Self { patience, state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, bytes: &[u8]) {
        let mut state = self.state();
        if !state.begun {
            state.begun = true;
            state.http2 = bytes.starts_with(b"PRI");
        }
        if state.in_hand == 0 && !state.http2 {
            state.head_since.get_or_insert_with(Instant::now);
        }
    }

    /// A request is in hand until the guard is dropped.
    pub(super) fn request(&self) -> InHand {
        let mut state = self.state();
        state.in_hand += 1;
        state.head_since = None;
        InHand(self.clone())
    }

    /// Returns when the peer was waited for long enough.
    pub(super) async fn overdue(&self) {
        loop {
            let Some(until) = self.waits_until() else {
                tokio::time::sleep(self.patience.head).await;
                continue;
            };
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until.min(Instant::now() + self.patience.head)).await;
        }
    }

    /// Until when the peer is waited for; `None` while a request of it is in hand.
    fn waits_until(&self) -> Option<Instant> {
        let state = self.state();
        if state.in_hand > 0 {
            return None;
        }
        Some(match state.head_since {
            Some(since) => since + self.patience.head,
            None if !state.begun => state.idle_since + self.patience.head,
            None => state.idle_since + self.patience.idle,
        })
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct InHand(Activity);

impl Drop for InHand {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_hand -= 1;
        state.idle_since = Instant::now();
    }
}

impl Reader for Activity {
    /// Notes what is read.
    fn poll_read(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = stream.poll_read(context, into);
        if let Some(read) = into.filled().get(before..).filter(|read| !read.is_empty()) {
            self.read(read);
        }
        polled
    }
}
