//! What a cell holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::conversations::ConversationSums;
use super::fixed::WeightClass;
use super::folded::{FoldedScore, JudgeUse};
use super::latency::Latencies;
use crate::model::{Named as _, Outcome};

/// Sums over the evaluations and conversations of a cell. A conversation counts in the hour of its first score, everything
/// else in its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sums {
    /// Evaluations by outcome and reason; the reason is empty where there is none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outcomes: BTreeMap<String, BTreeMap<String, i64>>,
    /// Scores that have a place between 0 and 1, and the sums of those places and of their squares.
    #[serde(skip_serializing_if = "is_zero")]
    pub valued: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub y: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub yy: i128,
    /// Scores that pass or fail.
    #[serde(skip_serializing_if = "is_zero")]
    pub sided: i128,
    /// Scores that have a weight, and the sums of their weights and of the squares.
    #[serde(skip_serializing_if = "is_zero")]
    pub weighted: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_w: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_ww: i128,
    /// Of these scores, the sum of weight times value, and that of the weights that pass: of the hour's own scores, while a
    /// conversation counts with all of its scores in the hour of its first.
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_a: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub rows_p: i128,
    /// Conversations. For each, W is the sum of its weights, A that of weight times value, P that of the weights that pass.
    #[serde(skip_serializing_if = "is_zero")]
    pub clusters: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub w: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub ww: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub a: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub aa: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub aw: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub p: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub pp: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub pw: i128,
    /// By place on the scale.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, LevelSums>,
    /// What judges took; kept of the whole of a release only.
    #[serde(skip_serializing_if = "is_zero")]
    pub priced: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub cost: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub input_tokens: i128,
    #[serde(skip_serializing_if = "is_zero")]
    pub output_tokens: i128,
    #[serde(skip_serializing_if = "Latencies::is_empty")]
    pub latencies: Latencies,
}

/// How often a level was given; L is the sum of a conversation's weights on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LevelSums {
    /// Scores.
    #[serde(rename = "n", skip_serializing_if = "is_zero")]
    pub scores: i128,
    /// Their weights.
    #[serde(rename = "r", skip_serializing_if = "is_zero")]
    pub rows: i128,
    #[serde(rename = "w", skip_serializing_if = "is_zero")]
    pub l: i128,
    #[serde(rename = "ww", skip_serializing_if = "is_zero")]
    pub ll: i128,
    #[serde(rename = "wt", skip_serializing_if = "is_zero")]
    pub lw: i128,
    /// Of the scores that have a value and a weight, by how much they weigh, in the hour of each.
    #[serde(rename = "d", skip_serializing_if = "BTreeMap::is_empty")]
    pub draws: BTreeMap<WeightClass, Draws>,
}

/// Scores on one level that weigh about the same: they can be told one by one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Draws {
    #[serde(rename = "n")]
    pub scores: i64,
    #[serde(rename = "w")]
    pub weight: i128,
    /// Weight times value.
    #[serde(rename = "a")]
    pub weighted: i128,
}

fn is_zero(number: &i128) -> bool {
    *number == 0
}

impl Sums {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds other sums; takes them out where `sign` is -1.
    pub fn add(&mut self, other: &Self, sign: i64) {
        for (outcome, reasons) in &other.outcomes {
            for (reason, number) in reasons {
                self.count(outcome, reason, sign * number);
            }
        }
        for (level, sums) in &other.levels {
            self.add_level(level, sums, sign);
        }
        self.latencies.add_all(&other.latencies, sign);
        for (own, others) in self.numbers_mut().zip(other.numbers()) {
            *own += i128::from(sign) * others;
        }
    }

    /// Counts an evaluation.
    pub(super) fn count(&mut self, outcome: &str, reason: &str, times: i64) {
        let reasons = self.outcomes.entry(outcome.to_owned()).or_default();
        let number = reasons.entry(reason.to_owned()).or_default();
        *number += times;
        if *number == 0 {
            reasons.remove(reason);
        }
        if reasons.is_empty() {
            self.outcomes.remove(outcome);
        }
    }

    /// Adds what a score says by itself, without its conversation.
    pub(super) fn add_score(&mut self, score: &FoldedScore, times: i64) {
        let sign = i128::from(times);
        if let Some(value) = score.value.map(super::fixed::Fixed::units) {
            self.valued += sign;
            self.y += sign * value;
            self.yy += sign * value * value;
        }
        self.sided += sign * i128::from(score.passes.is_some());
        if let Some(weight) = score.weight.map(super::fixed::Weight::units) {
            self.weighted += sign;
            self.rows_w += sign * weight;
            self.rows_ww += sign * weight * weight;
            self.rows_p += if score.passes == Some(true) { sign * weight } else { 0 };
        }
        let drawn = score.weight.zip(score.value).map(|(weight, value)| {
            (weight.class(), Draws { scores: 1, weight: weight.units(), weighted: weight.times(value) })
        });
        self.rows_a += drawn.map_or(0, |(_, drawn)| sign * drawn.weighted);
        let own = LevelSums {
            scores: 1,
            rows: score.weight.map_or(0, super::fixed::Weight::units),
            draws: drawn.into_iter().collect(),
            ..LevelSums::default()
        };
        self.add_level(&score.level, &own, times);
    }

    /// Adds a conversation.
    pub(super) fn add_conversation(&mut self, sums: &ConversationSums, sign: i64) {
        if sums.is_empty() {
            return;
        }
        let ConversationSums { w, a, p, levels, .. } = sums;
        let of = i128::from(sign);
        self.clusters += of;
        self.w += of * w;
        self.ww += of * w * w;
        self.a += of * a;
        self.aa += of * a * a;
        self.aw += of * a * w;
        self.p += of * p;
        self.pp += of * p * p;
        self.pw += of * p * w;
        for (level, l) in levels {
            self.add_level(level, &LevelSums { l: *l, ll: l * l, lw: l * w, ..LevelSums::default() }, sign);
        }
    }

    /// Adds what a judge took.
    pub(super) fn add_judge(&mut self, taken: &JudgeUse, sign: i64) {
        let of = i128::from(sign);
        if let Some(cost) = taken.cost {
            self.priced += of;
            self.cost += of * i128::from(cost);
        }
        self.input_tokens += of * i128::from(taken.input_tokens.unwrap_or(0));
        self.output_tokens += of * i128::from(taken.output_tokens.unwrap_or(0));
        if let Some(ms) = taken.latency_ms {
            self.latencies.add(ms, sign);
        }
    }

    /// Evaluations that came to `outcome`, whatever the reason.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        let reasons = self.outcomes.get(outcome.as_str());
        reasons.map_or(0, |reasons| reasons.values().sum::<i64>()).max(0) as u64
    }

    /// Evaluations by outcome and reason, in the order of the ledger.
    pub fn by_outcome(&self) -> impl Iterator<Item = (Outcome, &BTreeMap<String, i64>)> {
        Outcome::ALL.iter().filter_map(|outcome| Some((*outcome, self.outcomes.get(outcome.as_str())?)))
    }

    /// What judges cost, in US dollars.
    pub fn cost_usd(&self) -> f64 {
        self.cost as f64 / 1e9
    }

    fn add_level(&mut self, level: &str, sums: &LevelSums, sign: i64) {
        let of = i128::from(sign);
        let own = self.levels.entry(level.to_owned()).or_default();
        own.scores += of * sums.scores;
        own.rows += of * sums.rows;
        own.l += of * sums.l;
        own.ll += of * sums.ll;
        own.lw += of * sums.lw;
        for (class, draws) in &sums.draws {
            let kept = own.draws.entry(*class).or_default();
            kept.scores += sign * draws.scores;
            kept.weight += of * draws.weight;
            kept.weighted += of * draws.weighted;
            if *kept == Draws::default() {
                own.draws.remove(class);
            }
        }
        if *own == LevelSums::default() {
            self.levels.remove(level);
        }
    }
}

/// The numbers of sums in one order, for adding them pair by pair.
macro_rules! numbers {
    ($($name:ident)*) => {
        impl Sums {
            fn numbers(&self) -> impl Iterator<Item = i128> {
                // Without `..`, so that a new number cannot be forgotten.
                let Self { outcomes: _, levels: _, latencies: _, $($name),* } = self;
                [$(*$name),*].into_iter()
            }

            fn numbers_mut(&mut self) -> impl Iterator<Item = &mut i128> {
                [$(&mut self.$name),*].into_iter()
            }
        }
    };
}

numbers! {
    valued y yy sided weighted rows_w rows_ww rows_a rows_p clusters w ww a aa aw p pp pw priced cost input_tokens output_tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::{Fixed, Weight};
    use crate::model::Probability;

    #[test]
    fn what_is_taken_out_again_leaves_nothing() {
        let score = FoldedScore {
            level: "4".into(),
            value: Some(Fixed::of(0.75)),
            passes: Some(true),
            weight: Weight::of(Probability::try_from(0.3).unwrap()),
        };
        let mut conversation = ConversationSums::default();
        conversation.add(&score, 1);
        let mut sums = Sums::default();
        for sign in [1, -1] {
            sums.count("scored", "", sign);
            sums.add_score(&score, sign);
            sums.add_conversation(&conversation, sign);
            sums.add_judge(&JudgeUse { cost: Some(7), latency_ms: Some(90), ..JudgeUse::default() }, sign);
            assert_eq!(sums.is_empty(), sign == -1, "{sums:?}");
        }
    }

    #[test]
    fn sums_beyond_64_bits_are_read_back_as_they_were_written() {
        let sums = Sums { ww: i128::MAX, aa: i128::MIN + 1, clusters: 3, ..Sums::default() };
        let text = serde_json::to_string(&sums).unwrap();
        assert_eq!(serde_json::from_str::<Sums>(&text).unwrap(), sums);
    }
}
