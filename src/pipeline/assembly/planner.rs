//! Which rubrics judge a subject, and with which probability: one decision for every rubric of the subject's kind.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::model::{EvaluationId, Outcome, Probability, Subject};
use crate::rubrics::Rubric;
use crate::store::PlannedEvaluation;

/// The sampling facts of a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TraceDraw {
    /// Its number in [0, 1).
    pub(super) u: f64,
    /// The probability with which it came as far as judged.
    pub(super) upstream: Probability,
}

/// The reason not to judge what was cut off.
const CUT: &str = "cut";

/// Decides for one subject. `rate` gives the rate of the subject's trace for a rubric and its judge.
pub(super) fn plan(
    subject: &Subject,
    revision: u32,
    rubrics: &[Arc<Rubric>],
    draw: TraceDraw,
    rate: &dyn Fn(&Rubric) -> Probability,
    deadline_ms: i64,
    judge_cut: bool,
) -> Vec<PlannedEvaluation> {
    rubrics
        .iter()
        .filter(|rubric| rubric.subject == subject.kind)
        .map(|rubric| {
            let rate = rate(rubric);
            let (outcome, reason) = decide(subject, rubric, draw.u, rate, judge_cut);
            PlannedEvaluation {
                id: EvaluationId::derive(subject.id, revision, &rubric.name, rubric.version, &rubric.judge),
                rubric: rubric.name.clone(),
                version: rubric.version,
                judge: rubric.judge.clone(),
                outcome,
                reason,
                inclusion_probability: rate.and(draw.upstream),
                deadline_ms,
            }
        })
        .collect()
}

/// One decision: filtered and why, not drawn, or to be judged. `judge_cut` judges what was cut, or may have been, as if it
/// were whole.
pub fn decide(
    subject: &Subject,
    rubric: &Rubric,
    u: f64,
    rate: Probability,
    judge_cut: bool,
) -> (Outcome, Option<String>) {
    let filtered = |reason: &str| (Outcome::Filtered, Some(reason.to_owned()));
    if let Some(reason) = &subject.unjudgeable {
        return filtered(reason);
    }
    if !rubric.applies_to(subject) {
        return filtered("no_match");
    }
    if !judge_cut && rubric.needs_any(subject.cut) {
        return filtered(CUT);
    }
    if let Some(missing) = rubric.missing(&subject.content) {
        return filtered(missing.reason());
    }
    if u >= rate.get() { (Outcome::SampledOut, None) } else { (Outcome::Pending, None) }
}

/// Tells whether late spans changed what a rubric sees: SHA-256 of the subject's content, judgeability and
/// what was cut of it.
pub(super) fn content_digest(subject: &Subject) -> [u8; 32] {
    let mut digest = Sha256::new();
    // Model types always have a JSON form; were there none, the digest would not change and nothing be superseded.
    if let Ok(content) = serde_json::to_vec(&subject.content) {
        digest.update(content);
    }
    digest.update([0]);
    digest.update(subject.unjudgeable.as_deref().unwrap_or_default());
    digest.update([0]);
    digest.update(subject.operation.as_deref().unwrap_or_default());
    for part in subject.cut.iter() {
        digest.update([0]);
        digest.update(part.as_str());
    }
    digest.finalize().into()
}
