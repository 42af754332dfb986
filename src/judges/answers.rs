//! Whether an endpoint answers others while it fails one request: then the request may be at fault, else the endpoint is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

#[derive(Debug, Default)]
struct Last {
    answer: Option<Instant>,
    refusal: Option<Instant>,
}

/// When an endpoint last answered, and when it last refused for no known reason.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Last>);

impl Answers {
    /// It answered with a completion.
    pub(super) fn answered(&self, now: Instant) {
        self.locked().answer = Some(now);
    }

    /// Whether it ever answered.
    pub(super) fn any(&self) -> bool {
        self.locked().answer.is_some()
    }

    /// Whether it answered after `moment`.
    pub(super) fn since(&self, moment: Instant) -> bool {
        self.locked().answer.is_some_and(|answer| answer >= moment)
    }

    /// Notes a refusal for no known reason; whether it answered since the one before.
    pub(super) fn since_last_refusal(&self, now: Instant) -> bool {
        let mut last = self.locked();
        let before = last.refusal.replace(now);
        last.answer > before
    }

    fn locked(&self) -> MutexGuard<'_, Last> {
        // Two moments: a panic elsewhere cannot leave them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_request_is_at_fault_only_where_others_were_answered() {
        let (answers, start) = (Answers::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!answers.since(start) && !answers.any());
        answers.answered(after(1));
        assert!(answers.since(start) && !answers.since(after(2)));
        assert!(answers.since_last_refusal(after(3)), "it has answered before");
        assert!(!answers.since_last_refusal(after(4)), "it refuses everybody");
        answers.answered(after(5));
        assert!(answers.since_last_refusal(after(6)));
    }
}
