//! What a statistic says: a value with its interval, a value without one and why, or no value and why.

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// The confidence level of every interval unless a caller says otherwise.
pub const CONFIDENCE: f64 = 0.95;

/// Why a value or its interval does not exist. Serialised as its snake-case code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing to compare.
    #[error("no pair of labels to compare")]
    NoPairs,
    /// All values are one and the same, so that chance explains everything.
    #[error("every label is the same")]
    NoVariance,
    /// The judge gave one value throughout.
    #[error("the judge said the same every time")]
    JudgeConstant,
    /// The human gave one value throughout.
    #[error("the human said the same every time")]
    HumanConstant,
    /// Not one disagreement: the analytic standard error is 0 and `[1, 1]` would claim certainty.
    #[error("no disagreement was seen, an interval of no width would claim certainty")]
    PerfectAgreement,
    /// Fewer than 100 pairs, or fewer than 10 human labels outside the commonest class: measured coverage of
    /// every known interval is too low.
    #[error("too few labels, or too few outside the commonest class, for an honest interval")]
    Thin,
    /// Weights leave less than 30 effective observations.
    #[error("the weights leave fewer than 30 effective labels")]
    FewEffective,
    /// Items of one cluster (a conversation) are not independent, and this number is not resampled.
    #[error("items of one conversation are not independent, and this number is not resampled")]
    Clustered,
    /// Fewer observations than the method needs.
    #[error("too few observations")]
    TooFew,
    /// The statistic was undefined, or on one side of the estimate, in too many resamples.
    #[error("too many resamples had no value")]
    Unstable,
    /// Only defined for a positive and a negative class.
    #[error("needs a binary scale")]
    NotBinary,
    /// Only defined where categories have an order.
    #[error("needs an ordered scale")]
    NotOrdered,
    /// Only defined for a declared list of categories.
    #[error("needs a scale of categories")]
    NotCategorical,
    /// No human label is positive.
    #[error("no human label is positive")]
    NoPositives,
    /// No human label is negative.
    #[error("no human label is negative")]
    NoNegatives,
    /// The judge never said positive.
    #[error("the judge never said positive")]
    JudgeNeverPositive,
    /// The judge never said negative.
    #[error("the judge never said negative")]
    JudgeNeverNegative,
    /// Fewer than two, or for some methods three, annotators.
    #[error("too few annotators")]
    TooFewAnnotators,
    /// TPR + TNR - 1 is too small for the judge to carry information.
    #[error("the judge is too close to guessing")]
    JudgeUninformative,
    /// Lengths differ, a number is not finite, or a probability is outside its range.
    #[error("the input is not valid for this statistic")]
    InvalidInput,
}

/// A closed interval, `low <= high`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

impl Interval {
    /// `centre` plus and minus `half_width`.
    pub fn around(centre: f64, half_width: f64) -> Self {
        Self { low: centre - half_width, high: centre + half_width }
    }

    /// The part of the interval inside `[low, high]`.
    #[must_use]
    pub fn clamped(self, low: f64, high: f64) -> Self {
        Self { low: self.low.clamp(low, high), high: self.high.clamp(low, high) }
    }
}

/// A number that is never shown without its uncertainty.
///
/// JSON: `{"value", "low", "high"}`; `{"value", "low": null, "high": null, "reason"}` where there is a value but no
/// honest interval; `{"value": null, "reason"}` where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Estimate {
    /// A value and its interval.
    Interval(f64, Interval),
    /// A value, and why it has no interval.
    Bare(f64, Reason),
    /// No value, and why.
    Undefined(Reason),
}

impl Estimate {
    /// Joins a statistic with its interval; either may be missing for a reason.
    pub fn new(value: Result<f64, Reason>, interval: Result<Interval, Reason>) -> Self {
        match (value, interval) {
            (Err(reason), _) => Self::Undefined(reason),
            (Ok(value), _) if !value.is_finite() => Self::Undefined(Reason::InvalidInput),
            (Ok(value), Ok(interval)) => Self::Interval(value, interval),
            (Ok(value), Err(reason)) => Self::Bare(value, reason),
        }
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Interval(value, _) | Self::Bare(value, _) => Some(*value),
            Self::Undefined(_) => None,
        }
    }

    /// The interval, if there is one.
    pub fn interval(&self) -> Option<Interval> {
        match self {
            Self::Interval(_, interval) => Some(*interval),
            Self::Bare(..) | Self::Undefined(_) => None,
        }
    }

    /// Why the value or its interval is missing.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Interval(..) => None,
            Self::Bare(_, reason) | Self::Undefined(reason) => Some(*reason),
        }
    }
}

impl From<Reason> for Estimate {
    fn from(reason: Reason) -> Self {
        Self::Undefined(reason)
    }
}

impl Serialize for Estimate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Estimate", 4)?;
        object.serialize_field("value", &self.value())?;
        if self.value().is_some() {
            object.serialize_field("low", &self.interval().map(|interval| interval.low))?;
            object.serialize_field("high", &self.interval().map(|interval| interval.high))?;
        }
        if let Some(reason) = self.reason() {
            object.serialize_field("reason", &reason)?;
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_value_and_interval_or_why_not() {
        let json = |estimate: Estimate| serde_json::to_string(&estimate).unwrap();
        let known = Estimate::new(Ok(0.8), Ok(Interval { low: 0.7, high: 0.9 }));
        assert_eq!(json(known), r#"{"value":0.8,"low":0.7,"high":0.9}"#);
        let bare = Estimate::new(Ok(1.0), Err(Reason::PerfectAgreement));
        assert_eq!(json(bare), r#"{"value":1.0,"low":null,"high":null,"reason":"perfect_agreement"}"#);
        assert_eq!(json(Reason::NoPairs.into()), r#"{"value":null,"reason":"no_pairs"}"#);
    }

    #[test]
    fn a_value_that_is_not_a_number_never_leaves() {
        let estimate = Estimate::new(Ok(f64::NAN), Err(Reason::Thin));
        assert_eq!(estimate.value(), None);
    }
}
