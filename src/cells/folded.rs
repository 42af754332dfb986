//! What was added to cells for one evaluation. It stands in the evaluation's row, so that exactly this can be taken out again
//! when the evaluation changes.

use serde::{Deserialize, Serialize};

use super::fixed::{Fixed, Weight};
use crate::model::{Outcome, Probability, Score};

/// What was counted of an evaluation. Its member names are short: it is stored with every evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folded {
    /// Which building of the cells counted it: cells that are built anew know nothing of earlier ones.
    #[serde(rename = "e")]
    pub epoch: i64,
    /// What had become of it.
    #[serde(rename = "o")]
    pub outcome: Outcome,
    /// Why.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it stands in cells; an outcome that leaves nothing to average is counted in the ledger only.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

/// Where an evaluation stands in cells, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The hour in which its answer was observed.
    #[serde(rename = "h")]
    pub hour: i64,
    /// The stored numbers of the parts it belongs to, the whole of its release first.
    #[serde(rename = "p")]
    pub parts: Vec<i64>,
    /// A digest of its series and conversation, where it has one.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub score: Option<FoldedScore>,
    /// What its judge took.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeUse>,
}

/// A score as integers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedScore {
    /// Where on the scale it lies.
    #[serde(rename = "l")]
    pub level: String,
    /// Normalised to [0, 1], on scales that have an order.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Fixed>,
    /// Whether it passes, on scales with a threshold.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<bool>,
    /// How many answers it stands for; none of a score that cannot have been drawn.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<Weight>,
}

/// What a judge took for one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JudgeUse {
    /// Billionths of a US dollar, where the cost is known.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<i64>,
    /// Tokens read.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<i64>,
    /// Tokens written.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<i64>,
    /// Milliseconds.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<i64>,
}

/// Whole numbers up to this far from 0 always have a level of their own.
const PLAIN_LEVELS: f64 = 200.0;

/// Beyond this, not every whole number is told from the next.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Begins the name of a level that is a tenth of the scale.
const TENTH: &str = "tenth ";

impl FoldedScore {
    /// Of a score that was drawn with `probability`.
    pub fn of(score: &Score, probability: Probability) -> Self {
        Self {
            level: level(score),
            value: score.value().map(Fixed::of),
            passes: score.passes(),
            weight: Weight::of(probability),
        }
    }

    /// The same on the tenth of the scale that its level lies in.
    #[must_use]
    pub fn in_tenth(mut self) -> Self {
        if let Some(value) = self.value {
            self.level = tenth(value);
        }
        self
    }
}

/// The level of a number so far from 0 that a scale may have any number of levels like it.
pub fn large_level(score: &Score) -> Option<String> {
    match score {
        Score::Number { number, .. } if number.abs() > PLAIN_LEVELS && has_level(*number) => Some(level(score)),
        Score::Number { .. } | Score::Category { .. } | Score::Pass(_) => None,
    }
}

fn has_level(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() <= EXACT
}

/// A category stands for itself, a whole number too; other numbers fall into tenths of the scale.
fn level(score: &Score) -> String {
    match score {
        Score::Category { label, .. } => label.clone(),
        Score::Pass(passes) => if *passes { crate::model::PASS } else { crate::model::FAIL }.to_owned(),
        Score::Number { number, .. } if has_level(*number) => format!("{number:.0}"),
        Score::Number { value, .. } => tenth(Fixed::of(*value)),
    }
}

fn tenth(value: Fixed) -> String {
    format!("{TENTH}{}", value.tenth())
}

/// Which tenth of a scale from `min` to `max` a level lies in; none of a category.
pub fn tenth_of(level: &str, min: f64, max: f64) -> Option<usize> {
    if let Some(tenth) = level.strip_prefix(TENTH) {
        return tenth.parse().ok();
    }
    let number: f64 = level.parse().ok()?;
    Some((((number - min) / (max - min) * 10.0).max(0.0) as usize).min(9))
}

impl JudgeUse {
    /// None where nothing is known.
    pub fn of(
        cost_usd: Option<f64>,
        input_tokens: Option<i64>,
        output_tokens: Option<i64>,
        latency_ms: Option<i64>,
    ) -> Option<Self> {
        let cost = cost_usd.filter(|cost| cost.is_finite()).map(|cost| (cost * 1e9).round() as i64);
        let taken = Self { cost, input_tokens, output_tokens, latency_ms };
        (taken != Self::default()).then_some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_folded_is_read_back_as_it_was_written() {
        let score = Score::Number { number: 4.0, passes: Some(true), value: 0.75 };
        let folded = Folded {
            epoch: 1,
            outcome: Outcome::Scored,
            reason: None,
            counted: Some(Counted {
                hour: 490_896,
                parts: vec![7, 8],
                conversation: Some("0f".into()),
                score: Some(FoldedScore::of(&score, Probability::try_from(0.15).unwrap())),
                judge: JudgeUse::of(Some(0.001), Some(10), None, Some(5)),
            }),
        };
        let text = serde_json::to_string(&folded).unwrap();
        assert!(text.len() < 160, "{text}");
        assert_eq!(serde_json::from_str::<Folded>(&text).unwrap(), folded);
    }

    #[test]
    fn whole_numbers_have_a_level_and_others_a_tenth_of_the_scale() {
        let number = |number: f64, value: f64| Score::Number { number, passes: None, value };
        let scores = [number(4.0, 0.75), number(0.437, 0.437), number(-500.0, 0.31), number(1e300, 1.0)];
        assert_eq!(scores.each_ref().map(level), ["4", "tenth 4", "-500", "tenth 9"]);
        assert_eq!(scores.each_ref().map(large_level), [None, None, Some("-500".to_owned()), None]);
        assert_eq!(FoldedScore::of(&scores[2], Probability::ONE).in_tenth().level, "tenth 3");
        let category = Score::Category { label: "500".into(), passes: Some(true) };
        assert_eq!(large_level(&category), None);
    }
}
