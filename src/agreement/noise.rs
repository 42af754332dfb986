//! A judge's own noise: what it says of one item when it is asked again.

use std::fmt;

use serde::Serialize;

use crate::model::{Estimate, Score};
use crate::statistics::{CONFIDENCE, flip_rate, icc};

/// One of several verdicts on an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeated {
    /// What counts as the same again: pass or fail, where the scale knows them, else the point of the scale.
    decision: String,
    /// The normalised score; none of an abstention and of a label without an order.
    value: Option<f64>,
}

impl Repeated {
    /// Of a score, or of an abstention.
    pub fn of(score: Option<&Score>) -> Self {
        match score {
            Some(score) => Self { decision: decision(score), value: score.value() },
            None => Self { decision: "abstained".to_owned(), value: None },
        }
    }
}

fn decision(score: &Score) -> String {
    match (score.passes(), score.label(), score.number()) {
        (Some(passes), ..) => passes.to_string(),
        (None, Some(label), _) => label.to_owned(),
        (None, None, number) => number.map(|number| number.to_string()).unwrap_or_default(),
    }
}

/// How often a judge says something else of the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Noise {
    /// Items with two verdicts or more.
    pub items: u64,
    /// The probability that two verdicts on one item differ.
    pub flip_rate: Estimate,
    /// The share of the variance of scores that lies between items; the rest is noise.
    pub icc: Estimate,
}

impl Noise {
    /// Of the verdicts on each item.
    pub fn of(items: &[Vec<Repeated>]) -> Self {
        let verdicts: Vec<Vec<&str>> =
            items.iter().map(|said| said.iter().map(|one| one.decision.as_str()).collect()).collect();
        // Items with an abstention have fewer scores than the others, and are left out.
        let scores: Vec<Vec<f64>> =
            items.iter().map(|said| said.iter().filter_map(|one| one.value).collect()).collect();
        let times = scores.iter().map(Vec::len).max().unwrap_or(0);
        let whole: Vec<Vec<f64>> = scores.into_iter().filter(|scores| scores.len() == times).collect();
        Self {
            items: items.iter().filter(|said| said.len() > 1).count() as u64,
            flip_rate: flip_rate(&verdicts, CONFIDENCE),
            icc: icc(&whole, CONFIDENCE),
        }
    }
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flips = in_words(&self.flip_rate, |share| format!("{:.1} %", share * 100.0));
        write!(f, "{flips}; ICC of one score {}", in_words(&self.icc, |value| format!("{value:.2}")))
    }
}

/// A number with its interval, or why there is none.
fn in_words(estimate: &Estimate, number: impl Fn(f64) -> String) -> String {
    match estimate {
        Estimate::Interval(value, interval) => {
            format!("{} [{}, {}]", number(*value), number(interval.low), number(interval.high))
        }
        Estimate::Bare(value, reason) => format!("{} (no interval: {reason})", number(*value)),
        Estimate::Undefined(reason) => format!("not known ({reason})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scale;

    #[test]
    fn an_abstention_is_a_flip_and_no_score() {
        let scale = Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap();
        let said = |levels: [Option<f64>; 2]| {
            levels.map(|level| Repeated::of(level.and_then(|level| Score::of_number(&scale, level)).as_ref())).to_vec()
        };
        let items = [[Some(5.0), Some(4.0)], [Some(2.0), Some(1.0)], [Some(3.0), None]].map(said);
        let noise = Noise::of(&items);
        assert_eq!(noise.items, 3);
        assert!((noise.flip_rate.value().unwrap() - 1.0 / 3.0).abs() < 1e-12, "{noise:?}");
        assert!((noise.icc.value().unwrap() - 8.5 / 9.5).abs() < 1e-12, "{noise:?}");
    }
}
