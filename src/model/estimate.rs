//! What a statistic says: a value with its interval, a value without one and why, or no value and why.

use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::named::named_enum;

named_enum! {
    /// Why a value or its interval does not exist: a code in JSON, a sentence for people.
    #[derive(thiserror::Error)]
    pub enum Reason {
        /// Nothing to compare.
        #[error("no pair of labels to compare")]
        NoPairs = "no_pairs",
        /// All values are one and the same, so that chance explains everything.
        #[error("every label is the same")]
        NoVariance = "no_variance",
        /// The judge gave one value throughout.
        #[error("the judge said the same every time")]
        JudgeConstant = "judge_constant",
        /// The human gave one value throughout.
        #[error("the human said the same every time")]
        HumanConstant = "human_constant",
        /// Not one disagreement: the analytic standard error is 0 and `[1, 1]` would claim certainty.
        #[error("no disagreement was seen, an interval of no width would claim certainty")]
        PerfectAgreement = "perfect_agreement",
        /// Fewer than 100 pairs, or fewer than 10 human labels outside the commonest class: measured coverage of
        /// every known interval is too low.
        #[error("too few labels, or too few outside the commonest class, for an honest interval")]
        Thin = "thin",
        /// Weights leave less than 30 effective observations.
        #[error("the weights leave fewer than 30 effective labels")]
        FewEffective = "few_effective",
        /// Fewer observations than the method needs.
        #[error("too few observations")]
        TooFew = "too_few",
        /// It rests on the labels that raised an alarm, which are the unlucky ones.
        #[error("until 30 labels have come after the alarm it rests on those that raised it, and overstates")]
        Provisional = "provisional",
        /// The statistic was undefined, or on one side of the estimate, in too many resamples.
        #[error("too many resamples had no value")]
        Unstable = "unstable",
        /// Only defined for a positive and a negative class.
        #[error("needs a binary scale")]
        NotBinary = "not_binary",
        /// Only defined where categories have an order.
        #[error("needs an ordered scale")]
        NotOrdered = "not_ordered",
        /// Only defined for a declared list of categories.
        #[error("needs a scale of categories")]
        NotCategorical = "not_categorical",
        /// No human label is positive.
        #[error("no human label is positive")]
        NoPositives = "no_positives",
        /// No human label is negative.
        #[error("no human label is negative")]
        NoNegatives = "no_negatives",
        /// The judge never said positive.
        #[error("the judge never said positive")]
        JudgeNeverPositive = "judge_never_positive",
        /// The judge never said negative.
        #[error("the judge never said negative")]
        JudgeNeverNegative = "judge_never_negative",
        /// Fewer than two, or for some methods three, annotators.
        #[error("too few annotators")]
        TooFewAnnotators = "too_few_annotators",
        /// TPR + TNR - 1 is too small for the judge to carry information.
        #[error("the judge is too close to guessing")]
        JudgeUninformative = "judge_uninformative",
        /// Lengths differ, a number is not finite, or a probability is outside its range.
        #[error("the input is not valid for this statistic")]
        InvalidInput = "invalid_input",
    }
}

/// A closed interval, `low <= high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Members<R>", bound(deserialize = "R: Deserialize<'de>"))]
pub enum Estimate<R = Reason> {
    /// A value and its interval.
    Interval(f64, Interval),
    /// A value, and why it has no interval.
    Bare(f64, R),
    /// No value, and why.
    Undefined(R),
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
}

impl<R> Estimate<R> {
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

    /// The same estimate, its reason told in another way.
    pub fn map_reason<S>(self, other: impl FnOnce(R) -> S) -> Estimate<S> {
        match self {
            Self::Interval(value, interval) => Estimate::Interval(value, interval),
            Self::Bare(value, reason) => Estimate::Bare(value, other(reason)),
            Self::Undefined(reason) => Estimate::Undefined(other(reason)),
        }
    }
}

impl<R: Clone> Estimate<R> {
    /// Why the value or its interval is missing.
    pub fn reason(&self) -> Option<R> {
        match self {
            Self::Interval(..) => None,
            Self::Bare(_, reason) | Self::Undefined(reason) => Some(reason.clone()),
        }
    }
}

impl From<Reason> for Estimate {
    fn from(reason: Reason) -> Self {
        Self::Undefined(reason)
    }
}

impl<R: Clone + Serialize> Serialize for Estimate<R> {
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

/// The members in which an estimate is written, before they are known to be one.
#[derive(Debug, Deserialize)]
pub(super) struct Members<R> {
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    reason: Option<R>,
}

impl<R> Members<R> {
    /// The estimate; `unsaid` is asked for a reason that is needed and missing.
    pub(super) fn estimate<E>(self, unsaid: impl FnOnce() -> Result<R, E>) -> Result<Estimate<R>, E> {
        if let (Some(value), Some(low), Some(high)) = (self.value, self.low, self.high) {
            return Ok(Estimate::Interval(value, Interval { low, high }));
        }
        let reason = self.reason.map_or_else(unsaid, Ok)?;
        Ok(match self.value {
            Some(value) => Estimate::Bare(value, reason),
            None => Estimate::Undefined(reason),
        })
    }
}

/// An estimate that lacks value or interval, and the reason too.
#[derive(Debug, thiserror::Error)]
#[error("an estimate without `value`, `low` or `high` needs a `reason`")]
pub(super) struct Unexplained;

impl<R> TryFrom<Members<R>> for Estimate<R> {
    type Error = Unexplained;

    fn try_from(members: Members<R>) -> Result<Self, Unexplained> {
        members.estimate(|| Err(Unexplained))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::Named;

    #[test]
    fn json_says_value_and_interval_or_why_not_and_reads_back() {
        let interval = Interval { low: 0.7, high: 0.9 };
        for (estimate, json) in [
            (Estimate::new(Ok(0.8), Ok(interval)), r#"{"value":0.8,"low":0.7,"high":0.9}"#),
            (
                Estimate::new(Ok(1.0), Err(Reason::PerfectAgreement)),
                r#"{"value":1.0,"low":null,"high":null,"reason":"perfect_agreement"}"#,
            ),
            (Reason::NoPairs.into(), r#"{"value":null,"reason":"no_pairs"}"#),
        ] {
            assert_eq!(serde_json::to_string(&estimate).unwrap(), json);
            assert_eq!(serde_json::from_str::<Estimate>(json).unwrap(), estimate);
        }
    }

    #[test]
    fn an_estimate_that_lacks_its_interval_and_the_reason_is_refused() {
        for json in [r#"{"value":0.8}"#, r#"{"value":0.8,"low":0.7}"#, r#"{"value":null}"#, "{}"] {
            let error = serde_json::from_str::<Estimate>(json).unwrap_err().to_string();
            assert!(error.contains("needs a `reason`"), "{json}: {error}");
        }
        let error = serde_json::from_str::<Estimate>(r#"{"value":null,"reason":"of_old"}"#).unwrap_err().to_string();
        assert!(error.contains("unknown variant `of_old`"), "{error}");
    }

    #[test]
    fn every_reason_has_a_sentence_of_its_own() {
        let sentences: BTreeSet<String> = Reason::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(sentences.len(), Reason::ALL.len(), "{sentences:?}");
        assert!(sentences.iter().all(|sentence| sentence.contains(' ') && !sentence.contains('_')), "{sentences:?}");
    }

    #[test]
    fn a_value_that_is_not_a_number_never_leaves() {
        let estimate = Estimate::new(Ok(f64::NAN), Err(Reason::Thin));
        assert_eq!(estimate.value(), None);
    }
}
