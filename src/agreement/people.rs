//! How well people agree among each other.

use std::collections::BTreeMap;

use super::clusters::ClusterId;
use super::intervals::{Counted, Evidence, Family};
use super::observation::Verdict;
use super::scale::{Kind, LabelScale};
use super::units::sample;
use crate::statistics::bootstrap::{Contribution, Plan, Sample, Statistics, bootstrap};
use crate::statistics::krippendorff::{Coincidences, IntervalSums, Metric};
use crate::statistics::{Estimate, Interval, Reason};

/// What people said of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub cluster: ClusterId,
    /// One verdict of each of them.
    pub verdicts: Vec<Verdict>,
}

/// Agreement among people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AmongPeople {
    /// Items with verdicts of two or more.
    pub shared_items: usize,
    /// The share of pairs of people, over all pairs of an item, that say the same: pass or fail where the scale tells.
    pub raw_agreement: Estimate,
    /// Krippendorff's alpha on the declared scale.
    pub krippendorff_alpha: Estimate,
}

/// Compares people with each other.
pub fn among_people(scale: &LabelScale, said: &[Said], plan: &Plan) -> AmongPeople {
    let shared: Vec<&Said> = said.iter().filter(|said| said.verdicts.len() > 1).collect();
    AmongPeople {
        shared_items: shared.len(),
        raw_agreement: raw_agreement(scale, &shared),
        krippendorff_alpha: alpha(scale, &shared, plan),
    }
}

fn raw_agreement(scale: &LabelScale, shared: &[&Said]) -> Estimate {
    let counted: Vec<Counted> = shared
        .iter()
        .filter_map(|said| {
            let (hits, items) = pairs(&said.verdicts, |one, other| scale.agree(*one, *other).map(f64::from));
            (items > 0.0).then_some(Counted { cluster: said.cluster, items, hits })
        })
        .collect();
    if counted.is_empty() {
        return if shared.is_empty() { Reason::NoPairs } else { Reason::NotCategorical }.into();
    }
    Evidence::of(counted.iter().map(|one| (one.cluster, 1.0))).share(&counted, Reason::NoPairs)
}

/// (sum, number) of a closeness over the pairs of a list that have one.
pub(super) fn pairs<T>(list: &[T], closeness: impl Fn(&T, &T) -> Option<f64>) -> (f64, f64) {
    let pairs = list.iter().enumerate().flat_map(|(index, one)| list[..index].iter().map(move |other| (one, other)));
    pairs
        .filter_map(|(one, other)| closeness(one, other))
        .fold((0.0, 0.0), |(sum, number), of| (sum + of, number + 1.0))
}

fn alpha(scale: &LabelScale, shared: &[&Said], plan: &Plan) -> Estimate {
    let placed = |said: &&Said| -> Option<(ClusterId, Vec<super::observation::Place>)> {
        let places: Vec<_> = said.verdicts.iter().filter_map(|verdict| verdict.place()).collect();
        (places.len() > 1).then_some((said.cluster, places))
    };
    let items: Vec<_> = shared.iter().filter_map(placed).collect();
    let mut evidence = Evidence::of(items.iter().map(|item| (item.0, 1.0)));
    evidence.perfect = items.iter().all(|(_, places)| places.windows(2).all(|two| two[0].number == two[1].number));
    if scale.kind() == Kind::Numeric {
        let statistic = |totals: &[f64]| {
            let [within, labels, sum, sum_of_squares] = [totals[0], totals[1], totals[2], totals[3]];
            vec![IntervalSums { within, labels, sum, sum_of_squares }.alpha().unwrap_or(f64::NAN)]
        };
        let units = items.iter().map(|(cluster, places)| {
            let sums = IntervalSums::of_unit(&places.iter().map(|place| place.number).collect::<Vec<_>>());
            (*cluster, vec![(0, sums.within), (1, sums.labels), (2, sums.sum), (3, sums.sum_of_squares)])
        });
        return resampled(&evidence, Family::ChanceCorrected, true, sample(4, units), plan, &statistic);
    }
    let q = scale.values().len();
    let mut uses: BTreeMap<usize, usize> = BTreeMap::new();
    for place in items.iter().flat_map(|(_, places)| places) {
        *uses.entry(place.category).or_default() += 1;
    }
    evidence.minority = uses.values().sum::<usize>() - uses.values().max().unwrap_or(&0);
    let metric = if scale.kind() == Kind::Ordinal { Metric::Ordinal } else { Metric::Nominal };
    let units = items.iter().map(|(cluster, places)| {
        let categories: Vec<usize> = places.iter().map(|place| place.category).collect();
        let cells: Contribution =
            Coincidences::unit(q, &categories).into_iter().map(|(cell, amount)| (cell as u32, amount)).collect();
        (*cluster, cells)
    });
    let statistic = |totals: &[f64]| {
        let coincidences = Coincidences::from_sums(q, totals);
        vec![coincidences.and_then(|matrix| matrix.alpha(metric)).unwrap_or(f64::NAN)]
    };
    resampled(&evidence, Family::ChanceCorrected, true, sample(q * q, units), plan, &statistic)
}

/// A statistic of totals over items, with its bootstrap interval behind the gate of its family.
pub(super) fn resampled<S: Statistics>(
    evidence: &Evidence,
    family: Family,
    best_is_1: bool,
    sample: Sample,
    plan: &Plan,
    statistic: &S,
) -> Estimate {
    let value = statistic.evaluate(&sample.totals()).first().copied().filter(|value| value.is_finite());
    let none = if evidence.items == 0 { Reason::NoPairs } else { Reason::NoVariance };
    let interval = || -> Result<Interval, Reason> {
        evidence.gate(family, best_is_1)?;
        bootstrap(&sample, plan, statistic).first().copied().unwrap_or(Err(Reason::TooFew))
    };
    match value {
        None => none.into(),
        Some(value) => Estimate::new(Ok(value), interval()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::clusters::Clusters;
    use super::super::observation::Place;
    use super::*;

    /// Items that two people label, of which they agree on all but every `apart`th.
    fn said(items: usize, apart: usize) -> Vec<Said> {
        let mut clusters = Clusters::default();
        (0..items)
            .map(|index| {
                clusters.push(None, None);
                let place = |category: usize| Verdict::Placed {
                    place: Place { category, number: category as f64 },
                    pass: Some(category == 1),
                };
                let first = usize::from(index % 2 == 0);
                let second = if (index + 1) % apart == 0 { 1 - first } else { first };
                Said { cluster: clusters.of(index), verdicts: vec![place(first), place(second)] }
            })
            .collect()
    }

    fn among(said: &[Said]) -> AmongPeople {
        among_people(&LabelScale::pass_fail(), said, &Plan::default())
    }

    #[test]
    fn alpha_needs_a_hundred_items_that_two_people_labelled() {
        assert_eq!(among(&said(99, 7)).krippendorff_alpha.reason(), Some(Reason::Thin));
        assert!(among(&said(100, 7)).krippendorff_alpha.interval().is_some());
        assert!(among(&said(99, 7)).raw_agreement.interval().is_some(), "a share needs fewer");
    }

    #[test]
    fn people_who_never_differ_claim_no_certainty() {
        let among = among(&said(200, usize::MAX));
        assert_eq!(among.krippendorff_alpha, Estimate::Bare(1.0, Reason::PerfectAgreement));
        assert!(among.raw_agreement.interval().is_some_and(|interval| interval.low > 0.95));
    }

    #[test]
    fn one_person_alone_agrees_with_nobody() {
        let mut said = said(50, 7);
        for one in &mut said {
            one.verdicts.truncate(1);
        }
        let among = among(&said);
        assert_eq!((among.shared_items, among.raw_agreement.reason()), (0, Some(Reason::NoPairs)));
    }
}
