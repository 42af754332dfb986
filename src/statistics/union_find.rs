//! Disjoint groups (union-find with path halving).

use std::collections::HashMap;

/// Elements 0, 1, 2, … and which of them belong together.
#[derive(Debug, Clone, Default)]
pub struct Groups(Vec<usize>);

impl Groups {
    /// Each of `size` elements by itself.
    pub fn new(size: usize) -> Self {
        Self((0..size).collect())
    }

    /// One more element, by itself.
    pub fn push(&mut self) -> usize {
        let next = self.0.len();
        self.0.push(next);
        next
    }

    /// The element that stands for the group: its first.
    pub fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    /// Makes one group of two.
    pub fn join(&mut self, one: usize, two: usize) {
        let (one, two) = (self.root(one), self.root(two));
        let (low, high) = (one.min(two), one.max(two));
        self.0[high] = low;
    }

    /// The groups of `members` with more than one of them, in order.
    pub fn of(&mut self, members: &[usize]) -> Vec<Vec<usize>> {
        let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
        for &at in members {
            groups.entry(self.root(at)).or_default().push(at);
        }
        let mut groups: Vec<_> = groups.into_values().filter(|group| group.len() > 1).collect();
        groups.sort_unstable();
        groups
    }
}
