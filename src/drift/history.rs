//! A history of labels and verdicts in the order in which they were seen.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::groups::Groups;
use super::scale::DriftScale;
use super::weights::Rarity;
use crate::agreement::Place;
use crate::model::Moment;

/// An entry, and what those before it make of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// Index of the entry.
    pub(super) index: usize,
    /// The item by number.
    pub(super) item: usize,
    /// Whether the item has appeared before.
    pub(super) again: bool,
    /// Whether a person takes back what they said of an item that is no anchor.
    pub(super) corrects: bool,
    /// Whether nothing of its conversation or with its content was seen before.
    pub(super) leads: bool,
    pub(super) human: Option<Place>,
    pub(super) judge: Option<Place>,
    /// The judge's verdict that the label is held against.
    pub(super) judge_known: Option<Place>,
    pub(super) is_anchor: bool,
    pub(super) probability: f64,
    /// The rarest probability that counts in full by what was drawn before.
    pub(super) rarest: f64,
    pub(super) observed: Option<Moment>,
    pub(super) seen: Option<Moment>,
}

impl Event {
    /// A first appearance of what is no anchor: exchangeable while nothing changes.
    pub(super) fn is_fresh(&self) -> bool {
        !self.is_anchor && !self.again
    }

    /// Whether agreement is told by it.
    pub(super) fn is_vote(&self) -> bool {
        self.is_fresh() || self.corrects
    }
}

/// A history on its scale.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub(super) entries: Vec<Entry>,
    pub(super) events: Vec<Event>,
    pub(super) scale: DriftScale,
}

/// What is known of an item.
struct Known {
    number: usize,
    judge: Option<Place>,
    /// What each person said of it last.
    people: BTreeMap<Option<String>, Place>,
}

impl History {
    pub fn of(entries: Vec<Entry>, scale: DriftScale) -> Self {
        let mut items: BTreeMap<&str, Known> = BTreeMap::new();
        let (mut groups, mut rarity) = (Groups::default(), Rarity::default());
        let mut events = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let number = items.len();
            let again = items.contains_key(entry.item.as_str());
            let known =
                items.entry(&entry.item).or_insert_with(|| Known { number, judge: None, people: BTreeMap::new() });
            known.judge = entry.judge.or(known.judge);
            let said = entry.human.and_then(|human| known.people.insert(entry.annotator.clone(), human));
            let is_fresh = !entry.is_anchor && !again;
            let probability = entry.probability.get();
            events.push(Event {
                index,
                item: known.number,
                again,
                corrects: !entry.is_anchor && said.is_some_and(|said| Some(said) != entry.human),
                leads: is_fresh && !groups.place(keys(entry)).1,
                human: entry.human,
                judge: entry.judge,
                judge_known: known.judge,
                is_anchor: entry.is_anchor,
                probability,
                rarest: if is_fresh { rarity.next(probability) } else { 1.0 },
                observed: entry.observed,
                seen: entry.seen,
            });
        }
        // A correction has the weight of what it corrects.
        let mut first: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for event in &mut events {
            let drawn = *first.entry(event.item).or_insert((event.probability, event.rarest));
            if event.corrects {
                (event.probability, event.rarest) = drawn;
            }
        }
        Self { entries, events, scale }
    }

    pub(super) fn entry(&self, event: &Event) -> Option<&Entry> {
        self.entries.get(event.index)
    }

    /// What tells the group that an event belongs to.
    pub(super) fn keys(&self, event: &Event) -> impl Iterator<Item = (&'static str, &str)> {
        self.entry(event).into_iter().flat_map(keys)
    }

    /// Whether others of its conversation may follow.
    pub(super) fn has_session(&self, event: &Event) -> bool {
        self.entry(event).is_some_and(|entry| entry.session.is_some())
    }

    /// First appearances of which each is a group of its own: items of one conversation move the shares together.
    pub(super) fn leading(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.leads)
    }
}

fn keys(entry: &Entry) -> impl Iterator<Item = (&'static str, &str)> {
    let session = entry.session.as_deref().map(|session| ("session ", session));
    let content = entry.content.as_deref().map(|content| ("content ", content));
    [Some(("item ", entry.item.as_str())), session, content].into_iter().flatten()
}
