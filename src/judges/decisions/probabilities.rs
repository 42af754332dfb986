//! Whether numbers are a distribution over the options of a question. Pure.
//!
//! Servers round to four or six decimals, and one that sums up many options errs more: the sum may differ from 1 by 0.02, or
//! by 0.005 for every option if that is more. What differs less is divided by its sum; what differs more is none.

use serde_json::Value as Json;

use super::answer::{AnswerProblem, Said};
use super::question::{Form, Question, folded};

/// The sum may differ from 1 by this much,
const TOLERANCE: f64 = 0.02;
/// or by this much for every option.
const TOLERANCE_PER_OPTION: f64 = 0.005;
/// A rounded probability may lie outside of [0, 1] by this much.
const ROUNDING: f64 = 1e-6;

/// Two numbers for yes and no.
pub(super) fn of_yes(yes: f64) -> Result<Vec<f64>, AnswerProblem> {
    let yes = probability(yes)?;
    Ok(vec![yes, 1.0 - yes])
}

/// The choices' probabilities in their order, from pairs of name and probability in any.
pub(super) fn of_pairs<'p>(
    question: &Question<'_>,
    pairs: impl Iterator<Item = (&'p str, Option<f64>)>,
) -> Result<Vec<f64>, AnswerProblem> {
    let mut found: Vec<Option<f64>> = vec![None; question.choices.len()];
    for (name, number) in pairs {
        let place = place_of(question, name).ok_or(AnswerProblem::OtherOptions)?;
        let number = probability(number.ok_or(AnswerProblem::NoProbability)?)?;
        if found[place].replace(number).is_some() {
            return Err(AnswerProblem::Ambiguous);
        }
    }
    let all: Option<Vec<f64>> = found.into_iter().collect();
    normalised(all.ok_or(AnswerProblem::OtherOptions)?)
}

/// Levels go by their index from 0, options by their name; its case may have been lost on the way.
fn place_of(question: &Question<'_>, name: &str) -> Option<usize> {
    if question.form == Form::Score {
        let index: usize = name.parse().ok()?;
        return (index < question.choices.len()).then_some(index);
    }
    let exact = question.choices.iter().position(|choice| choice.name == name);
    exact.or_else(|| question.choices.iter().position(|choice| folded(choice.name) == folded(name)))
}

fn probability(number: f64) -> Result<f64, AnswerProblem> {
    if (-ROUNDING..=1.0 + ROUNDING).contains(&number) {
        Ok(number.clamp(0.0, 1.0))
    } else {
        Err(AnswerProblem::NoProbability)
    }
}

fn normalised(mut probabilities: Vec<f64>) -> Result<Vec<f64>, AnswerProblem> {
    let sum: f64 = probabilities.iter().sum();
    let tolerance = TOLERANCE.max(TOLERANCE_PER_OPTION * probabilities.len() as f64);
    if (sum - 1.0).abs() > tolerance + f64::EPSILON * 16.0 {
        return Err(AnswerProblem::Sum);
    }
    for probability in &mut probabilities {
        *probability /= sum;
    }
    Ok(probabilities)
}

/// An answer whose probabilities stand in a map from option to number.
pub(super) fn of_map(question: &Question<'_>, answer: &Json, said: Option<&str>) -> Result<Said, AnswerProblem> {
    let map = answer.get("probabilities").and_then(Json::as_object).ok_or(AnswerProblem::NoProbabilities)?;
    let probabilities = of_pairs(question, map.iter().map(|(name, number)| (name.as_str(), number.as_f64())))?;
    Ok(said_of(question, answer, probabilities, said))
}

/// An answer with its probabilities; `said` is the option that the endpoint names as its answer.
pub(super) fn said_of(question: &Question<'_>, answer: &Json, probabilities: Vec<f64>, said: Option<&str>) -> Said {
    let greatest = probabilities.iter().copied().fold(0.0, f64::max);
    let of_said = said.and_then(|name| place_of(question, name)).and_then(|place| probabilities.get(place));
    Said::Probabilities {
        contradicts: said.is_some() && of_said.is_none_or(|said| greatest - said > ROUNDING),
        confidence: answer.get("confidence").and_then(Json::as_f64).filter(|confidence| confidence.is_finite()),
        probabilities,
    }
}
