//! Requests and tokens per minute: a token bucket with reservations.
//!
//! A caller takes what it needs at once, if need be on credit, and is told how long to wait. So waiting is first come
//! first served, and what was estimated is corrected when the real amount is known. Time is a parameter.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// The share of a minute's allowance that may be used in one burst.
const BURST_SHARE: f64 = 1.0 / 30.0;

#[derive(Debug)]
struct Level {
    /// What is left; negative while callers wait on credit.
    amount: f64,
    at: Instant,
}

/// A bucket that fills evenly over the minute.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    capacity: f64,
    level: Mutex<Level>,
}

impl Bucket {
    /// A full bucket that allows `per_minute` (at least one) on average.
    pub(super) fn new(per_minute: u32, now: Instant) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        let capacity = (per_minute * BURST_SHARE).max(1.0);
        Self { per_second: per_minute / 60.0, capacity, level: Mutex::new(Level { amount: capacity, at: now }) }
    }

    /// Takes `amount` if it can be had within `patience` and says how long to wait before using it; `None` takes nothing.
    pub(super) fn reserve(&self, amount: f64, now: Instant, patience: Duration) -> Option<Duration> {
        self.update(now, |level| {
            // An amount larger than the bucket is had when the bucket is full; the debt slows what follows.
            let short = amount.min(self.capacity) - level.amount;
            let wait = Duration::try_from_secs_f64((short / self.per_second).max(0.0)).unwrap_or(Duration::MAX);
            (wait <= patience).then(|| {
                level.amount -= amount;
                wait
            })
        })
    }

    /// Gives back what was reserved too much; a negative amount takes what was reserved too little.
    pub(super) fn refund(&self, amount: f64, now: Instant) {
        self.update(now, |level| level.amount = (level.amount + amount).min(self.capacity));
    }

    fn update<T>(&self, now: Instant, change: impl FnOnce(&mut Level) -> T) -> T {
        let mut level = self.level.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(level.at).as_secs_f64();
        level.amount = (level.amount + elapsed * self.per_second).min(self.capacity);
        level.at = level.at.max(now);
        change(&mut level)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENT: Duration = Duration::from_hours(1);

    #[test]
    fn a_burst_is_free_and_then_requests_come_evenly() {
        let start = Instant::now();
        let bucket = Bucket::new(60, start);
        let waits: Vec<f64> =
            (0..5).map(|_| bucket.reserve(1.0, start, PATIENT).unwrap().as_secs_f64().round()).collect();
        assert_eq!(waits, [0.0, 0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn who_would_wait_too_long_takes_nothing() {
        let start = Instant::now();
        let bucket = Bucket::new(60, start);
        assert_eq!(bucket.reserve(2.0, start, Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(bucket.reserve(1.0, start, Duration::from_millis(500)), None);
        assert_eq!(bucket.reserve(1.0, start + Duration::from_secs(1), Duration::ZERO), Some(Duration::ZERO));
    }

    #[test]
    fn what_was_estimated_too_high_is_given_back() {
        let start = Instant::now();
        let bucket = Bucket::new(60_000, start);
        bucket.reserve(2000.0, start, PATIENT).unwrap();
        bucket.refund(1500.0, start);
        assert_eq!(bucket.reserve(1500.0, start, Duration::ZERO), Some(Duration::ZERO));
    }

    #[test]
    fn a_request_larger_than_the_burst_goes_through_and_is_paid_for_afterwards() {
        let start = Instant::now();
        let bucket = Bucket::new(6000, start);
        assert_eq!(bucket.reserve(1000.0, start, Duration::ZERO), Some(Duration::ZERO));
        let wait = bucket.reserve(100.0, start, PATIENT).unwrap();
        assert_eq!(wait.as_secs(), 9, "800 in debt and 100 to come at 100 a second");
    }

    proptest! {
        /// Whatever the pattern of requests, no minute sees more than the allowance, one burst and one request.
        #[test]
        fn the_minute_is_respected(gaps in proptest::collection::vec(0u64..400, 1..300), per_minute in 30u32..600) {
            let start = Instant::now();
            let bucket = Bucket::new(per_minute, start);
            let mut now = start;
            let mut sent = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                sent.push(now + bucket.reserve(1.0, now, PATIENT).unwrap());
            }
            for from in &sent {
                let within = sent.iter().filter(|at| *at >= from && **at < *from + Duration::from_mins(1)).count();
                let allowed = f64::from(per_minute) + (f64::from(per_minute) * BURST_SHARE).max(1.0) + 1.0;
                prop_assert!(within as f64 <= allowed, "{within} > {allowed}");
            }
        }
    }
}
