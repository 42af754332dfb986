//! One person under several spellings of one name.

use std::collections::{BTreeMap, BTreeSet};

use crate::agreement::spelling_key;

/// The names that are known, and what was taken for them.
#[derive(Debug)]
pub(super) struct Names {
    known: BTreeSet<String>,
    by_key: BTreeMap<String, String>,
    folded: BTreeMap<String, String>,
}

impl Names {
    /// The names that labels have already.
    pub fn new(known: impl IntoIterator<Item = String>) -> Self {
        // In an order of their own: databases sort by collations that differ.
        let known: BTreeSet<String> = known.into_iter().collect();
        let mut by_key = BTreeMap::new();
        for name in &known {
            by_key.entry(spelling_key(name)).or_insert_with(|| name.clone());
        }
        Self { known, by_key, folded: BTreeMap::new() }
    }

    /// The name under which a person is known, whatever its case and space: itself where it is known, else the first that
    /// is spelt alike.
    pub fn canonical(&mut self, name: String) -> String {
        if self.known.contains(&name) {
            return name;
        }
        if let Some(first) = self.by_key.get(&spelling_key(&name)) {
            self.folded.insert(name, first.clone());
            return first.clone();
        }
        self.by_key.insert(spelling_key(&name), name.clone());
        self.known.insert(name.clone());
        name
    }

    /// What was taken for which name.
    pub fn into_folded(self) -> BTreeMap<String, String> {
        self.folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_spellings_does_not_depend_on_the_order_in_which_a_database_sorts() {
        for known in [["Bob", "bob"], ["bob", "Bob"]] {
            assert_eq!(Names::new(known.map(str::to_owned)).canonical("BOB".to_owned()), "Bob", "{known:?}");
        }
    }

    #[test]
    fn spellings_of_one_name_are_one_person_and_known_names_stay() {
        let mut names = Names::new(["alice".to_owned(), "Bob".to_owned(), "bob".to_owned()]);
        for (name, canonical) in [
            ("ALICE", "alice"),
            ("alice", "alice"),
            ("Bob", "Bob"),
            ("bob", "bob"),
            ("Carol  B", "Carol  B"),
            ("carol b", "Carol  B"),
        ] {
            assert_eq!(names.canonical(name.to_owned()), canonical, "{name}");
        }
        let folded = names.into_folded();
        assert_eq!(
            folded.into_iter().collect::<Vec<_>>(),
            [("ALICE".to_owned(), "alice".to_owned()), ("carol b".to_owned(), "Carol  B".to_owned())]
        );
    }
}
