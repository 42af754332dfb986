//! Stores results in groups: one transaction for all that has gathered while the last one ran.

use std::collections::BTreeSet;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::db_backoff::Patience;
use super::leases::Leases;
use super::stage::Evaluation;
use crate::judges::remedy;
use crate::model::Score;
use crate::store::{Conclusion, EvaluationResult, StoreError};
use crate::telemetry::{FinishedEvaluation, Metrics};

const GROUP: usize = 256;

/// Runs until every sender is gone. While the database is away the channel fills, and with it the judges' slots: results
/// wait, no new work is taken.
pub(super) async fn run(
    stage: Evaluation,
    leases: Leases,
    mut inbox: mpsc::Receiver<EvaluationResult>,
    hard: CancellationToken,
) -> Result<(), StoreError> {
    let mut patience = Patience::new("evaluation results");
    let metrics = Metrics::default();
    let mut told = BTreeSet::new();
    let mut group: Vec<EvaluationResult> = Vec::with_capacity(GROUP);
    while inbox.recv_many(&mut group, GROUP).await > 0 {
        loop {
            let stored = stage.store.finish_evaluations(&group, &*stage.routing).await;
            match patience.with(&hard, stored).await? {
                Some(effective) => {
                    let lost = group.len() - effective.len();
                    if lost > 0 {
                        // Another worker took the lease over, or late spans superseded the evaluation: its result counts.
                        tracing::warn!(lost, "results came too late to be stored");
                    }
                    for result in group.iter().filter(|result| effective.contains(&result.id())) {
                        observe(&metrics, &leases, result);
                        tell_of_failure(&mut told, &leases, result);
                    }
                    break;
                }
                None if hard.is_cancelled() => return Ok(()),
                None => {}
            }
        }
        leases.drop_all(group.drain(..).map(|result| result.id()));
    }
    Ok(())
}

/// Logs the first failure of each judge and reason; the report counts the others.
fn tell_of_failure(told: &mut BTreeSet<(String, &'static str)>, leases: &Leases, result: &EvaluationResult) {
    let EvaluationResult::Final { id, conclusion: Conclusion::Failed { reason, error }, .. } = result else { return };
    let Some(lease) = leases.get(*id) else { return };
    if told.insert((lease.judge.clone(), *reason)) {
        tracing::warn!(
            judge = lease.judge,
            rubric = lease.rubric,
            evaluation = %id,
            reason,
            error,
            remedy = remedy(reason),
            "an evaluation failed for good; the page of judges counts those that follow"
        );
    }
}

fn observe(metrics: &Metrics, leases: &Leases, result: &EvaluationResult) {
    let EvaluationResult::Final { id, conclusion, call } = result else { return };
    let Some(lease) = leases.get(*id) else { return };
    metrics.evaluation_finished(&FinishedEvaluation {
        rubric: &lease.rubric,
        version: lease.version,
        judge: &lease.judge,
        outcome: conclusion.outcome().as_str(),
        value: conclusion.score().and_then(Score::value),
        latency_seconds: call.latency_ms.map(|milliseconds| milliseconds as f64 / 1e3),
        cost_usd: call.cost_usd,
    });
}
