//! Judge and human verdicts on the same items, with the weights that their draws call for.

use std::collections::{BTreeMap, HashMap};

use super::humans::{Consensus, HumanItem, Selection};
use super::placing::{Placed, place};
use crate::model::{Scale, SubjectId};
use crate::statistics::bootstrap::{Contribution, Sample};
use crate::statistics::survey::effective_size;
use crate::store::ScoredEvaluation;

/// One item with both verdicts.
#[derive(Debug, Clone)]
pub(super) struct Pair<'a> {
    pub(super) evaluation: &'a ScoredEvaluation,
    pub(super) human: Placed,
    pub(super) judge: Placed,
    /// 1 / (probability of being judged × probability of being labelled), up to a common factor.
    pub(super) weight: f64,
    pub(super) selection: Selection,
}

/// The items of one series and one way of choosing them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pairs<'a> {
    pub(super) items: Vec<Pair<'a>>,
    pub(super) ties: u64,
    pub(super) off_scale: u64,
    pub(super) unweighable: u64,
}

/// The pairs of a series: drawn with known probabilities, and of unknown selection. The two are never mixed.
pub(super) fn pair<'a>(
    evaluations: &[&'a ScoredEvaluation],
    humans: &BTreeMap<SubjectId, HumanItem<'_>>,
    scale: &Scale,
) -> (Pairs<'a>, Pairs<'a>) {
    let (mut drawn, mut unknown) = (Pairs::default(), Pairs::default());
    for evaluation in evaluations {
        let Some(item) = humans.get(&evaluation.subject) else { continue };
        let selection = item.selection();
        let side = if selection == Selection::Unknown { &mut unknown } else { &mut drawn };
        match (item.consensus(scale), place(scale, &evaluation.score)) {
            (Consensus::Of(human), Some(judge)) => {
                side.items.push(Pair { evaluation, human, judge, weight: 1.0, selection });
            }
            (Consensus::Tie, _) => side.ties += 1,
            (Consensus::OffScale, _) | (_, None) => side.off_scale += 1,
        }
    }
    drawn.weigh();
    (drawn, unknown)
}

impl Pairs<'_> {
    /// Uniform draws alone count equally among themselves. Where targeted ones stand beside them, every item counts by
    /// the probability recorded at its draw; items without one cannot be weighed against the rest: the smaller side of
    /// such a mixture, the targeted items, is left out and counted.
    fn weigh(&mut self) {
        let targeted = self.items.iter().any(|pair| matches!(pair.selection, Selection::Targeted(_)));
        let unrecorded = self.items.iter().any(|pair| pair.selection == Selection::Uniform(None));
        if targeted && unrecorded {
            let before = self.items.len();
            self.items.retain(|pair| matches!(pair.selection, Selection::Uniform(_)));
            self.unweighable = (before - self.items.len()) as u64;
        }
        let by_record = targeted && !unrecorded;
        for pair in &mut self.items {
            let drawn = match pair.selection {
                Selection::Uniform(Some(p)) | Selection::Targeted(p) if by_record => p,
                _ => 1.0,
            };
            let judged = pair.evaluation.inclusion_probability.get();
            pair.weight = if judged > 0.0 { 1.0 / (judged * drawn) } else { 0.0 };
        }
        // A mean weight of 1, so that sums of weights read as counts.
        let mean = self.items.iter().map(|pair| pair.weight).sum::<f64>() / self.items.len().max(1) as f64;
        for pair in self.items.iter_mut().filter(|_| mean > 0.0) {
            pair.weight /= mean;
        }
    }

    /// Kish's effective number of items.
    pub(super) fn effective(&self) -> f64 {
        effective_size(self.items.iter().map(|pair| pair.weight))
    }

    /// Items as units of a bootstrap; those of one conversation are one unit.
    pub(super) fn sample(&self, dimensions: usize, contribution: impl Fn(&Pair<'_>) -> Vec<(usize, f64)>) -> Sample {
        let mut clusters: HashMap<&str, usize> = HashMap::new();
        let mut units: Vec<Contribution> = Vec::new();
        for pair in &self.items {
            let cells = contribution(pair).into_iter().map(|(cell, amount)| (cell as u32, amount * pair.weight));
            let next = units.len();
            match pair.evaluation.session_id.as_deref() {
                None => units.push(cells.collect()),
                Some(session) => match *clusters.entry(session).or_insert(next) {
                    unit if unit == next => units.push(cells.collect()),
                    unit => units[unit].extend(cells),
                },
            }
        }
        Sample::new(dimensions, units)
    }
}
