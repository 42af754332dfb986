//! Judge and human verdicts on the same items, with the weights that their draws call for.

use std::collections::BTreeMap;

use super::humans::{Consensus, HumanItem, Selection};
use crate::agreement::{Clusters, Observation, ScaleReader, Verdict};
use crate::model::SubjectId;
use crate::store::ScoredEvaluation;

/// The items of one series and one way of choosing them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pairs<'a> {
    /// What was judged, by the number that an observation calls its item.
    pub(super) rows: Vec<&'a ScoredEvaluation>,
    /// Both verdicts on each, weighted by 1 / (probability of being judged × probability of being labelled).
    pub(super) observations: Vec<Observation>,
    pub(super) ties: u64,
    pub(super) off_scale: u64,
    pub(super) unweighable: u64,
}

/// An item with both verdicts, before it is weighed against the others.
struct Found<'a> {
    evaluation: &'a ScoredEvaluation,
    human: Verdict,
    judge: Verdict,
    selection: Selection,
}

/// Items that are gathered.
#[derive(Default)]
struct Gathered<'a> {
    found: Vec<Found<'a>>,
    ties: u64,
    off_scale: u64,
}

/// The pairs of a series: drawn with known probabilities, and of unknown selection. The two are never mixed.
pub(super) fn pair<'a>(
    evaluations: &[&'a ScoredEvaluation],
    humans: &BTreeMap<SubjectId, HumanItem<'_>>,
    reader: &ScaleReader,
) -> (Pairs<'a>, Pairs<'a>) {
    let (mut drawn, mut unknown) = (Gathered::default(), Gathered::default());
    for evaluation in evaluations {
        let Some(item) = humans.get(&evaluation.subject) else { continue };
        let selection = item.selection();
        let side = if selection == Selection::Unknown { &mut unknown } else { &mut drawn };
        match (item.consensus(reader), reader.read(&evaluation.score)) {
            (Consensus::Of(human), Some(judge)) => side.found.push(Found { evaluation, human, judge, selection }),
            (Consensus::Tie, _) => side.ties += 1,
            (Consensus::OffScale, _) | (_, None) => side.off_scale += 1,
        }
    }
    (drawn.weighed(weigh), unknown.weighed(|found| vec![1.0; found.len()]))
}

impl<'a> Gathered<'a> {
    fn weighed(mut self, weigh: impl Fn(&mut Vec<Found<'a>>) -> Vec<f64>) -> Pairs<'a> {
        let before = self.found.len();
        let weights = weigh(&mut self.found);
        let mut clusters = Clusters::default();
        for Found { evaluation, .. } in &self.found {
            clusters.push(evaluation.session_id.as_deref(), Some(&evaluation.content_digest));
        }
        let observations = self.found.iter().zip(weights).enumerate().map(|(item, (found, weight))| Observation {
            item,
            cluster: clusters.of(item),
            weight,
            judge: found.judge,
            human: found.human,
        });
        Pairs {
            observations: observations.collect(),
            rows: self.found.iter().map(|found| found.evaluation).collect(),
            ties: self.ties,
            off_scale: self.off_scale,
            unweighable: (before - self.found.len()) as u64,
        }
    }
}

/// Uniform draws alone count equally among themselves. Where targeted ones stand beside them, every item counts by the
/// probability recorded at its draw; items without one cannot be weighed against the rest: the smaller side of such a
/// mixture, the targeted items, is left out. The mean weight is 1, so that sums of weights read as counts.
fn weigh(found: &mut Vec<Found<'_>>) -> Vec<f64> {
    let targeted = found.iter().any(|one| matches!(one.selection, Selection::Targeted(_)));
    let unrecorded = found.iter().any(|one| one.selection == Selection::Uniform(None));
    if targeted && unrecorded {
        found.retain(|one| matches!(one.selection, Selection::Uniform(_)));
    }
    let by_record = targeted && !unrecorded;
    let weight = |one: &Found<'_>| {
        let drawn = match one.selection {
            Selection::Uniform(Some(p)) | Selection::Targeted(p) if by_record => p,
            Selection::Uniform(_) | Selection::Targeted(_) | Selection::Unknown => 1.0,
        };
        let judged = one.evaluation.inclusion_probability.get();
        if judged > 0.0 { 1.0 / (judged * drawn) } else { 0.0 }
    };
    let weights: Vec<f64> = found.iter().map(weight).collect();
    if weights.windows(2).all(|two| two[0] == two[1]) {
        return vec![1.0; weights.len()];
    }
    let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
    if mean > 0.0 { weights.iter().map(|weight| weight / mean).collect() } else { weights }
}

impl<'a> Pairs<'a> {
    /// What was judged of an observation's item.
    pub(super) fn row(&self, observation: &Observation) -> &'a ScoredEvaluation {
        self.rows[observation.item]
    }
}
