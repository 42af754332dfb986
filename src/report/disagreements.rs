//! The items that teach most: where judge and humans are furthest apart.

use std::collections::BTreeMap;

use super::data::{Disagreement, Moment};
use super::humans::HumanItem;
use super::levels::in_words;
use super::pairing::Pairs;
use crate::agreement::ScaleReader;
use crate::model::{Scale, SubjectId};
use crate::store::ScoredEvaluation;

/// How many are shown of each rubric.
const SHOWN: usize = 8;

/// Furthest apart first; a bad answer that the judge passed before a good one that it failed; newest first.
pub(super) fn most_telling(
    all: &[&Pairs<'_>],
    humans: &BTreeMap<SubjectId, HumanItem<'_>>,
    reader: &ScaleReader,
    scale: &Scale,
) -> Vec<Disagreement> {
    let mut apart: Vec<Apart<'_>> = all
        .iter()
        .flat_map(|pairs| pairs.observations.iter().map(|one| (pairs.row(one), one)))
        .map(|(evaluation, one)| Apart {
            evaluation,
            disagrees: reader.levels().agree(one.human, one.judge) == Some(false),
            distance: reader.distance(one.human, one.judge),
            passes: one.human.pass(),
        })
        .filter(|apart| apart.disagrees || apart.distance > 0.0)
        .collect();
    apart.sort_by(|a, b| {
        (b.disagrees.cmp(&a.disagrees))
            .then(b.distance.total_cmp(&a.distance))
            .then(a.passes.cmp(&b.passes))
            .then(b.evaluation.observed_at_ms.cmp(&a.evaluation.observed_at_ms))
            .then(a.evaluation.id.cmp(&b.evaluation.id))
    });
    let shown = apart.into_iter().take(SHOWN);
    shown.filter_map(|apart| Some(describe(&apart, humans.get(&apart.evaluation.subject)?, scale))).collect()
}

/// An item on which the two sides are apart.
struct Apart<'a> {
    evaluation: &'a ScoredEvaluation,
    disagrees: bool,
    distance: f64,
    /// Whether people pass it.
    passes: Option<bool>,
}

fn describe(apart: &Apart<'_>, item: &HumanItem<'_>, scale: &Scale) -> Disagreement {
    let spoken = item.spoken();
    let said: Vec<String> = spoken.iter().map(|label| in_words(Some(scale), label.score.as_ref())).collect();
    let unanimous = said.iter().all(|verdict| Some(verdict) == said.first());
    Disagreement {
        evaluation: apart.evaluation.id,
        subject: apart.evaluation.subject,
        trace_id: apart.evaluation.trace_id,
        span_id: apart.evaluation.span_id,
        observed_at: Moment(apart.evaluation.observed_at_ms),
        human: if unanimous { said.first().cloned().unwrap_or_default() } else { said.join(", ") },
        annotators: spoken.iter().map(|label| label.annotator.clone()).collect(),
        human_rationale: item.rationale(),
        judge: in_words(Some(scale), Some(&apart.evaluation.score)),
        rationale: apart.evaluation.rationale.clone(),
        distance: apart.distance,
    }
}
