//! People among each other: one who labels otherwise than before, or than the others.
//!
//! Only labels after an alarm speak: those that raised it are the unlucky ones of somebody. One person is the cause when
//! what they agree with fell, what the others agree with did not, and the difference of the two is beyond chance; one
//! who came later is held against those who were there. Whom other kinds of answers were given to cannot be compared.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Change, EXCLUDED, Rate};
use crate::drift::entry::Entry;
use crate::drift::votes::Vote;
use crate::drift::weights::Observation;
use crate::statistics::distribution::normal_quantile;

/// Labels that a person is judged by.
const LEAST: usize = 25;
/// Labels in the baseline with which a person has a past, and below which they are new.
const PAST: usize = 30;
const NEW: usize = 10;
/// How much of the answers of a person are of segments that the others label as well, for them to be compared.
const COMPARABLE: f64 = 0.7;
/// P of one person named by chance in one look, over all of them.
const LEVEL: f64 = 0.001;

/// A person who labels otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) is_new: bool,
    /// How much more their agreement fell than that of the others.
    pub(super) change: Change,
    /// How much that of the others fell.
    pub(super) others: Change,
}

/// Whose labels are compared: those of the baseline and those after an alarm.
#[derive(Clone, Copy)]
pub(super) struct Labelled<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) before: &'a [Vote],
    pub(super) after: &'a [Vote],
}

impl<'a> Labelled<'a> {
    fn annotator(&self, index: usize) -> Option<&'a str> {
        self.entries.get(index)?.annotator.as_deref()
    }

    pub(super) fn by(&self, votes: &[Vote], counts: impl Fn(Option<&str>) -> bool) -> Vec<Observation> {
        let of = |vote: &Vote| vote.part(|index| counts(self.annotator(index)), vote.rarest);
        votes.iter().filter_map(of).collect()
    }

    fn names(&self) -> BTreeSet<&'a str> {
        self.after.iter().flat_map(|vote| &vote.members).filter_map(|label| self.annotator(label.index)).collect()
    }

    /// Those whose labels differ beyond chance, the largest change first.
    pub(super) fn persons(&self) -> Vec<Person> {
        let names = self.names();
        let errors = -normal_quantile(LEVEL / names.len().max(1) as f64);
        let mut found: Vec<Person> = names.iter().filter_map(|name| self.person(name, errors)).collect();
        found.sort_by(|a, b| a.change.value.total_cmp(&b.change.value));
        found
    }

    fn person(&self, name: &str, errors: f64) -> Option<Person> {
        let own = |votes| self.by(votes, |by| by == Some(name));
        let others = |votes| self.by(votes, |by| by != Some(name));
        let (before, after) = (own(self.before), own(self.after));
        let (others_before, others_after) = (others(self.before), others(self.after));
        if after.len() < LEAST || others_after.len() < LEAST || !self.is_comparable(name) {
            return None;
        }
        let fell = Change::between(&others_before, &others_after)?;
        let is_new = before.len() < NEW;
        let change = if is_new {
            Rate::of(&after)?.minus(Rate::of(&others_after)?)
        } else {
            let own = Change::between(&before, &after).filter(|own| before.len() >= PAST && own.is_shown(errors))?;
            own.minus(fell)
        };
        let is_alone = !fell.is_shown(EXCLUDED) && fell.explains_less_than(change);
        (change.is_shown(errors) && is_alone).then(|| Person { name: name.to_owned(), is_new, change, others: fell })
    }

    /// Whether the answers that a person labelled are of the same segments as those of the others.
    fn is_comparable(&self, name: &str) -> bool {
        let labelled = self.after.iter().filter_map(|vote| self.entries.get(vote.index()));
        let attributes: BTreeSet<&str> = labelled.flat_map(|entry| entry.segments.keys().map(String::as_str)).collect();
        attributes.into_iter().all(|attribute| {
            let (mut own, mut others) = (BTreeMap::new(), BTreeMap::new());
            for label in self.after.iter().flat_map(|vote| &vote.members) {
                let part = self.entries.get(label.index).and_then(|entry| entry.part(attribute));
                let shares = if self.annotator(label.index) == Some(name) { &mut own } else { &mut others };
                *shares.entry(part).or_insert(0.0) += 1.0;
            }
            let of = |shares: &BTreeMap<Option<String>, f64>| shares.values().sum::<f64>().max(1.0);
            let (n, m) = (of(&own), of(&others));
            let common = |(part, number): (&Option<String>, &f64)| {
                (number / n).min(others.get(part).copied().unwrap_or(0.0) / m)
            };
            own.iter().map(common).sum::<f64>() >= COMPARABLE
        })
    }
}
