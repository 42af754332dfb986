//! The levels of a rubric's scale and verdicts on it, in words.

use crate::model::{FAIL, PASS, Scale, Score};

/// The levels of a scale with their meanings, lowest first; pass and fail on a numeric scale with a threshold.
pub(super) fn levels(scale: &Scale) -> Vec<(String, String)> {
    let named = |pass: &str, fail: &str| vec![(FAIL.to_owned(), fail.to_owned()), (PASS.to_owned(), pass.to_owned())];
    match scale {
        Scale::Binary { pass, fail } => named(pass, fail),
        Scale::Ordinal { levels, .. } => {
            levels.iter().map(|(level, meaning)| (level.to_string(), meaning.clone())).collect()
        }
        Scale::Categorical { labels, .. } => labels.clone(),
        Scale::Numeric { pass: Some(pass), .. } => named(&format!("{pass} or more"), &format!("less than {pass}")),
        Scale::Numeric { pass: None, .. } => Vec::new(),
    }
}

/// A verdict as a person reads it: `4 of 1–5, pass`.
pub(super) fn in_words(scale: Option<&Scale>, score: Option<&Score>) -> String {
    let number = score.and_then(Score::number).map(|number| format!("{number}"));
    match (scale, score.and_then(Score::label), number) {
        (Some(Scale::Binary { .. }), Some(label), _) | (_, Some(label), None) => label.to_owned(),
        (_, Some(label), Some(number)) => format!("{number} ({label})"),
        (_, None, Some(number)) => number,
        (_, None, None) => "no verdict".to_owned(),
    }
}
