//! Known items: how much of a fall the judge makes when the labels stand still, and people when the verdicts do.
//!
//! The judge's new verdicts on items that it knows are held against the labels that were there, and people's new labels
//! against the judge's first verdicts. Either moves agreement on these items by what that side did, and by nothing else. What
//! is compared with is what was said when items were seen again before: noise that makes a second verdict another than the
//! first is then on both sides.

use std::collections::BTreeMap;

use super::change::Change;
use crate::agreement::Place;
use crate::drift::history::{Event, History};
use crate::drift::replay::Side;

/// Known items that say something.
pub(super) const LEAST: usize = 20;
/// The share of known items that makes a round.
const FULL: f64 = 0.9;
/// The change that noise alone may make where no item had been seen again before.
const JUDGE_NOISE: f64 = 0.05;
const HUMAN_NOISE: f64 = 0.10;

/// What one side said of an item: the entry, who, and what.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Said<'a> {
    index: usize,
    by: Option<&'a str>,
    place: Place,
}

/// What was said of each item that was seen more than once, or is to be.
pub(in crate::drift) struct Known<'a> {
    history: &'a History,
    items: Vec<Item<'a>>,
}

#[derive(Default)]
struct Item<'a> {
    is_anchor: bool,
    judge: Vec<Said<'a>>,
    human: Vec<Said<'a>>,
}

/// A time at which every known item was seen again, and what that says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Round {
    pub(super) from: usize,
    pub(super) until: usize,
    pub(super) change: Change,
    /// The change beyond what noise may make.
    pub(super) beyond_noise: Change,
}

impl<'a> Known<'a> {
    pub(in crate::drift) fn of(history: &'a History) -> Self {
        let again = history.events.iter().filter(|event| event.again || event.is_anchor).map(|event| event.item);
        let mut items: BTreeMap<usize, Item<'a>> = again.map(|item| (item, Item::default())).collect();
        for event in &history.events {
            if let Some(item) = items.get_mut(&event.item) {
                let by = annotator(history, event);
                let said = |place| Said { index: event.index, by, place };
                item.is_anchor |= event.is_anchor;
                item.judge.extend(event.judge.map(said));
                item.human.extend(event.human.map(said));
            }
        }
        Self { history, items: items.into_values().collect() }
    }

    /// Rounds of one side that end by `now`, behind the entry `behind`.
    pub(super) fn rounds(&self, side: Side, behind: Option<usize>, now: usize) -> Vec<Round> {
        let mut pairs: Vec<Pair<'_, 'a>> =
            self.items.iter().filter_map(|item| Pair::of(item, side, behind, now)).collect();
        // Two people differ by more than one does from himself.
        let own = pairs.iter().filter(|pair| pair.is_own()).count();
        if side == Side::Human && own * 5 >= pairs.len() * 3 {
            pairs.retain(Pair::is_own);
        }
        (0..).map_while(|number| self.round(&pairs, side, number)).collect()
    }

    fn round(&self, pairs: &[Pair<'_, 'a>], side: Side, number: usize) -> Option<Round> {
        let seen: Vec<(&Pair<'_, 'a>, &Said<'a>)> =
            pairs.iter().filter_map(|pair| Some((pair, *pair.after.get(number)?))).collect();
        // People are asked for some of them, and the judge for all; a round of which not all came is over with the next one.
        let is_over = || pairs.iter().any(|pair| pair.after.len() > number + 1);
        let is_full = side == Side::Human || seen.len() as f64 >= FULL * pairs.len() as f64 || is_over();
        if seen.len() < LEAST || !is_full {
            return None;
        }
        let agreement = |pair: &Pair<'_, 'a>, said: &Said<'a>| self.history.scale.agreement(pair.other, said.place);
        let before = |pair: &Pair<'_, 'a>| {
            pair.before.iter().map(|said| agreement(pair, said)).sum::<f64>() / pair.before.len() as f64
        };
        let change = Change::of_pairs(seen.iter().map(|(pair, said)| agreement(pair, said) - before(pair)))?;
        let first = seen.iter().filter(|(pair, _)| pair.is_first).count() as f64 / seen.len() as f64;
        let noise = match side {
            Side::Judge => JUDGE_NOISE,
            Side::Human => HUMAN_NOISE,
        };
        let indices = || seen.iter().map(|(_, said)| said.index);
        Some(Round {
            from: indices().min()?,
            until: indices().max()?,
            change,
            beyond_noise: Change { value: change.value + first * noise, ..change },
        })
    }

    /// Whether items are there that a round could be made of.
    pub(super) fn can_be_seen_again(&self, before: usize) -> bool {
        let known = |item: &&Item<'_>| {
            let is_known = item.judge.first().is_some_and(|said| said.index < before) && !item.human.is_empty();
            is_known && (item.is_anchor || item.judge.len() > 1)
        };
        self.items.iter().filter(known).count() >= LEAST
    }

    /// The entries with which a known item was seen again by a side, behind an entry.
    pub(super) fn seen_again(&self, side: Side, behind: usize) -> Vec<usize> {
        let own = |item: &'_ Item<'a>| match side {
            Side::Judge => item.judge.iter().skip(1).map(|said| said.index).collect::<Vec<_>>(),
            Side::Human => item.human.iter().skip(1).map(|said| said.index).collect(),
        };
        let mut all: Vec<usize> = self.items.iter().flat_map(own).filter(|index| *index > behind).collect();
        all.sort_unstable();
        all
    }

    /// Who labelled known items again behind an entry.
    pub(super) fn relabelled_by(&self, behind: usize, now: usize) -> Vec<Option<&'a str>> {
        let all = self.items.iter().flat_map(|item| item.human.iter().skip(1));
        let mut by: Vec<Option<&str>> =
            all.filter(|said| said.index > behind && said.index <= now).map(|said| said.by).collect();
        by.sort_unstable();
        by.dedup();
        by
    }
}

/// An item that was seen before and after.
struct Pair<'k, 'a> {
    before: &'k [Said<'a>],
    after: Vec<&'k Said<'a>>,
    /// What the other side said first.
    other: Place,
    /// Whether it had not been seen again before.
    is_first: bool,
}

impl<'k, 'a> Pair<'k, 'a> {
    fn of(item: &'k Item<'a>, side: Side, behind: Option<usize>, now: usize) -> Option<Self> {
        let (own, other) = match side {
            Side::Judge => (&item.judge, &item.human),
            Side::Human => (&item.human, &item.judge),
        };
        let split = own.partition_point(|said| behind.is_some_and(|behind| said.index <= behind));
        let (before, after) = own.split_at(split);
        if !item.is_anchor && own.len() < 2 {
            return None;
        }
        let before = if before.len() > 1 { &before[1..] } else { before };
        let after = after.iter().filter(|said| said.index <= now).collect();
        let other = other.first().filter(|said| behind.is_some_and(|behind| said.index <= behind))?.place;
        (!before.is_empty()).then_some(Self { before, after, other, is_first: split == 1 })
    }

    /// Whether the same person said both.
    fn is_own(&self) -> bool {
        let by = self.before.last().map(|said| said.by);
        self.after.first().is_none_or(|said| Some(said.by) == by)
    }
}

fn annotator<'a>(history: &'a History, event: &Event) -> Option<&'a str> {
    history.entries.get(event.index).and_then(|entry| entry.annotator.as_deref())
}
