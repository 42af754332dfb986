//! A judge that asked for a pause (a bad key, an open circuit) is left alone until it is over, instead of leading the whole
//! backlog past it; and one that gives no answer for other reasons is asked more and more rarely.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// When a judge is left alone; shared by its attempts.
#[derive(Clone, Default)]
pub(super) struct Pause(Arc<Times>);

#[derive(Default)]
struct Times {
    /// Milliseconds since the Unix epoch.
    until_ms: AtomicI64,
    /// When the first evaluation after the last answer came to nothing, milliseconds since the Unix epoch; 0 where none did.
    silent_since_ms: AtomicI64,
}

/// How soon an evaluation is tried again that the judge gave no answer on.
const SHORTEST_MS: i64 = 15_000;
/// The longest that a judge which is back is not noticed.
const LONGEST_MS: i64 = 5 * 60_000;

impl Pause {
    /// Leaves the judge alone until `end_ms`, milliseconds since the Unix epoch, or longer if that was asked before.
    pub(super) fn until(&self, end_ms: i64) {
        self.0.until_ms.fetch_max(end_ms, Ordering::Relaxed);
    }

    /// How long the pause still is, if there is one.
    pub(super) fn left(&self, now_ms: i64) -> Option<Duration> {
        let left_ms = self.0.until_ms.load(Ordering::Relaxed).saturating_sub(now_ms);
        u64::try_from(left_ms).ok().filter(|left_ms| *left_ms > 0).map(Duration::from_millis)
    }

    /// The judge answered, with a verdict or with something else.
    pub(super) fn answered(&self) {
        self.0.silent_since_ms.store(0, Ordering::Relaxed);
    }

    /// There is no answer, and the evaluation is not at fault. Returns how long to let it wait: half of the time for which
    /// there has been none.
    pub(super) fn unanswered(&self, now_ms: i64) -> i64 {
        let since = self.0.silent_since_ms.compare_exchange(0, now_ms, Ordering::Relaxed, Ordering::Relaxed);
        let since_ms = since.err().unwrap_or(now_ms);
        (now_ms.saturating_sub(since_ms) / 2).clamp(SHORTEST_MS, LONGEST_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_asked_for_holds() {
        let pause = Pause::default();
        assert_eq!(pause.left(1_000), None);
        pause.until(5_000);
        pause.until(3_000);
        assert_eq!(pause.left(1_000), Some(Duration::from_secs(4)));
        assert_eq!(pause.left(5_000), None);
    }

    #[test]
    fn a_judge_that_stays_away_is_asked_more_and_more_rarely_until_it_answers() {
        let pause = Pause::default();
        let waits: Vec<i64> = [1_000, 2_000, 121_000, 241_000, 9_001_000].map(|now_ms| pause.unanswered(now_ms)).into();
        assert_eq!(waits, [SHORTEST_MS, SHORTEST_MS, 60_000, 120_000, LONGEST_MS]);
        pause.answered();
        assert_eq!(pause.unanswered(9_002_000), SHORTEST_MS);
    }
}
