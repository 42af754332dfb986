//! Which items depend on each other: those of one conversation, and copies of one content.

use std::collections::HashMap;

/// Which items belong together, as far as is known by now.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    known: HashMap<String, usize>,
    parent: Vec<usize>,
    /// Of each root, whether it has voted.
    pub(super) voted: Vec<bool>,
}

impl Groups {
    /// The group of an item, and whether anything of it was seen before.
    pub(super) fn place<'a>(&mut self, keys: impl Iterator<Item = (&'static str, &'a str)>) -> (usize, bool) {
        let own = self.parent.len();
        self.parent.push(own);
        self.voted.push(false);
        let mut root = own;
        for (kind, key) in keys {
            let other = *self.known.entry(format!("{kind}{key}")).or_insert(own);
            root = self.join(root, other);
        }
        (root, root != own)
    }

    pub(super) fn root(&self, mut group: usize) -> usize {
        while self.parent[group] != group {
            group = self.parent[group];
        }
        group
    }

    /// The older one of two groups takes the other in.
    fn join(&mut self, one: usize, other: usize) -> usize {
        let (one, other) = (self.root(one), self.root(other));
        let (old, new) = (one.min(other), one.max(other));
        self.parent[new] = old;
        self.voted[old] |= self.voted[new];
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_share_a_session_or_a_content_are_one() {
        let mut groups = Groups::default();
        let mut place = |session: Option<&'static str>, content: &'static str| {
            groups.place(
                [("session ", session), ("content ", Some(content))]
                    .into_iter()
                    .filter_map(|(kind, key)| Some((kind, key?))),
            )
        };
        assert_eq!(place(Some("a"), "x"), (0, false));
        assert_eq!(place(Some("b"), "y"), (1, false));
        assert_eq!(place(None, "x"), (0, true));
        assert_eq!(place(Some("b"), "x"), (0, true));
        assert_eq!(place(Some("c"), "y"), (0, true));
    }
}
