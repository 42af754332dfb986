//! A rubric's scale and the scores on it, as the detectors compare them: pass and fail where the scale divides them.

use super::scale::DriftScale;
use crate::agreement::{Kind, Place, ScaleReader};
use crate::model::{Scale, Score};

/// A verdict as the detectors compare it: its side where the scale divides verdicts, else the level or the number.
pub(super) fn place(reader: &ScaleReader, score: &Score) -> Option<Place> {
    let verdict = reader.read(score)?;
    if !reader.has_threshold() {
        return verdict.place();
    }
    let pass = verdict.pass()?;
    Some(Place { category: usize::from(pass), number: f64::from(u8::from(pass)) })
}

impl DriftScale {
    /// The scale of a rubric.
    pub fn of(scale: &Scale) -> Self {
        let reader = ScaleReader::of(scale);
        if reader.has_threshold() {
            let name = "binary:pass".to_owned();
            return Self { kind: Kind::Binary, levels: 2, low: 0.0, high: 1.0, name, inferred: false };
        }
        let (levels, values) = (reader.levels(), reader.levels().values());
        let (low, high) = match scale {
            Scale::Numeric { min, max, .. } => (*min, *max),
            Scale::Binary { .. } | Scale::Ordinal { .. } | Scale::Categorical { .. } => {
                values.first().copied().zip(values.last().copied()).unwrap_or((0.0, 1.0))
            }
        };
        Self { kind: levels.kind(), levels: values.len(), low, high, name: levels.to_string(), inferred: false }
    }
}
