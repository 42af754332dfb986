//! The scale of a rubric: which verdicts exist, and how a score becomes a value in [0, 1].

use serde::{Deserialize, Serialize};

/// Why a scale or a score on it is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScaleError {
    /// An ordinal scale needs two levels to order.
    #[error("an ordinal scale needs at least two levels; found {0}")]
    TooFewLevels(usize),
    /// Two levels have the same score.
    #[error("level {0} is declared twice")]
    RepeatedLevel(i64),
    /// A categorical scale needs two labels to choose from.
    #[error("a categorical scale needs at least two labels; found {0}")]
    TooFewLabels(usize),
    /// Two labels are the same.
    #[error("label `{0}` is declared twice")]
    RepeatedLabel(String),
    /// A label of `pass` that the scale does not have.
    #[error("`pass` names the label `{0}`, which the scale does not have")]
    UnknownPassLabel(String),
    #[error("a numeric scale needs min < max; found min {min} and max {max}")]
    EmptyRange {
        /// The declared minimum.
        min: f64,
        /// The declared maximum.
        max: f64,
    },
    /// The `pass` threshold lies outside the scale.
    #[error("`pass: {0}` lies outside the scale")]
    PassOutside(f64),
}

/// The scale of a rubric. Made only by the checked constructors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Scale {
    /// Two outcomes. The positive one is score 1 and label `pass`.
    Binary {
        /// What `pass` means.
        pass: String,
        /// What `fail` means.
        fail: String,
    },
    /// Ordered whole-number levels, lowest first.
    Ordinal {
        /// Score and meaning of each level, ascending.
        levels: Vec<(i64, String)>,
        /// The score from which the label is `pass`.
        pass: Option<i64>,
    },
    /// Unordered labels; no score.
    Categorical {
        /// Name and meaning of each label.
        labels: Vec<(String, String)>,
        /// The labels that count as `pass`.
        pass: Vec<String>,
    },
    /// Any number in a range.
    Numeric {
        /// The lowest score.
        min: f64,
        /// The highest score.
        max: f64,
        /// The score from which the label is `pass`.
        pass: Option<f64>,
        /// What the number measures.
        meaning: String,
    },
}

/// The label of a score at or above a rubric's threshold.
pub const PASS: &str = "pass";
/// The label of a score below a rubric's threshold.
pub const FAIL: &str = "fail";

impl Scale {
    /// An ordinal scale from its levels in any order.
    pub fn ordinal(mut levels: Vec<(i64, String)>, pass: Option<i64>) -> Result<Self, ScaleError> {
        levels.sort_by_key(|(score, _)| *score);
        if levels.len() < 2 {
            return Err(ScaleError::TooFewLevels(levels.len()));
        }
        if let Some(pair) = levels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(ScaleError::RepeatedLevel(pair[0].0));
        }
        match pass {
            Some(pass) if pass < levels[0].0 || pass > levels[levels.len() - 1].0 => {
                Err(ScaleError::PassOutside(pass as f64))
            }
            _ => Ok(Self::Ordinal { levels, pass }),
        }
    }

    pub fn categorical(labels: Vec<(String, String)>, pass: Vec<String>) -> Result<Self, ScaleError> {
        if labels.len() < 2 {
            return Err(ScaleError::TooFewLabels(labels.len()));
        }
        for (index, (label, _)) in labels.iter().enumerate() {
            if labels[..index].iter().any(|(earlier, _)| earlier == label) {
                return Err(ScaleError::RepeatedLabel(label.clone()));
            }
        }
        match pass.iter().find(|name| labels.iter().all(|(label, _)| label != *name)) {
            Some(unknown) => Err(ScaleError::UnknownPassLabel(unknown.clone())),
            None => Ok(Self::Categorical { labels, pass }),
        }
    }

    /// A numeric scale over `[min, max]`.
    pub fn numeric(min: f64, max: f64, pass: Option<f64>, meaning: String) -> Result<Self, ScaleError> {
        if !(min.is_finite() && max.is_finite() && min < max) {
            return Err(ScaleError::EmptyRange { min, max });
        }
        match pass {
            Some(pass) if !(min..=max).contains(&pass) => Err(ScaleError::PassOutside(pass)),
            _ => Ok(Self::Numeric { min, max, pass, meaning }),
        }
    }

    /// The scale's name in events and files: `binary`, `ordinal`, `categorical` or `numeric`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Binary { .. } => "binary",
            Self::Ordinal { .. } => "ordinal",
            Self::Categorical { .. } => "categorical",
            Self::Numeric { .. } => "numeric",
        }
    }

    /// Whether `score` lies on this scale. A categorical scale has no scores.
    pub fn admits(&self, score: f64) -> bool {
        match self {
            Self::Binary { .. } => score == 0.0 || score == 1.0,
            Self::Ordinal { levels, .. } => levels.iter().any(|(level, _)| *level as f64 == score),
            Self::Categorical { .. } => false,
            Self::Numeric { min, max, .. } => (*min..=*max).contains(&score),
        }
    }

    /// The score normalised to [0, 1] by min–max; a categorical label is 1 when it passes, 0 when it does not,
    /// and has no value when the scale declares no passing label.
    pub fn value(&self, score: Option<f64>, label: Option<&str>) -> Option<f64> {
        match self {
            Self::Binary { .. } => score,
            Self::Ordinal { levels, .. } => {
                let (low, high) = (levels.first()?.0 as f64, levels.last()?.0 as f64);
                Some((score? - low) / (high - low))
            }
            Self::Categorical { pass, .. } if pass.is_empty() => None,
            Self::Categorical { pass, .. } => {
                Some(f64::from(u8::from(pass.iter().any(|name| Some(name.as_str()) == label))))
            }
            Self::Numeric { min, max, .. } => Some((score? - min) / (max - min)),
        }
    }

    /// Whether a score or label passes; `None` when the scale declares no threshold.
    pub fn passes(&self, score: Option<f64>, label: Option<&str>) -> Option<bool> {
        match self {
            Self::Binary { .. } => Some(score? >= 0.5),
            Self::Ordinal { pass, .. } => Some(score? >= (*pass)? as f64),
            Self::Categorical { pass, .. } if pass.is_empty() => None,
            Self::Categorical { pass, .. } => label.map(|label| pass.iter().any(|name| name == label)),
            Self::Numeric { pass, .. } => Some(score? >= (*pass)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five_levels() -> Scale {
        Scale::ordinal((1..=5).map(|level| (level, format!("level {level}"))).collect(), Some(4)).unwrap()
    }

    #[test]
    fn an_ordinal_score_is_normalised_by_its_extreme_levels() {
        assert_eq!(five_levels().value(Some(4.0), None), Some(0.75));
        assert!(!five_levels().admits(3.5));
    }

    #[test]
    fn a_threshold_off_the_scale_is_refused() {
        assert_eq!(Scale::numeric(0.0, 1.0, Some(2.0), String::new()), Err(ScaleError::PassOutside(2.0)));
        assert_eq!(Scale::ordinal(vec![(1, String::new())], None), Err(ScaleError::TooFewLevels(1)));
    }

    #[test]
    fn a_category_has_a_value_only_where_passing_is_declared() {
        let labels = || vec![("polite".to_owned(), String::new()), ("rude".to_owned(), String::new())];
        let judged = Scale::categorical(labels(), vec!["polite".into()]).unwrap();
        assert_eq!(judged.value(None, Some("rude")), Some(0.0));
        assert_eq!(Scale::categorical(labels(), vec![]).unwrap().value(None, Some("rude")), None);
    }
}
