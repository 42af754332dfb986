//! The items that teach most: where judge and humans are furthest apart.

use std::collections::BTreeMap;

use super::data::{Disagreement, Moment};
use super::humans::HumanItem;
use super::pairing::Pair;
use super::placing::in_words;
use super::scores::agrees;
use crate::model::{Scale, SubjectId};

/// How many are shown of each rubric.
const SHOWN: usize = 8;

/// Furthest apart first; a bad answer that the judge passed before a good one that it failed; newest first.
pub(super) fn most_telling<'a>(
    pairs: impl Iterator<Item = &'a Pair<'a>>,
    humans: &BTreeMap<SubjectId, HumanItem<'_>>,
    scale: &Scale,
) -> Vec<Disagreement> {
    let mut apart: Vec<&Pair<'_>> = pairs.filter(|pair| !agrees(pair) || distance(pair) > 0.0).collect();
    apart.sort_by(|a, b| {
        agrees(a)
            .cmp(&agrees(b))
            .then(distance(b).total_cmp(&distance(a)))
            .then(a.human.pass.cmp(&b.human.pass))
            .then(b.evaluation.observed_at_ms.cmp(&a.evaluation.observed_at_ms))
            .then(a.evaluation.id.cmp(&b.evaluation.id))
    });
    let shown = apart.into_iter().take(SHOWN);
    shown.filter_map(|pair| Some(describe(pair, humans.get(&pair.evaluation.subject)?, scale))).collect()
}

fn distance(pair: &Pair<'_>) -> f64 {
    match (pair.human.value, pair.judge.value) {
        (Some(human), Some(judge)) => (human - judge).abs(),
        _ => f64::from(u8::from(pair.human.level != pair.judge.level)),
    }
}

fn describe(pair: &Pair<'_>, item: &HumanItem<'_>, scale: &Scale) -> Disagreement {
    let said: Vec<String> = item.labels.values().map(|label| in_words(Some(scale), label.score.as_ref())).collect();
    let unanimous = said.iter().all(|verdict| Some(verdict) == said.first());
    Disagreement {
        evaluation: pair.evaluation.id,
        subject: pair.evaluation.subject,
        trace_id: pair.evaluation.trace_id,
        span_id: pair.evaluation.span_id,
        observed_at: Moment(pair.evaluation.observed_at_ms),
        human: if unanimous { said.first().cloned().unwrap_or_default() } else { said.join(", ") },
        annotators: item.labels.keys().map(|name| (*name).to_owned()).collect(),
        human_rationale: item.rationale(),
        judge: in_words(Some(scale), Some(&pair.evaluation.score)),
        rationale: pair.evaluation.rationale.clone(),
        distance: distance(pair),
    }
}
