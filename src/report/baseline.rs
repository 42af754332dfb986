//! The baseline beside the judge: what the offline scorer says of every labelled answer that a real judge scored.
//!
//! The baseline is deterministic and costs nothing, so that it is computed when a report needs it and never stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{ReportInput, Traffic};
use crate::judges::{BASELINE, Judge, JudgeRequest};
use crate::model::{EvaluationId, Prompt, SubjectId, Verdict};
use crate::rubrics::Rubric;
use crate::store::{ScoredEvaluation, Store, StoreError};

/// The newest labelled answers for which it is computed: enough for any interval, and a report stays quick.
const MAX_ANSWERS: usize = 2_000;

/// Adds the baseline's scores of labelled answers, where they are not there already and the content still is.
pub async fn beside(store: &Store, rubrics: &[Arc<Rubric>], input: &mut ReportInput) -> Result<(), StoreError> {
    let (scored, baselines) = (&input.scored, &input.options.baselines);
    let labelled: BTreeSet<(SubjectId, &str)> =
        input.labels.iter().map(|label| (label.subject, label.rubric.as_str())).collect();
    let key = |one: &ScoredEvaluation| (one.subject, one.rubric.clone(), one.version);
    let is_baseline = |one: &&ScoredEvaluation| baselines.contains(&one.judge);
    let known: BTreeSet<_> = scored.iter().filter(is_baseline).map(key).collect();
    let wanted: BTreeMap<_, &ScoredEvaluation> = scored
        .iter()
        .rev()
        .filter(|one| !is_baseline(one) && labelled.contains(&(one.subject, one.rubric.as_str())))
        .filter(|one| !known.contains(&key(one)))
        .take(MAX_ANSWERS)
        .map(|one| (key(one), one))
        .collect();
    let judge = Judge::baseline(BASELINE);
    let mut found = Vec::new();
    for one in wanted.into_values() {
        let rubric = rubrics.iter().find(|rubric| rubric.name == one.rubric && rubric.version == one.version);
        let (Some(rubric), Some(record)) = (rubric, store.subject_record(one.subject).await?) else { continue };
        let Some(content) = record.content else { continue };
        let request = JudgeRequest {
            evaluation: None,
            prompt: &Prompt { system: String::new(), user: String::new() },
            schema: &serde_json::Value::Null,
            scale: &rubric.scale,
            abstain: rubric.abstain,
            rubric: &rubric.name,
            version: rubric.version,
            decision: &rubric.decision,
            content: &content,
            traceparent: None,
            deadline: Duration::MAX,
        };
        let Ok(reply) = judge.judge(request).await else { continue };
        if let Verdict::Scored { score, rationale } = reply.verdict {
            found.push(ScoredEvaluation {
                id: EvaluationId::derive(one.subject, 0, &one.rubric, one.version, BASELINE),
                judge: BASELINE.to_owned(),
                judge_model: reply.model,
                score,
                distribution: None,
                rationale: Some(rationale),
                latency_ms: None,
                ..one.clone()
            });
        }
    }
    input.traffic.extend(Traffic::of_rows(&found));
    input.scored.extend(found);
    input.scored.sort_by_key(|one| (one.observed_at_ms, one.id));
    Ok(())
}
