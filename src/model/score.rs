//! A point on a rubric's scale.

use serde::{Deserialize, Serialize};

use super::{FAIL, PASS, Scale};

/// A point on a rubric's scale, made by [`Score::of_number`], [`Score::of_label`] and [`Score::of_pass`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "ScoreColumns", try_from = "ScoreColumns")]
pub enum Score {
    /// A number of a binary, ordinal or numeric scale.
    Number {
        /// On the rubric's own scale.
        number: f64,
        /// Whether it passes; `None` where the scale declares no threshold.
        passes: Option<bool>,
        /// Normalised to [0, 1].
        value: f64,
    },
    /// A label of a categorical scale.
    Category {
        /// Its name.
        label: String,
        /// Whether it passes; `None` where the scale declares no passing label.
        passes: Option<bool>,
    },
    /// Of an ordinal or numeric scale with a threshold only the side is known: a person may say `pass` without a number.
    Pass(bool),
}

impl Score {
    /// Places a number on `scale`; `None` when the scale does not admit it.
    pub fn of_number(scale: &Scale, number: f64) -> Option<Self> {
        let value = scale.value(Some(number), None).filter(|_| scale.admits(number))?;
        Some(Self::Number { number, passes: scale.passes(Some(number), None), value })
    }

    /// Places a label on `scale`: a category, or `pass`/`fail` on a binary scale; `None` when the scale has no such label.
    pub fn of_label(scale: &Scale, label: &str) -> Option<Self> {
        match scale {
            Scale::Binary { .. } => match label {
                PASS => Self::of_number(scale, 1.0),
                FAIL => Self::of_number(scale, 0.0),
                _ => None,
            },
            Scale::Categorical { labels, .. } => labels
                .iter()
                .any(|(name, _)| name == label)
                .then(|| Self::Category { label: label.to_owned(), passes: scale.passes(None, Some(label)) }),
            Scale::Ordinal { .. } | Scale::Numeric { .. } => None,
        }
    }

    /// Places a bare `pass` or `fail` on `scale`: on a binary scale it is the score; on an ordinal or numeric one only the
    /// side is known. `None` when the scale has no threshold, or cannot say which category is meant.
    pub fn of_pass(scale: &Scale, pass: bool) -> Option<Self> {
        match scale {
            Scale::Binary { .. } => Self::of_number(scale, f64::from(u8::from(pass))),
            Scale::Ordinal { pass: Some(_), .. } | Scale::Numeric { pass: Some(_), .. } => Some(Self::Pass(pass)),
            Scale::Ordinal { .. } | Scale::Numeric { .. } | Scale::Categorical { .. } => None,
        }
    }

    /// On the rubric's own scale; `None` for a category, and where only the side is known.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number { number, .. } => Some(*number),
            Self::Category { .. } | Self::Pass(_) => None,
        }
    }

    /// The category, else `pass` or `fail` where the scale declares a threshold.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Category { label, .. } => Some(label),
            Self::Number { passes, .. } => passes.map(side),
            Self::Pass(pass) => Some(side(*pass)),
        }
    }

    /// Normalised to [0, 1]: 1 or 0 for a category that passes or not; `None` for a category of a scale that declares no
    /// passing label, and where only the side is known.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Number { value, .. } => Some(*value),
            Self::Category { passes, .. } => passes.map(|passes| f64::from(u8::from(passes))),
            Self::Pass(_) => None,
        }
    }

    /// Whether it passes; `None` where the scale does not say.
    pub fn passes(&self) -> Option<bool> {
        match self {
            Self::Number { passes, .. } | Self::Category { passes, .. } => *passes,
            Self::Pass(pass) => Some(*pass),
        }
    }
}

fn side(pass: bool) -> &'static str {
    if pass { PASS } else { FAIL }
}

/// A score as it is stored and written: number, label and normalised value, each where there is one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScoreColumns {
    /// The number on the rubric's own scale.
    pub score: Option<f64>,
    /// The category, `pass` or `fail`.
    pub label: Option<String>,
    /// Normalised to [0, 1].
    pub value: Option<f64>,
}

/// Number, label and value that are no score together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// Neither number nor label.
    #[error("a score without number and label")]
    Empty,
    /// A number whose value is missing.
    #[error("the score {0} without its normalised value")]
    WithoutValue(f64),
    /// A number has the label `pass`, `fail` or none.
    #[error("the score {number} with the label `{label}`; a number has `pass`, `fail` or none")]
    ForeignLabel {
        number: f64,
        /// The label beside it.
        label: String,
    },
    /// The value of a category is 0, 1 or missing.
    #[error("the label `{label}` with the value {value}; a category has 0, 1 or none")]
    CategoryValue {
        /// The category.
        label: String,
        /// The value beside it.
        value: f64,
    },
}

impl From<Score> for ScoreColumns {
    fn from(score: Score) -> Self {
        Self { score: score.number(), label: score.label().map(str::to_owned), value: score.value() }
    }
}

impl TryFrom<ScoreColumns> for Score {
    type Error = ScoreError;

    fn try_from(columns: ScoreColumns) -> Result<Self, ScoreError> {
        let as_side = |label: &str| match label {
            PASS => Some(true),
            FAIL => Some(false),
            _ => None,
        };
        match (columns.score, columns.label, columns.value) {
            (Some(number), None, Some(value)) => Ok(Self::Number { number, passes: None, value }),
            (Some(number), Some(label), Some(value)) => match as_side(&label) {
                Some(pass) => Ok(Self::Number { number, passes: Some(pass), value }),
                None => Err(ScoreError::ForeignLabel { number, label }),
            },
            (Some(number), _, None) => Err(ScoreError::WithoutValue(number)),
            (None, Some(label), Some(1.0)) => Ok(Self::Category { label, passes: Some(true) }),
            (None, Some(label), Some(0.0)) => Ok(Self::Category { label, passes: Some(false) }),
            (None, Some(label), Some(value)) => Err(ScoreError::CategoryValue { label, value }),
            // A category that happens to be called `pass` reads the same either way: nothing says whether it passes but its name.
            (None, Some(label), None) => match as_side(&label) {
                Some(pass) => Ok(Self::Pass(pass)),
                None => Ok(Self::Category { label, passes: None }),
            },
            (None, None, _) => Err(ScoreError::Empty),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scales() -> [Scale; 5] {
        let labels = || vec![("polite".to_owned(), String::new()), ("rude".to_owned(), String::new())];
        let levels = (1..=5).map(|level| (level, String::new())).collect();
        [
            Scale::Binary { pass: String::new(), fail: String::new() },
            Scale::ordinal(levels, Some(4)).unwrap(),
            Scale::numeric(0.0, 10.0, None, String::new()).unwrap(),
            Scale::categorical(labels(), vec!["polite".into()]).unwrap(),
            Scale::categorical(labels(), vec![]).unwrap(),
        ]
    }

    #[test]
    fn every_score_of_every_scale_is_read_back_as_it_was_written() {
        let mut seen = 0;
        for scale in scales() {
            let numbers = (0..=10).filter_map(|number| Score::of_number(&scale, f64::from(number)));
            let labels =
                ["pass", "fail", "polite", "rude"].into_iter().filter_map(|label| Score::of_label(&scale, label));
            let sides = [true, false].into_iter().filter_map(|pass| Score::of_pass(&scale, pass));
            for score in numbers.chain(labels).chain(sides) {
                assert_eq!(Score::try_from(ScoreColumns::from(score.clone())).as_ref(), Ok(&score));
                let json = serde_json::to_string(&score).unwrap();
                assert_eq!(serde_json::from_str::<Score>(&json).unwrap(), score, "{json}");
                seen += 1;
            }
        }
        assert_eq!(seen, 28);
    }

    #[test]
    fn json_has_the_three_members_that_it_always_had() {
        let json = |score: Option<Score>| serde_json::to_string(&score.unwrap()).unwrap();
        let [_, ordinal, _, _, unordered] = scales();
        assert_eq!(json(Score::of_number(&ordinal, 4.0)), r#"{"score":4.0,"label":"pass","value":0.75}"#);
        assert_eq!(json(Score::of_label(&unordered, "rude")), r#"{"score":null,"label":"rude","value":null}"#);
        assert_eq!(json(Score::of_pass(&ordinal, false)), r#"{"score":null,"label":"fail","value":null}"#);
    }

    #[test]
    fn columns_that_are_no_score_together_are_refused_with_the_reason() {
        let read = |score, label: Option<&str>, value| {
            Score::try_from(ScoreColumns { score, label: label.map(str::to_owned), value }).unwrap_err()
        };
        assert_eq!(read(None, None, None), ScoreError::Empty);
        assert_eq!(read(None, None, Some(1.0)), ScoreError::Empty);
        assert_eq!(read(Some(4.0), Some("pass"), None), ScoreError::WithoutValue(4.0));
        assert!(matches!(read(Some(4.0), Some("polite"), Some(0.5)), ScoreError::ForeignLabel { .. }));
        assert!(matches!(read(None, Some("polite"), Some(0.5)), ScoreError::CategoryValue { .. }));
    }
}
