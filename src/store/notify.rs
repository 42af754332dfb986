//! Hints that there may be work, so that a stage need not wait for its next look: within a process at once, between
//! processes over PostgreSQL's LISTEN and NOTIFY. Only hints: every stage looks by itself as well, and a hint that is
//! lost costs the wait until then.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::model::{Named as _, named_enum};

/// Assembly looks at least this often; what falls due later needs no hint.
pub const LOOK_AT_LEAST_MS: i64 = 1_000;

named_enum! {
    /// A stage that can be woken.
    pub enum Stage {
        /// A trace is due, or will be before assembly looks.
        Assemble = "assemble",
        /// Evaluations were planned.
        Evaluate = "evaluate",
        /// Deliveries are owed.
        Deliver = "deliver",
        /// Messages about alerts are owed.
        Notify = "notify",
    }
}

impl Stage {
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The hints of one process.
#[derive(Debug)]
pub struct Wakeups {
    stages: [Notify; Stage::ALL.len()],
    /// When assembly looks next by itself.
    assembly_looks_at_ms: AtomicI64,
    /// Stages of which the other processes have not been told yet, one bit each.
    untold: AtomicU8,
    pub(super) to_tell: Notify,
}

impl Default for Wakeups {
    fn default() -> Self {
        Self {
            stages: Default::default(),
            assembly_looks_at_ms: AtomicI64::new(i64::MAX),
            untold: AtomicU8::new(0),
            to_tell: Notify::new(),
        }
    }
}

impl Wakeups {
    /// Ends at the next hint. Ask before looking for work, so that none is missed between the look and the wait.
    pub fn woken(&self, stage: Stage) -> Notified<'_> {
        self.stages[stage as usize].notified()
    }

    /// Assembly says when it will look by itself: what falls due earlier wakes it.
    pub fn assembly_looks_at(&self, moment_ms: i64) {
        self.assembly_looks_at_ms.store(moment_ms, Ordering::SeqCst);
    }

    /// Work for `stage` was committed.
    pub fn ring(&self, stage: Stage) {
        self.ring_here(stage);
        self.untold.fetch_or(stage.bit(), Ordering::SeqCst);
        self.to_tell.notify_one();
    }

    /// Traces were committed of which the first falls due at `due_at_ms`.
    pub(super) fn trace_due(&self, due_at_ms: i64, now_ms: i64) {
        if due_at_ms - now_ms < LOOK_AT_LEAST_MS {
            self.untold.fetch_or(Stage::Assemble.bit(), Ordering::SeqCst);
            self.to_tell.notify_one();
        }
        if due_at_ms < self.assembly_looks_at_ms.load(Ordering::SeqCst) {
            self.ring_here(Stage::Assemble);
        }
    }

    fn ring_here(&self, stage: Stage) {
        self.stages[stage as usize].notify_waiters();
    }

    pub(super) fn ring_all_here(&self) {
        for stage in Stage::ALL {
            self.ring_here(*stage);
        }
    }

    pub(super) fn take_untold(&self) -> Vec<Stage> {
        let untold = self.untold.swap(0, Ordering::SeqCst);
        Stage::ALL.iter().copied().filter(|stage| untold & stage.bit() != 0).collect()
    }

    /// A message of another process, or of this one.
    pub(super) fn hear(&self, message: &str, own_name: &str) {
        let (stage, teller) = message.split_once(' ').unwrap_or((message, ""));
        if teller == own_name {
            return;
        }
        // A stage of a later release is none of ours.
        if let Some(stage) = Stage::parse(stage) {
            self.ring_here(stage);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn a_trace_wakes_assembly_only_when_it_is_due_before_the_next_look() {
        let wakeups = Wakeups::default();
        wakeups.assembly_looks_at(5_000);
        let mut woken = pin!(wakeups.woken(Stage::Assemble));
        assert_eq!(poll!(&mut woken), Poll::Pending);
        wakeups.trace_due(12_000, 2_000);
        assert_eq!(poll!(&mut woken), Poll::Pending);
        assert!(wakeups.take_untold().is_empty(), "the others look in time as well");
        wakeups.trace_due(2_050, 2_000);
        assert_eq!(poll!(&mut woken), Poll::Ready(()));
        assert_eq!(wakeups.take_untold(), [Stage::Assemble]);
        assert!(wakeups.take_untold().is_empty());
    }

    #[tokio::test]
    async fn the_own_voice_and_unknown_words_wake_nobody() {
        let wakeups = Wakeups::default();
        let mut woken = pin!(wakeups.woken(Stage::Deliver));
        assert_eq!(poll!(&mut woken), Poll::Pending);
        wakeups.hear("deliver me", "me");
        wakeups.hear("calibrate other", "me");
        wakeups.hear("evaluate other", "me");
        assert_eq!(poll!(&mut woken), Poll::Pending);
        wakeups.hear("deliver other", "me");
        assert_eq!(poll!(&mut woken), Poll::Ready(()));
    }
}
