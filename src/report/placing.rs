//! Where verdicts lie on a scale, whoever gave them.

use crate::model::{FAIL, PASS, Scale, Score};

/// A verdict on a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed {
    /// Index of the level; 0 and 1 stand for fail and pass on a numeric scale with a threshold.
    pub(super) level: Option<usize>,
    /// The number, on scales that have one.
    pub(super) number: Option<f64>,
    /// Whether it passes; none where the scale declares no threshold.
    pub(super) pass: Option<bool>,
    /// Normalised to [0, 1].
    pub(super) value: Option<f64>,
}

/// Places a score; none when the scale does not know it.
pub(super) fn place(scale: &Scale, score: &Score) -> Option<Placed> {
    let label = score.label();
    let placed = |level: Option<usize>, number: Option<f64>| Placed {
        level,
        number,
        pass: scale.passes(number, label),
        value: scale.value(number, label),
    };
    match scale {
        Scale::Categorical { labels, .. } => {
            let level = labels.iter().position(|(name, _)| Some(name.as_str()) == label)?;
            Some(placed(Some(level), None))
        }
        Scale::Binary { .. } => {
            let number = score.number().or(match label {
                Some(PASS) => Some(1.0),
                Some(FAIL) => Some(0.0),
                _ => None,
            })?;
            scale.admits(number).then(|| placed(Some(usize::from(number >= 0.5)), Some(number)))
        }
        Scale::Ordinal { levels, .. } => {
            let number = score.number()?;
            let level = levels.iter().position(|(level, _)| *level as f64 == number)?;
            Some(placed(Some(level), Some(number)))
        }
        Scale::Numeric { .. } => {
            let number = score.number().filter(|number| scale.admits(*number))?;
            let pass = scale.passes(Some(number), None);
            Some(placed(pass.map(usize::from), Some(number)))
        }
    }
}

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

/// Whether a scale divides verdicts into passing and failing ones.
pub(super) fn has_threshold(scale: &Scale) -> bool {
    match scale {
        Scale::Binary { .. } => true,
        Scale::Ordinal { pass, .. } => pass.is_some(),
        Scale::Categorical { pass, .. } => !pass.is_empty(),
        Scale::Numeric { pass, .. } => pass.is_some(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_people_and_scores_of_judges_meet_on_the_scale() {
        let scale = Scale::Binary { pass: "yes".into(), fail: "no".into() };
        let by_number = Score::of_number(&scale, 0.0).unwrap();
        assert_eq!(place(&scale, &Score::Pass(false)), place(&scale, &by_number));
        assert_eq!(place(&scale, &Score::Number { number: 3.0, passes: None, value: 0.5 }), None);
    }

    #[test]
    fn a_numeric_score_has_a_level_only_where_a_threshold_makes_two() {
        let score = Score::Number { number: 0.4, passes: None, value: 0.4 };
        let with = Scale::numeric(0.0, 1.0, Some(0.7), String::new()).unwrap();
        let without = Scale::numeric(0.0, 1.0, None, String::new()).unwrap();
        assert_eq!(place(&with, &score).unwrap().level, Some(0));
        assert_eq!(place(&without, &score).unwrap().level, None);
        assert!(levels(&without).is_empty());
    }
}
