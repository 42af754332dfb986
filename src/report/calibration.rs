//! Whether the probabilities of a judge are what they say, against the labels of its series.

use std::collections::{BTreeMap, HashMap};

use super::input::ReportInput;
use super::{humans, pairing};
use crate::agreement::ScaleReader;
use crate::model::{Scale, model_of_series};
use crate::statistics::bootstrap::Plan;
use crate::statistics::calibration::{Calibration, Graded, calibration};
use crate::store::{ScoredEvaluation, ThresholdKey};

/// Of the answers of a series that people and a judge with probabilities have judged; `None` where there are none, or the scale
/// does not say what passes.
pub(super) fn report(pairs: &pairing::Pairs<'_>, scale: &Scale) -> Option<Calibration> {
    let items = graded(pairs, scale);
    if items.is_empty() {
        return None;
    }
    Some(calibration(&items, &Plan::default()))
}

fn graded(pairs: &pairing::Pairs<'_>, scale: &Scale) -> Vec<Graded> {
    let mut numbers: HashMap<_, usize> = HashMap::new();
    let mut items = Vec::new();
    for observation in &pairs.observations {
        let distribution = pairs.row(observation).distribution.as_ref();
        let probability = distribution.and_then(|distribution| distribution.passing(scale));
        let (Some(probability), Some(passes)) = (probability, observation.human.pass()) else { continue };
        let next = numbers.len();
        let cluster = *numbers.entry(observation.cluster).or_insert(next);
        items.push(Graded { cluster, weight: observation.weight, probability, passes });
    }
    items
}

/// The labelled probabilities of every judge on a binary scale, whatever threshold made their verdicts: what a threshold is
/// chosen on. Labels that were drawn with known probabilities; where there are none, those of unknown selection.
pub fn labelled_probabilities(input: &ReportInput, rubric: &str) -> BTreeMap<ThresholdKey, Vec<Graded>> {
    let by_subject = humans::by_subject(&input.labels, rubric);
    let mut members: BTreeMap<ThresholdKey, Vec<&ScoredEvaluation>> = BTreeMap::new();
    for one in input.scored.iter().filter(|one| one.rubric == rubric && one.distribution.is_some()) {
        let model = one.judge_model.as_deref().map_or("", |model| model_of_series(model).0);
        let key = ThresholdKey {
            rubric: one.rubric.clone(),
            version: one.version,
            judge: one.judge.clone(),
            model: model.to_owned(),
        };
        members.entry(key).or_default().push(one);
    }
    let mut found = BTreeMap::new();
    for (key, evaluations) in members {
        let facts = input.rubrics.iter().find(|facts| facts.name == key.rubric && facts.version == key.version);
        let Some(facts) = facts.filter(|facts| matches!(facts.scale, Scale::Binary { .. })) else { continue };
        let (drawn, unknown) = pairing::pair(&evaluations, &by_subject, &ScaleReader::of(&facts.scale));
        let drawn = graded(&drawn, &facts.scale);
        found.insert(key, if drawn.is_empty() { graded(&unknown, &facts.scale) } else { drawn });
    }
    found
}
