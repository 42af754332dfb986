//! Two sides of the same items, on one scale: what coefficients are computed from.

use super::clusters::ClusterId;
use super::observation::{Observation, Place};

/// One item as both sides see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    pub(super) human: Place,
    pub(super) judge: Place,
    pub(super) weight: f64,
    pub(super) cluster: ClusterId,
}

/// Items on which both sides have a place on the scale.
pub(super) fn by_place(observations: &[Observation]) -> Vec<Pair> {
    pairs(observations, |observation| Some((observation.human.place()?, observation.judge.place()?)))
}

/// Items on which both sides pass or fail, as the two categories of [`LabelScale::pass_fail`](super::LabelScale::pass_fail).
pub(super) fn by_side(observations: &[Observation]) -> Vec<Pair> {
    let side = |pass: bool| Place { category: usize::from(pass), number: f64::from(u8::from(pass)) };
    pairs(observations, |observation| Some((side(observation.human.pass()?), side(observation.judge.pass()?))))
}

fn pairs(observations: &[Observation], both: impl Fn(&Observation) -> Option<(Place, Place)>) -> Vec<Pair> {
    let pair = |observation: &Observation| {
        let (human, judge) = both(observation)?;
        Some(Pair { human, judge, weight: observation.weight, cluster: observation.cluster })
    };
    observations.iter().filter_map(pair).collect()
}
