//! Weights and values as integers: sums of them do not depend on the order of adding.

use serde::{Deserialize, Serialize};

use crate::model::Probability;

/// Units that make up 1.
const SCALE: f64 = 1_000_000.0;

/// No weight is larger: an answer drawn more rarely than once in so many times stands for so many.
///
/// With it 10^8 scores weigh at most 10^8 · 10^5 · 10^6 = 10^19 units, and the squares of their sums at most 10^38, which an
/// i128 holds.
const MAX_WEIGHT: f64 = 100_000.0;

/// The inverse of the probability with which a score was drawn, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weight(i64);

impl Weight {
    /// None of a score that cannot have been drawn.
    pub fn of(probability: Probability) -> Option<Self> {
        let probability = probability.get();
        (probability > 0.0).then(|| Self((SCALE * (1.0 / probability).min(MAX_WEIGHT)).round() as i64))
    }

    /// In units.
    pub fn units(self) -> i128 {
        i128::from(self.0)
    }

    /// The class of weights that differ by an eighth at most. By integers: the same on every machine.
    pub fn class(self) -> WeightClass {
        let octave = self.0.max(8).ilog2();
        let eighth = (self.0 >> (octave - 3)) & 7;
        WeightClass(octave as u16 * 8 + eighth as u16)
    }

    /// The weight times `value`, in units.
    pub fn times(self, value: Fixed) -> i128 {
        // Rounded once and by integers: the same on every machine.
        let product = i128::from(self.0) * i128::from(value.0);
        (product + SCALE as i128 / 2).div_euclid(SCALE as i128)
    }
}

/// Weights that are about the same; the larger the number, the larger they are. There are less than 140.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeightClass(u16);

/// A number in [0, 1], in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fixed(i64);

impl Fixed {
    /// Of a value on [0, 1]; what lies beyond is cut to it.
    pub fn of(value: f64) -> Self {
        Self((value.clamp(0.0, 1.0) * SCALE).round() as i64)
    }

    /// In units.
    pub fn units(self) -> i128 {
        i128::from(self.0)
    }

    /// In which tenth of [0, 1] it lies: 0 to 9.
    pub(super) fn tenth(self) -> i64 {
        (self.0 * 10 / SCALE as i64).min(9)
    }
}

/// A sum of values, of weights, or of products of the two, as a number.
pub(super) fn number(units: i128) -> f64 {
    units as f64 / SCALE
}

/// A sum of squares of such.
pub(super) fn number_squared(units: i128) -> f64 {
    units as f64 / (SCALE * SCALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_the_inverse_of_its_probability() {
        let weight = |p: f64| Weight::of(Probability::try_from(p).unwrap());
        assert_eq!(weight(1.0).map(Weight::units), Some(1_000_000));
        assert_eq!(weight(0.15).map(Weight::units), Some(6_666_667));
        assert_eq!(weight(0.0), None);
        assert_eq!(weight(1e-12), weight(1e-5), "a single score never outweighs all others");
    }

    #[test]
    fn weights_of_a_class_differ_by_an_eighth_at_most() {
        let class = |weight: f64| Weight((weight * SCALE) as i64).class();
        let weights: Vec<f64> = (0..1_000).map(|step| 1.012_f64.powi(step)).take_while(|w| *w <= MAX_WEIGHT).collect();
        for pair in weights.windows(2) {
            assert!(class(pair[0]) <= class(pair[1]));
        }
        for (one, other) in weights.iter().zip(weights.iter().skip(10)) {
            assert_ne!(class(*one), class(*other), "{one} and {other}");
        }
    }

    #[test]
    fn a_hundred_million_of_the_heaviest_scores_in_one_conversation_fit() {
        let heaviest = Weight::of(Probability::try_from(1e-9).unwrap()).unwrap();
        let all = heaviest.units().checked_mul(100_000_000).unwrap();
        assert!(all.checked_mul(all).is_some());
        assert_eq!(heaviest.times(Fixed::of(1.0)), heaviest.units());
    }
}
