//! What shares explain: a fall is split into what the parts of the input changed in number and what changed within them.
//!
//! `Σ (w₁ - w₀)(a₀ + a₁)/2` is the change by the mix of parts with shares `w` and agreement `a`, and `Σ (w₀ + w₁)/2 (a₁ - a₀)`
//! the one within them; both sum to the whole. Parts are the values of a segment attribute, or good and bad answers.

use std::collections::BTreeMap;

use super::change::{Change, EXCLUDED, Rate};
use crate::drift::votes::Vote;
use crate::statistics::mix_decomposition::{SegmentChange, decompose};
use crate::statistics::survey::effective_size;

/// Observations of a part before that make it a known one.
const KNOWN: f64 = 5.0;
/// How many standard errors show that shares moved: there are several attributes.
const SHOWN_SHARES: f64 = 3.0;

/// A fall by the parts of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    pub(super) mix: Change,
    pub(super) within: Change,
    /// What parts make that were not there before; none where there are no such.
    pub(super) unseen: Option<Change>,
}

/// Weight and weighted agreement of each part, as numbers of equal observations.
struct Parts {
    sums: BTreeMap<String, (f64, f64)>,
    size: f64,
}

impl Parts {
    /// Of each vote its first label decides to which part it belongs.
    fn of(votes: &[Vote], part: &impl Fn(usize) -> Option<String>) -> Self {
        let placed: Vec<(String, f64, f64)> = votes
            .iter()
            .filter_map(|vote| {
                let one = vote.observation();
                Some((part(vote.members.first()?.index)?, one.weight, one.closeness))
            })
            .collect();
        let total: f64 = placed.iter().map(|(_, weight, _)| weight).sum();
        let size = effective_size(placed.iter().map(|(_, weight, _)| *weight));
        let worth = if total > 0.0 { size / total } else { 0.0 };
        let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for (name, weight, closeness) in placed {
            let sum = sums.entry(name).or_default();
            sum.0 += weight * worth;
            sum.1 += weight * worth * closeness;
        }
        Self { sums, size }
    }

    fn number(&self, name: &str) -> f64 {
        self.sums.get(name).map_or(0.0, |sum| sum.0)
    }

    fn mean(&self) -> f64 {
        self.sums.values().map(|sum| sum.1).sum::<f64>() / self.size
    }

    fn share(&self, name: &str) -> f64 {
        self.number(name) / self.size
    }

    fn rate(&self, name: &str) -> Option<Rate> {
        self.sums.get(name).filter(|sum| sum.0 > 0.0).map(|sum| Rate::new(sum.1 / sum.0, sum.0))
    }
}

impl Split {
    pub(super) fn of(before: &[Vote], after: &[Vote], part: impl Fn(usize) -> Option<String>) -> Option<Self> {
        let (before, after) = (Parts::of(before, &part), Parts::of(after, &part));
        if before.size < KNOWN || after.size < KNOWN {
            return None;
        }
        let (known, unseen): (Vec<&String>, Vec<&String>) = before
            .sums
            .keys()
            .chain(after.sums.keys().filter(|name| !before.sums.contains_key(*name)))
            .partition(|name| before.number(name) >= KNOWN);
        let (mut changes, mut error_within) = (Vec::new(), 0.0_f64);
        // What the shares are multiplied with, of which their errors follow.
        let mut values: Vec<(f64, f64, f64)> = Vec::new();
        for name in known {
            let old = before.rate(name)?;
            let (w0, w1) = (before.share(name), after.share(name));
            // A part that is gone kept its rate, as far as anyone knows.
            let new = after.rate(name).unwrap_or(old);
            let change = new.minus(old);
            let middle = new.middle(old);
            values.push((middle, w0, w1));
            changes.push(SegmentChange { share: (w0, w1), rate: (old.mean(), new.mean()) });
            error_within = error_within.hypot(f64::midpoint(w0, w1) * change.error);
        }
        let rest: f64 = 1.0 - values.iter().map(|(_, w0, _)| w0).sum::<f64>();
        let parts = decompose(&changes).ok()?;
        let within = Change { value: parts.within, error: error_within };
        let of_unseen = unseen_change(&before, &after, &unseen, rest);
        if let Some((_, middle, w0, w1)) = of_unseen {
            values.push((middle, w0, w1));
        }
        let variance = |share: fn(&(f64, f64, f64)) -> f64, size: f64| {
            let mean: f64 = values.iter().map(|one| share(one) * one.0).sum();
            values.iter().map(|one| share(one) * (one.0 - mean).powi(2)).sum::<f64>() / size
        };
        let error = (variance(|one| one.1, before.size) + variance(|one| one.2, after.size)).sqrt();
        // The place that parts take which were not there before is not the mix of the others.
        let shrunk: f64 = changes.iter().map(|one| one.share.1 - one.share.0).sum();
        let mix = parts.mix - shrunk * before.mean();
        Some(Self { mix: Change { value: mix, error }, within, unseen: of_unseen.map(|(change, ..)| change) })
    }

    /// Whether shares of known parts make the fall and nothing within them does.
    pub(super) fn is_mix(&self, fall: Change, most: f64) -> bool {
        let is_rest_small = self.within.value >= self.mix.value * most && !self.within.is_shown(EXCLUDED);
        self.unseen.is_none()
            && fall.is_shown(EXCLUDED)
            && self.mix.is_shown(SHOWN_SHARES)
            && self.mix.explains(fall)
            && is_rest_small
    }

    /// Whether parts that were not there before make the fall, and known ones agree as before.
    pub(super) fn is_unseen(&self, fall: Change) -> bool {
        self.unseen.is_some_and(|unseen| {
            let shown = fall.is_shown(EXCLUDED) && unseen.is_shown(SHOWN_SHARES);
            shown && unseen.explains(fall) && !self.within.is_shown(EXCLUDED)
        })
    }
}

/// What parts that were not there before do to the mean: they come with their own agreement in the place of the others.
fn unseen_change(before: &Parts, after: &Parts, unseen: &[&String], w0: f64) -> Option<(Change, f64, f64, f64)> {
    let number: f64 = unseen.iter().map(|name| after.number(name)).sum();
    if number < 1.0 {
        return None;
    }
    let hits: f64 = unseen.iter().filter_map(|name| after.sums.get(*name)).map(|sum| sum.1).sum();
    let (own, old) = (Rate::new(hits / number, number), Rate::new(before.mean(), before.size));
    let w1 = number / after.size;
    let change = own.minus(old);
    let value = (w1 - w0.max(0.0)) * change.value;
    let error = (w1 * change.error).hypot(change.value * (w1 * (1.0 - w1) / after.size).sqrt());
    Some((Change { value, error }, own.middle(own), w0.max(0.0), w1))
}
