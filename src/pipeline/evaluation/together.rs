//! Judging a subject by several rubrics in one call, as decision models can.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::attempt::Attempt;
use crate::judges::{Asked, DecisionRequest, MOST_QUESTIONS};
use crate::model::{StateField, SubjectContent, SubjectId};
use crate::rubrics::{Catalogue, Rubric};
use crate::store::{EvaluationResult, LeasedEvaluation};

/// The evaluations that go into one call each: of one subject, by rubrics that show the same fields, no rubric version twice.
/// Their order is that of the rubrics, so that what is asked does not depend on how they were leased.
pub(super) fn groups(leased: Vec<LeasedEvaluation>, catalogue: &Catalogue) -> Vec<Vec<LeasedEvaluation>> {
    let mut by_state: BTreeMap<(SubjectId, Option<Vec<StateField>>), Vec<LeasedEvaluation>> = BTreeMap::new();
    for evaluation in leased {
        let rubric = catalogue.version(&evaluation.rubric, evaluation.version);
        let fields = rubric.map(|rubric| rubric.decision.fields.clone());
        by_state.entry((evaluation.subject, fields)).or_default().push(evaluation);
    }
    by_state.into_values().flat_map(calls).collect()
}

fn calls(mut evaluations: Vec<LeasedEvaluation>) -> Vec<Vec<LeasedEvaluation>> {
    evaluations.sort_by(|a, b| (&a.rubric, a.version, a.id).cmp(&(&b.rubric, b.version, b.id)));
    let mut calls: Vec<(BTreeSet<(String, u32)>, Vec<LeasedEvaluation>)> = Vec::new();
    for evaluation in evaluations {
        let key = (evaluation.rubric.clone(), evaluation.version);
        match calls.iter_mut().find(|(keys, call)| call.len() < MOST_QUESTIONS && !keys.contains(&key)) {
            Some((keys, call)) => {
                keys.insert(key);
                call.push(evaluation);
            }
            None => calls.push((BTreeSet::from([key]), vec![evaluation])),
        }
    }
    calls.into_iter().map(|(_, call)| call).collect()
}

/// Judges the evaluations of one group; one result for each.
pub(super) async fn run(attempts: Vec<Attempt>) -> Vec<EvaluationResult> {
    let mut results = Vec::with_capacity(attempts.len());
    let mut ready: Vec<(Attempt, Arc<Rubric>, Arc<SubjectContent>)> = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        match attempt.prepared() {
            Ok((rubric, content)) => ready.push((attempt, rubric, content)),
            Err(result) => results.push(*result),
        }
    }
    let Some((first, rubric, content)) = ready.first() else { return results };
    let request = DecisionRequest {
        content,
        fields: &rubric.decision.fields,
        asked: ready.iter().map(|(attempt, rubric, _)| asked(attempt, rubric)).collect(),
        traceparent: crate::telemetry::traceparent(),
        deadline: ready.iter().map(|(attempt, ..)| attempt.time_left()).min().unwrap_or_default(),
    };
    let replies = first.judge.decide(&request).await;
    results.extend(ready.iter().zip(replies).map(|((attempt, rubric, _), reply)| match reply {
        Ok(reply) => {
            let reply = attempt.thresholds.applied(rubric, attempt.judge.name(), reply);
            attempt.verdict(None, "", reply)
        }
        Err(error) => attempt.refused(None, "", &error),
    }));
    results
}

fn asked<'a>(attempt: &Attempt, rubric: &'a Rubric) -> Asked<'a> {
    Asked {
        evaluation: Some(attempt.evaluation.id),
        rubric: &rubric.name,
        version: rubric.version,
        scale: &rubric.scale,
        abstain: rubric.abstain,
        decision: &rubric.decision,
    }
}
