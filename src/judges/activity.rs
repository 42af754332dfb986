//! How fast a judge answers at present.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const KEPT: usize = 512;
const MINUTE: Duration = Duration::from_mins(1);

/// The last calls that were answered.
#[derive(Debug, Default)]
pub(super) struct Activity(Mutex<VecDeque<(Instant, Duration)>>);

/// Of the last calls that were answered.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Pace {
    /// In the last minute.
    pub(super) per_minute: f64,
    pub(super) median: Option<Duration>,
    pub(super) p95: Option<Duration>,
}

impl Activity {
    /// A call was answered after `latency`.
    pub(super) fn answered(&self, now: Instant, latency: Duration) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == KEPT {
            calls.pop_front();
        }
        calls.push_back((now, latency));
    }

    pub(super) fn pace(&self, now: Instant) -> Pace {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = calls.iter().filter(|(at, _)| now.saturating_duration_since(*at) <= MINUTE).count();
        // Where more came within the minute than are kept, the rate is that of those which are.
        let span = match calls.front() {
            Some((first, _)) if recent == KEPT => now.saturating_duration_since(*first).max(Duration::from_millis(1)),
            _ => MINUTE,
        };
        let mut latencies: Vec<Duration> = calls.iter().map(|(_, latency)| *latency).collect();
        drop(calls);
        latencies.sort_unstable();
        let at = |share: f64| {
            latencies.get(((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1)))
        };
        Pace { per_minute: recent as f64 * 60.0 / span.as_secs_f64(), median: at(0.5).copied(), p95: at(0.95).copied() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_latency_are_those_of_the_last_calls() {
        let (activity, start) = (Activity::default(), Instant::now());
        assert_eq!(activity.pace(start), Pace::default());
        for second in 0..120 {
            activity.answered(start + Duration::from_secs(second), Duration::from_millis(second));
        }
        let pace = activity.pace(start + Duration::from_mins(2));
        assert_eq!(pace.per_minute, 60.0);
        assert_eq!((pace.median, pace.p95), (Some(Duration::from_millis(60)), Some(Duration::from_millis(114))));
        for call in 0..2000 {
            activity.answered(start + Duration::from_secs(200) + Duration::from_millis(call * 10), Duration::ZERO);
        }
        let busy = activity.pace(start + Duration::from_secs(220)).per_minute;
        assert!((5900.0..6100.0).contains(&busy), "{busy}");
    }
}
