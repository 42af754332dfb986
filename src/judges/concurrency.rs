//! How many calls run at a time: additive increase, multiplicative decrease.
//!
//! Starts at the configured maximum, halves when the endpoint says "too many" or stops answering in time (once per
//! generation of calls, not once per call of it), and climbs back with every success. A `Retry-After` also stops all
//! calls of the judge until it has passed, because it was said to the key, not to the one call.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// The share of the maximum that one full generation of successes adds.
const STEP_SHARE: f64 = 1.0 / 32.0;

#[derive(Debug)]
struct State {
    /// The limit, fractional so that single successes count.
    limit: f64,
    /// Permits in existence: idle in the semaphore or held.
    issued: usize,
    /// Calls that started before this moment say nothing about the present limit.
    decreased_at: Option<Instant>,
    /// No call starts before this moment.
    cooldown_until: Option<Instant>,
}

/// An adaptive limit on simultaneous calls.
#[derive(Debug)]
pub(super) struct Concurrency {
    semaphore: Semaphore,
    maximum: usize,
    state: Mutex<State>,
}

/// What a call tells the limiter when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// An answer came in time.
    Success,
    /// Too many requests, overload, or no answer in time; perhaps with the time to stay away.
    Congestion {
        /// How long the endpoint wants to be left alone.
        cooldown: Option<Duration>,
    },
    /// An ending that says nothing about load.
    Neutral,
}

/// The right to make one call. Dropping it without a signal is neutral.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    limiter: &'a Concurrency,
    slot: Option<SemaphorePermit<'a>>,
    started: Instant,
}

impl Concurrency {
    /// A limiter that starts at, and never exceeds, `maximum` (at least one).
    pub(super) fn new(maximum: usize) -> Self {
        let maximum = maximum.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            semaphore: Semaphore::new(maximum),
            maximum,
            state: Mutex::new(State {
                limit: maximum as f64,
                issued: maximum,
                decreased_at: None,
                cooldown_until: None,
            }),
        }
    }

    /// The number of calls that may run now.
    pub(super) fn limit(&self) -> usize {
        self.locked().limit as usize
    }

    /// How long no call may start.
    pub(crate) fn cooling_down_for(&self) -> Option<Duration> {
        let until = self.locked().cooldown_until?;
        Some(until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero())
    }

    /// Waits, first come first served, for the right to make a call. Cancel-safe.
    pub(super) async fn acquire(&self) -> Permit<'_> {
        // The semaphore is never closed; were it, calls would go on unlimited rather than stop for ever.
        let slot = self.semaphore.acquire().await.ok();
        let mut permit = Permit { limiter: self, slot, started: Instant::now() };
        while let Some(wait) = self.cooling_down_for() {
            tokio::time::sleep(wait).await;
        }
        permit.started = Instant::now();
        permit
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        // Plain numbers: a panic elsewhere cannot leave them half changed.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn learn(&self, signal: Signal, started: Instant, now: Instant) {
        let mut state = self.locked();
        match signal {
            Signal::Neutral => return,
            Signal::Success => {
                let step = (self.maximum as f64 * STEP_SHARE).max(1.0);
                state.limit = (state.limit + step / state.limit).min(self.maximum as f64);
            }
            Signal::Congestion { cooldown } => {
                if let Some(until) = cooldown.and_then(|wait| now.checked_add(wait)) {
                    state.cooldown_until = Some(state.cooldown_until.map_or(until, |earlier| earlier.max(until)));
                }
                if state.decreased_at.is_none_or(|decreased| started >= decreased) {
                    state.limit = (state.limit / 2.0).max(1.0);
                    state.decreased_at = Some(now);
                }
            }
        }
        let target = state.limit as usize;
        if target > state.issued {
            self.semaphore.add_permits(target - state.issued);
            state.issued = target;
        } else if target < state.issued {
            // Permits that are held are taken back when they return.
            state.issued -= self.semaphore.forget_permits(state.issued - target);
        }
    }
}

impl Permit<'_> {
    /// Ends the call and lets the limiter learn from it.
    pub(super) fn end(self, signal: Signal) {
        self.limiter.learn(signal, self.started, Instant::now());
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.locked();
        if state.issued > state.limit as usize
            && let Some(slot) = self.slot.take()
        {
            slot.forget();
            state.issued -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONGESTION: Signal = Signal::Congestion { cooldown: None };

    async fn hold(limiter: &Concurrency, count: usize) -> Vec<Permit<'_>> {
        let mut permits = Vec::new();
        for _ in 0..count {
            permits.push(limiter.acquire().await);
        }
        permits
    }

    fn can_start_another(limiter: &Concurrency) -> bool {
        limiter.semaphore.available_permits() > 0
    }

    #[tokio::test]
    async fn one_generation_of_refusals_halves_the_limit_once() {
        let limiter = Concurrency::new(16);
        for permit in hold(&limiter, 16).await {
            permit.end(CONGESTION);
        }
        assert_eq!(limiter.limit(), 8);
        let held = hold(&limiter, 8).await;
        assert!(!can_start_another(&limiter));
        for permit in held {
            permit.end(CONGESTION);
        }
        assert_eq!(limiter.limit(), 4);
    }

    #[tokio::test]
    async fn the_limit_never_falls_below_one_and_climbs_back_to_the_maximum() {
        let limiter = Concurrency::new(8);
        for _ in 0..10 {
            limiter.acquire().await.end(CONGESTION);
        }
        assert_eq!(limiter.limit(), 1);
        let mut successes = 0;
        while limiter.limit() < 8 {
            limiter.acquire().await.end(Signal::Success);
            successes += 1;
        }
        assert!((20..=40).contains(&successes), "one more per generation, about 1+2+…+7: {successes}");
        assert_eq!(hold(&limiter, 8).await.len(), 8);
        for _ in 0..100 {
            limiter.acquire().await.end(Signal::Success);
        }
        assert_eq!(limiter.limit(), 8);
    }

    #[tokio::test]
    async fn an_ending_without_news_changes_nothing() {
        let limiter = Concurrency::new(2);
        limiter.acquire().await.end(Signal::Neutral);
        drop(limiter.acquire().await);
        assert_eq!(limiter.limit(), 2);
        assert_eq!(limiter.semaphore.available_permits(), 2);
    }

    #[tokio::test]
    async fn a_cooldown_stops_every_call_until_it_has_passed() {
        let limiter = Concurrency::new(4);
        let asked = Instant::now();
        let wait = Duration::from_millis(60);
        limiter.acquire().await.end(Signal::Congestion { cooldown: Some(wait) });
        drop(limiter.acquire().await);
        assert!(asked.elapsed() >= wait);
    }
}
