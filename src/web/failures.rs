//! Wrong tokens: counted, told and slowed, all attempts on the process together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use tokio::sync::Mutex;

use super::problem::PageError;
use crate::net::server::Peer;
use crate::telemetry::metric_list;

/// A wrong token is answered this late, and one after the other: guessing is slow however many guess.
const PATIENCE: Duration = Duration::from_millis(500);
/// Attempts that may wait for their answer; further ones are sent away at once.
const WAITING: usize = 16;
/// Attempts that keep coming are told so often.
const TELL_EVERY: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Failures {
    counter: Counter<u64>,
    waiting: AtomicUsize,
    told: Mutex<Option<Instant>>,
}

impl Default for Failures {
    fn default() -> Self {
        let counter = metric_list::FAILED_LOG_INS.instrument();
        Self { counter, waiting: AtomicUsize::new(0), told: Mutex::new(None) }
    }
}

impl Failures {
    /// Returns when the attempt may be answered.
    pub(super) async fn failed(&self, way: &'static str, peer: Option<Peer>) -> Result<(), PageError> {
        self.counter.add(1, &[KeyValue::new("way", way)]);
        let Some(_waiting) = Waiting::of(&self.waiting) else { return Err(PageError::TooManyAttempts) };
        let mut told = self.told.lock().await;
        if told.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            let from = peer.map(|Peer(from)| from.to_string()).unwrap_or_default();
            tracing::warn!(way, from, "a wrong token; further ones are counted in judged.web.failed_logins");
        }
        tokio::time::sleep(PATIENCE).await;
        Ok(())
    }
}

/// One of those that wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn of(waiting: &'a AtomicUsize) -> Option<Self> {
        let this = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < WAITING).then_some(this)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_many_attempts_at_once_most_are_sent_away() {
        let failures = Failures::default();
        let attempts = (0..WAITING + 5).map(|_| failures.failed("form", None));
        let one_waits = tokio::time::timeout(Duration::from_millis(1), futures_util::future::join_all(attempts));
        assert!(one_waits.await.is_err(), "an answer to all comes later");
        let held: Vec<_> = (0..WAITING).filter_map(|_| Waiting::of(&failures.waiting)).collect();
        assert_eq!(held.len(), WAITING, "whoever went away waits no more");
        assert!(matches!(failures.failed("form", None).await, Err(PageError::TooManyAttempts)));
        drop(held);
        assert!(failures.failed("bearer", None).await.is_ok());
    }
}
