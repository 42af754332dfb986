//! Which spans tell one call.

use std::collections::HashMap;

/// Disjoint groups of steps (union-find with path halving).
pub(super) struct Groups(Vec<usize>);

impl Groups {
    pub(super) fn new(size: usize) -> Self {
        Self((0..size).collect())
    }

    pub(super) fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    pub(super) fn join(&mut self, one: usize, two: usize) {
        let (one, two) = (self.root(one), self.root(two));
        let (low, high) = (one.min(two), one.max(two));
        self.0[high] = low;
    }

    /// The groups with more than one member, in order.
    pub(super) fn of(&mut self, members: &[usize]) -> Vec<Vec<usize>> {
        let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
        for &at in members {
            groups.entry(self.root(at)).or_default().push(at);
        }
        let mut groups: Vec<_> = groups.into_values().filter(|group| group.len() > 1).collect();
        groups.sort_unstable();
        groups
    }
}
