//! A judge that asked for a pause (a bad key, an open circuit) is left alone until it is over, instead of leading the whole
//! backlog past it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Until when a judge is left alone; shared by its attempts.
#[derive(Clone, Default)]
pub(super) struct Pause(Arc<AtomicI64>);

impl Pause {
    /// Leaves the judge alone until `end_ms`, milliseconds since the Unix epoch, or longer if that was asked before.
    pub(super) fn until(&self, end_ms: i64) {
        self.0.fetch_max(end_ms, Ordering::Relaxed);
    }

    /// How long the pause still is, if there is one.
    pub(super) fn left(&self, now_ms: i64) -> Option<Duration> {
        let left_ms = self.0.load(Ordering::Relaxed).saturating_sub(now_ms);
        u64::try_from(left_ms).ok().filter(|left_ms| *left_ms > 0).map(Duration::from_millis)
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
}
