//! Refusals in words that no row of the table knows: each is shown once and counted.

use std::collections::BTreeMap;

/// Different wordings that are kept; more than a few are one that holds a number or a name.
const MOST: usize = 20;

/// What was said, and how often.
#[derive(Debug, Default)]
pub(in crate::judges) struct UnknownRefusals {
    counts: BTreeMap<String, u64>,
    /// Beyond those that are kept.
    more: u64,
}

impl UnknownRefusals {
    /// Counts `said`; whether it is new and was kept.
    pub(in crate::judges) fn note(&mut self, said: String) -> bool {
        if let Some(count) = self.counts.get_mut(&said) {
            *count += 1;
            return false;
        }
        if self.counts.len() == MOST {
            self.more += 1;
            return false;
        }
        self.counts.insert(said, 1);
        true
    }

    /// The one that came most often, and how often anything unknown came.
    pub(in crate::judges) fn most_frequent(&self) -> Option<(&str, u64)> {
        let (said, _) = self.counts.iter().max_by_key(|(_, count)| **count)?;
        Some((said, self.counts.values().sum::<u64>() + self.more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_is_new_once_and_counted_after() {
        let mut unknown = UnknownRefusals::default();
        assert!(unknown.note("no".into()));
        assert!(unknown.note("never".into()));
        assert!(!unknown.note("no".into()));
        assert_eq!(unknown.most_frequent(), Some(("no", 3)));
    }

    #[test]
    fn a_flood_of_different_words_is_bounded() {
        let mut unknown = UnknownRefusals::default();
        let kept = (0..1000).filter(|number| unknown.note(format!("request {number} failed"))).count();
        assert_eq!((kept, unknown.most_frequent().unwrap().1), (MOST, 1000));
    }
}
