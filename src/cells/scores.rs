//! The scores of an hour, told one by one again from sums: for what looks at scores in their order.
//!
//! A cell tells scores apart by level and by class of weight, the whole of a series as well as each segment value. Within such a
//! group all scores get the same value and weight, so that counts, `Σ w` and `Σ w·value` of the hour come out exactly. The order
//! in the hour is not kept: groups are mixed evenly. Neither are the segments that one score has together: those of each
//! attribute are mixed evenly over the group, so that every segment by itself has the scores that it had.

use std::collections::BTreeMap;

use super::fixed::{WeightClass, number};
use super::sums::{Draws, Sums};

/// The sums of a series in an hour.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HourSums {
    /// Since the Unix epoch.
    pub hour: i64,
    pub whole: Sums,
    /// By segment name and value.
    pub segments: BTreeMap<String, BTreeMap<String, Sums>>,
}

/// One of the scores that an hour's sums stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct HourScore<'a> {
    /// Normalised to [0, 1].
    pub value: f64,
    /// How many answers it stands for.
    pub weight: f64,
    /// Segment names and values.
    pub segments: Vec<(&'a str, &'a str)>,
}

impl HourSums {
    /// Scores that have a value and a weight.
    pub fn scores(&self) -> u64 {
        self.whole.drawn()
    }
}

impl Sums {
    /// Scores that have a value and a weight.
    pub fn drawn(&self) -> u64 {
        let draws = self.levels.values().flat_map(|level| level.draws.values());
        draws.map(|draws| draws.scores.max(0) as u64).sum()
    }

    fn draws(&self) -> impl Iterator<Item = ((&str, WeightClass), &Draws)> {
        self.levels
            .iter()
            .flat_map(|(level, sums)| sums.draws.iter().map(move |(class, draws)| ((level.as_str(), *class), draws)))
    }

    fn drawn_in(&self, (level, class): (&str, WeightClass)) -> usize {
        let draws = self.levels.get(level).and_then(|sums| sums.draws.get(&class));
        draws.map_or(0, |draws| draws.scores.max(0) as usize)
    }
}

/// So many scores of an hour are told one by one, about; of more, each that is told stands for several.
const MOST_SCORES: u64 = 10_000;

/// The scores of an hour, evenly mixed.
pub fn scores_of_hour(sums: &HourSums) -> Vec<HourScore<'_>> {
    let step = sums.scores().div_ceil(MOST_SCORES).max(1) as usize;
    let groups: Vec<Vec<HourScore<'_>>> = sums
        .whole
        .draws()
        .filter(|(_, draws)| draws.weight > 0)
        .map(|(at, draws)| group(sums, at, draws, step))
        .collect();
    let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
    let mut left: Vec<_> = groups.into_iter().map(Vec::into_iter).collect();
    mixed(&sizes).into_iter().filter_map(|group| left.get_mut(group)?.next()).collect()
}

/// Every `step`th score of a group, at least one.
fn group<'a>(sums: &'a HourSums, at: (&str, WeightClass), draws: &Draws, step: usize) -> Vec<HourScore<'a>> {
    let all = draws.scores.max(0) as usize;
    let number_of = all.div_ceil(step);
    let weight = number(draws.weight);
    let one = HourScore {
        value: (number(draws.weighted) / weight).clamp(0.0, 1.0),
        weight: weight / number_of.max(1) as f64,
        segments: Vec::new(),
    };
    let mut scores = vec![one; number_of];
    for (name, values) in &sums.segments {
        let values: Vec<(&str, usize)> =
            values.iter().map(|(value, own)| (value.as_str(), own.drawn_in(at))).filter(|(_, own)| *own > 0).collect();
        // The rest has none of the values that are told, or none at all.
        let told: usize = values.iter().map(|(_, own)| own).sum();
        let sizes: Vec<usize> = values.iter().map(|(_, own)| *own).chain([all.saturating_sub(told)]).collect();
        // The hour's number shifts which ones are told: a rare value comes up in some hours.
        let first = sums.hour.rem_euclid(step as i64) as usize % all.max(1);
        for (score, index) in scores.iter_mut().zip(mixed(&sizes).into_iter().skip(first).step_by(step)) {
            score.segments.extend(values.get(index).map(|(value, _)| (name.as_str(), *value)));
        }
    }
    scores
}

/// Indexes of groups of these sizes, each as often as it is large and spread as evenly as it can be.
fn mixed(sizes: &[usize]) -> Vec<usize> {
    let place = |(index, size): (usize, usize)| {
        (0..size).map(move |number| ((2 * number + 1) as f64 / (2 * size) as f64, index))
    };
    let mut places: Vec<(f64, usize)> = sizes.iter().copied().enumerate().flat_map(place).collect();
    places.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    places.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
impl HourSums {
    /// Of scores of (value, probability, value of `segment`), as cells sum them up.
    pub fn of(hour: i64, segment: &str, scores: &[(f64, f64, &str)]) -> Self {
        use crate::cells::{Fixed, FoldedScore, Weight};
        use crate::model::Probability;

        let mut sums = Self { hour, ..Self::default() };
        for (value, probability, of) in scores {
            let score = FoldedScore {
                level: format!("{value}"),
                value: Some(Fixed::of(*value)),
                passes: None,
                weight: Weight::of(Probability::try_from(*probability).unwrap()),
            };
            sums.whole.add_score(&score, 1);
            let values = sums.segments.entry(segment.to_owned()).or_default();
            values.entry((*of).to_owned()).or_default().add_score(&score, 1);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-5 * other.abs().max(1.0)
    }

    #[test]
    fn the_whole_and_every_segment_have_the_scores_and_weights_that_they_had() {
        // Those who pay are all judged, others one in ten; they fail differently often.
        let mut scores = vec![(1.0, 1.0, "paid"); 30];
        scores.extend(vec![(0.0, 1.0, "paid"); 10]);
        scores.extend(vec![(1.0, 0.1, "free"); 5]);
        scores.extend(vec![(0.0, 0.1, "free"); 7]);
        let hour = HourSums::of(0, "plan", &scores);
        let told = scores_of_hour(&hour);
        let sums = |of: Option<&str>| {
            let own = scores.iter().filter(|(.., plan)| of.is_none_or(|of| of == *plan));
            own.fold((0, 0.0, 0.0), |(n, w, a), (value, p, _)| (n + 1, w + 1.0 / p, a + value / p))
        };
        let told_sums = |of: Option<&str>| {
            let own = told.iter().filter(|one| of.is_none_or(|of| one.segments == [("plan", of)]));
            own.fold((0, 0.0, 0.0), |(n, w, a), one| (n + 1, w + one.weight, a + one.weight * one.value))
        };
        for of in [None, Some("paid"), Some("free")] {
            let ((n, w, a), (told_n, told_w, told_a)) = (sums(of), told_sums(of));
            assert!(n == told_n && close(told_w, w) && close(told_a, a), "{of:?}");
        }
    }

    #[test]
    fn of_a_large_hour_a_bounded_number_is_told_with_the_same_sums() {
        let scores: Vec<(f64, f64, &str)> = (0..45_000)
            .map(|at| (f64::from(u8::from(at % 4 > 0)), 0.5, if at % 9 == 0 { "paid" } else { "free" }))
            .collect();
        let hour = HourSums::of(3, "plan", &scores);
        let told = scores_of_hour(&hour);
        assert!((9_000..=10_000).contains(&told.len()), "{}", told.len());
        let weight: f64 = told.iter().map(|one| one.weight).sum();
        let mean = told.iter().map(|one| one.weight * one.value).sum::<f64>() / weight;
        assert!(close(weight, 90_000.0) && close(mean, 0.75), "{weight} {mean}");
        let paid: f64 = told.iter().filter(|one| one.segments == [("plan", "paid")]).map(|one| one.weight).sum();
        assert!((paid / weight - 1.0 / 9.0).abs() < 0.005, "{paid}");
    }

    #[test]
    fn the_scores_of_an_hour_are_mixed_evenly() {
        let mut scores = vec![(1.0, 0.5, "paid"); 80];
        scores.extend(vec![(0.0, 0.5, "paid"); 20]);
        let hour = HourSums::of(0, "plan", &scores);
        for quarter in scores_of_hour(&hour).chunks(25) {
            let failed = quarter.iter().filter(|one| one.value < 0.5).count();
            assert_eq!(failed, 5);
        }
    }
}
