//! How far a log of messages was read whose messages are finished in any order.

use std::collections::BTreeSet;

/// The position is that before which all messages are finished.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Behind the last message taken.
    next: Option<u64>,
    under_way: BTreeSet<u64>,
}

impl Progress {
    /// Reading begins at this offset; `None` when that is not known yet.
    pub(super) fn at(next: Option<u64>) -> Self {
        Self { next, under_way: BTreeSet::new() }
    }

    pub(super) fn begin(&mut self, offset: u64) {
        self.under_way.insert(offset);
        self.next = self.next.max(Some(offset.saturating_add(1)));
    }

    pub(super) fn end(&mut self, offset: u64) {
        self.under_way.remove(&offset);
    }

    /// The first message that is not finished; `None` when nothing was ever read.
    pub(super) fn committed(&self) -> Option<u64> {
        self.under_way.first().copied().or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_position_never_passes_a_message_that_is_not_finished(order in proptest::collection::vec(0..20u64, 0..40)) {
            let mut progress = Progress::default();
            (0..20).for_each(|offset| progress.begin(offset));
            let mut finished = BTreeSet::new();
            for offset in order {
                progress.end(offset);
                finished.insert(offset);
                let first_left = (0..20).find(|offset| !finished.contains(offset)).unwrap_or(20);
                proptest::prop_assert_eq!(progress.committed(), Some(first_left));
            }
        }
    }

    #[test]
    fn what_was_never_read_has_no_position() {
        assert_eq!(Progress::default().committed(), None);
        assert_eq!(Progress::at(Some(7)).committed(), Some(7));
    }
}
