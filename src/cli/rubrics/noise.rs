//! A judge's own noise: what it says of one case when it is asked again.

use std::collections::BTreeMap;

use crate::model::{Estimate, Score, Verdict};
use crate::statistics::{CONFIDENCE, flip_rate, icc};

/// The verdicts on each case.
#[derive(Debug, Default)]
pub(super) struct Noise {
    cases: BTreeMap<String, Vec<Said>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Said {
    /// What counts as the same again: pass or fail, where the scale knows them, else the point of the scale.
    decision: String,
    /// The normalised score; none of an abstention and of a label without an order.
    value: Option<f64>,
}

impl Noise {
    pub(super) fn note(&mut self, case: &str, verdict: &Verdict) {
        let said = match verdict {
            Verdict::Scored { score, .. } => Said { decision: decision(score), value: score.value() },
            Verdict::Abstained { .. } => Said { decision: "abstained".to_owned(), value: None },
        };
        self.cases.entry(case.to_owned()).or_default().push(said);
    }

    /// Flip rate and intraclass correlation in words.
    pub(super) fn told(&self) -> String {
        let verdicts: Vec<Vec<&str>> =
            self.cases.values().map(|said| said.iter().map(|one| one.decision.as_str()).collect()).collect();
        let flips = flip_rate(&verdicts, CONFIDENCE);
        // Cases with an abstention or an error have fewer scores than the others, and are left out.
        let scores: Vec<Vec<f64>> =
            self.cases.values().map(|said| said.iter().filter_map(|one| one.value).collect()).collect();
        let times = scores.iter().map(Vec::len).max().unwrap_or(0);
        let whole: Vec<Vec<f64>> = scores.into_iter().filter(|scores| scores.len() == times).collect();
        format!(
            "  noise: two verdicts on one case differ in {}; ICC of one score {}",
            shown(&flips, |share| format!("{:.1} %", share * 100.0)),
            shown(&icc(&whole, CONFIDENCE), |value| format!("{value:.2}"))
        )
    }
}

fn decision(score: &Score) -> String {
    match (score.passes(), score.label(), score.number()) {
        (Some(passes), ..) => passes.to_string(),
        (None, Some(label), _) => label.to_owned(),
        (None, None, number) => number.map(|number| number.to_string()).unwrap_or_default(),
    }
}

/// A number with its interval, or why there is none.
fn shown(estimate: &Estimate, number: impl Fn(f64) -> String) -> String {
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
    fn noise_is_told_with_its_interval() {
        let scale = Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap();
        let mut noise = Noise::default();
        for (case, levels) in [("a", [5.0, 5.0, 4.0]), ("b", [1.0, 2.0, 1.0]), ("c", [3.0, 4.0, 3.0])] {
            for level in levels {
                let score = Score::of_number(&scale, level).unwrap();
                noise.note(case, &Verdict::Scored { score, rationale: String::new() });
            }
        }
        let told = noise.told();
        assert!(told.starts_with("  noise: two verdicts on one case differ in 22.2 % ["), "{told}");
        assert!(told.contains("ICC of one score 0.89 ["), "{told}");
    }
}
