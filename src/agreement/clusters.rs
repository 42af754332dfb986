//! Which items depend on each other: those of one conversation, and copies of one content.

use std::collections::HashMap;

use crate::statistics::Groups;

/// Items with the same number are not independent. An item that depends on no other has a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(usize);

/// What items can share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Tie {
    Conversation(String),
    Content(Vec<u8>),
}

/// Items in the order in which they are read, and what ties them together. Clusters are connected components: where a copy
/// of one conversation's answer stands in another, the two are one cluster.
#[derive(Debug, Clone, Default)]
pub struct Clusters {
    groups: Groups,
    first: HashMap<Tie, usize>,
}

impl Clusters {
    /// Takes the next item: its conversation, and a digest of what was judged.
    pub fn push(&mut self, conversation: Option<&str>, content: Option<&[u8]>) {
        let item = self.groups.push();
        let ties = conversation.map(|id| Tie::Conversation(id.to_owned()));
        for tie in ties.into_iter().chain(content.map(|digest| Tie::Content(digest.to_vec()))) {
            let first = *self.first.entry(tie).or_insert(item);
            self.groups.join(first, item);
        }
    }

    /// The cluster of an item, as known by now.
    pub fn of(&mut self, item: usize) -> ClusterId {
        ClusterId(self.groups.root(item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_in_another_conversation_joins_the_two() {
        let mut clusters = Clusters::default();
        clusters.push(Some("a"), Some(b"one"));
        clusters.push(Some("a"), Some(b"two"));
        clusters.push(Some("b"), Some(b"three"));
        clusters.push(None, Some(b"four"));
        clusters.push(None, None);
        let ids = |clusters: &mut Clusters| (0..5).map(|item| clusters.of(item)).collect::<Vec<_>>();
        let apart = ids(&mut clusters);
        assert_eq!(apart[0], apart[1]);
        assert_eq!(apart[1..].iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        clusters.push(Some("b"), Some(b"two"));
        let joined = ids(&mut clusters);
        assert_eq!((joined[0], joined[1]), (joined[2], joined[2]));
        assert_ne!(joined[2], joined[3]);
    }

    #[test]
    fn a_conversation_and_a_content_of_one_name_are_two_things() {
        let mut clusters = Clusters::default();
        clusters.push(Some("x"), None);
        clusters.push(None, Some(b"x"));
        assert_ne!(clusters.of(0), clusters.of(1));
    }
}
