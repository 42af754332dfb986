//! Two judges against the same people: by how much one agrees with them more often.

use super::intervals::{Counted, Evidence, Family};
use super::observation::{Observation, Verdict};
use super::people::resampled;
use super::scale::LabelScale;
use super::units::sample;
use crate::statistics::bootstrap::Plan;
use crate::statistics::{Estimate, Reason};

/// Another judge on the items of this one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Advantage {
    /// Items that both judged.
    pub items: usize,
    /// The other's share of equal verdicts.
    pub other: Estimate,
    /// This judge's share minus the other's.
    pub advantage: Estimate,
}

/// Compares the judge of `observations` with another, whose verdict stands beside each.
pub fn advantage(scale: &LabelScale, observations: &[(Observation, Verdict)], plan: &Plan) -> Advantage {
    let both: Vec<(&Observation, bool, bool)> = observations
        .iter()
        .filter_map(|(observation, other)| {
            let agrees = |judge: Verdict| scale.agree(observation.human, judge);
            Some((observation, agrees(observation.judge)?, agrees(*other)?))
        })
        .collect();
    let evidence = Evidence::of(both.iter().map(|(observation, ..)| (observation.cluster, observation.weight)));
    let counted: Vec<Counted> = both
        .iter()
        .map(|(observation, _, other)| Counted::new(observation.cluster, observation.weight, *other))
        .collect();
    let units = both.iter().map(|(observation, own, other)| {
        let weight = observation.weight;
        let hit = |hit: bool| if hit { weight } else { 0.0 };
        (observation.cluster, vec![(0, weight), (1, hit(*own)), (2, hit(*other))])
    });
    let difference = |totals: &[f64]| vec![(totals[1] - totals[2]) / totals[0]];
    Advantage {
        items: both.len(),
        other: evidence.share(&counted, Reason::NoPairs),
        advantage: resampled(&evidence, Family::Difference, false, sample(3, units), plan, &difference),
    }
}
