//! Answers of one conversation are not independent: their scores are summed up first, and the variance is that between
//! conversations.
//!
//! A conversation that was idle for 30 days begins anew. It counts in the hour of its first score. Both follow from the hours
//! of its scores alone, not from the order in which they became known: a score that comes late may move a conversation to
//! an earlier hour or join two of them, and one that is superseded may do the reverse.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fixed::Fixed;
use super::folded::FoldedScore;

/// After so many hours without a score a conversation begins anew.
pub const IDLE_HOURS: i64 = 30 * 24;

/// Sums over the scores of a conversation: all of it, or of one hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConversationSums {
    /// Scores that have a weight.
    pub n: i64,
    /// Their weights.
    pub w: i128,
    /// Weight times value.
    pub a: i128,
    /// Weights of those that pass.
    pub p: i128,
    /// Weights by level.
    #[serde(rename = "l")]
    pub levels: BTreeMap<String, i128>,
}

impl ConversationSums {
    pub(super) fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Adds a score that has a weight; takes it out where `sign` is -1.
    pub(super) fn add(&mut self, score: &FoldedScore, sign: i64) {
        let Some(weight) = score.weight else { return };
        let own = Self {
            n: 1,
            w: weight.units(),
            a: weight.times(score.value.unwrap_or(Fixed::of(0.0))),
            p: if score.passes == Some(true) { weight.units() } else { 0 },
            levels: [(score.level.clone(), weight.units())].into(),
        };
        self.add_all(&own, sign);
    }

    pub(super) fn add_all(&mut self, other: &Self, sign: i64) {
        let of = i128::from(sign);
        self.n += sign * other.n;
        self.w += of * other.w;
        self.a += of * other.a;
        self.p += of * other.p;
        for (level, weight) in &other.levels {
            let own = self.levels.entry(level.clone()).or_default();
            *own += of * weight;
            if *own == 0 {
                self.levels.remove(level);
            }
        }
    }
}

/// The conversations that the scores of these hours make up, each with the hour of its first.
pub(super) fn clusters(hours: &BTreeMap<i64, ConversationSums>) -> Vec<(i64, ConversationSums)> {
    let mut found: Vec<(i64, ConversationSums)> = Vec::new();
    let mut latest = i64::MIN;
    for (hour, sums) in hours.iter().filter(|(_, sums)| !sums.is_empty()) {
        match found.last_mut() {
            Some((_, open)) if hour - latest <= IDLE_HOURS => open.add_all(sums, 1),
            _ => found.push((*hour, sums.clone())),
        }
        latest = *hour;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(of: &[i64]) -> BTreeMap<i64, ConversationSums> {
        of.iter().map(|hour| (*hour, ConversationSums { n: 1, w: 1, ..ConversationSums::default() })).collect()
    }

    #[test]
    fn a_conversation_ends_when_it_was_idle_for_30_days() {
        let found = clusters(&hours(&[10, 11, 11 + IDLE_HOURS, 12 + 2 * IDLE_HOURS]));
        let found: Vec<(i64, i64)> = found.iter().map(|(hour, sums)| (*hour, sums.n)).collect();
        assert_eq!(found, [(10, 3), (12 + 2 * IDLE_HOURS, 1)]);
    }

    #[test]
    fn a_late_score_may_join_two_conversations() {
        assert_eq!(clusters(&hours(&[0, 1_000])).len(), 2);
        assert_eq!(clusters(&hours(&[0, 500, 1_000])).len(), 1);
    }
}
