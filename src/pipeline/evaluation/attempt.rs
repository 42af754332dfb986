//! One attempt: render the rubric, ask the judge, turn whatever happens into a result.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Evaluation;
use super::pause::Pause;
use crate::judges::{Disposition, Judge, JudgeError, JudgeReply, JudgeRequest};
use crate::model::{Outcome, Prompt, Verdict};
use crate::rubrics::fence_key;
use crate::store::{EvaluationResult, LeasedEvaluation};

/// An evaluation and the judge it goes to.
pub(super) struct Attempt {
    pub(super) stage: Evaluation,
    pub(super) judge: Arc<Judge>,
    pub(super) pause: Pause,
    pub(super) evaluation: LeasedEvaluation,
}

/// A judge that is away is asked again after this long, doubled with every attempt.
const FIRST_POSTPONEMENT_MS: i64 = 15_000;

impl Attempt {
    pub(super) async fn run(self) -> EvaluationResult {
        let Some(rubric) = self.stage.catalogue.version(&self.evaluation.rubric, self.evaluation.version) else {
            // Planned by a worker that has the version; this one reads the registry again when it reloads.
            return self.postponed("rubric_version_unknown", 60_000, false);
        };
        let Some(content) = &self.evaluation.content else {
            return self.ended(Outcome::Filtered, "content_expired", None, None, None);
        };
        let nonce = fence_key(&self.stage.fence_secret, &self.evaluation.id.to_string());
        let prompt = match rubric.render(content, &nonce) {
            Ok(prompt) => prompt,
            Err(error) => return self.ended(Outcome::Failed, "render", Some(error.to_string()), None, None),
        };
        let request = JudgeRequest {
            evaluation: Some(self.evaluation.id),
            prompt: &prompt,
            schema: &rubric.response_schema(),
            scale: &rubric.scale,
            abstain: rubric.abstain,
            rubric: &rubric.name,
            content,
            traceparent: crate::telemetry::traceparent(),
            deadline: self.time_left(),
        };
        match self.judge.judge(request).await {
            Ok(reply) => self.verdict(&prompt, reply),
            Err(error) => self.refused(&prompt, &error),
        }
    }

    /// A judge may take as long as its own configuration allows, but not longer than the evaluation is worth.
    fn time_left(&self) -> Duration {
        let left_ms = self.evaluation.deadline_ms.saturating_sub(self.stage.store.now_ms());
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
    }

    fn verdict(&self, prompt: &Prompt, reply: JudgeReply) -> EvaluationResult {
        let (outcome, score, rationale) = match reply.verdict {
            Verdict::Scored { score, rationale } => (Outcome::Scored, Some(score), rationale),
            Verdict::Abstained { rationale } => (Outcome::Abstained, None, rationale),
        };
        EvaluationResult::Final {
            id: self.evaluation.id,
            outcome,
            reason: None,
            score,
            rationale: Some(rationale),
            judge_model: reply.model,
            prompt_hash: Some(prompt_hash(prompt)),
            input_tokens: reply.usage.input_tokens,
            output_tokens: reply.usage.output_tokens,
            cost_usd: reply.cost_usd,
            latency_ms: Some(reply.latency.as_millis() as i64),
        }
    }

    fn refused(&self, prompt: &Prompt, error: &JudgeError) -> EvaluationResult {
        let last = self.evaluation.attempts + 1 >= self.stage.attempts;
        match error.disposition() {
            Disposition::Pause { after } => {
                let wait_ms = after.as_millis() as i64;
                self.pause.until(self.stage.store.now_ms() + wait_ms);
                self.postponed(error.code(), wait_ms, false)
            }
            Disposition::Retry { after } if !last => {
                let wait_ms = FIRST_POSTPONEMENT_MS << self.evaluation.attempts.min(6);
                let asked_ms = after.map_or(0, |after| after.as_millis() as i64);
                self.postponed(error.code(), wait_ms.max(asked_ms), true)
            }
            Disposition::Retry { .. } | Disposition::Reject => {
                self.ended(Outcome::Failed, error.code(), Some(error.to_string()), Some(prompt), Some(error))
            }
        }
    }

    fn postponed(&self, reason: &str, wait_ms: i64, counts: bool) -> EvaluationResult {
        EvaluationResult::Postponed {
            id: self.evaluation.id,
            due_at_ms: self.stage.store.now_ms() + wait_ms,
            reason: reason.to_owned(),
            counts,
        }
    }

    fn ended(
        &self,
        outcome: Outcome,
        reason: &str,
        text: Option<String>,
        prompt: Option<&Prompt>,
        error: Option<&JudgeError>,
    ) -> EvaluationResult {
        let spent = error.and_then(JudgeError::spent);
        EvaluationResult::Final {
            id: self.evaluation.id,
            outcome,
            reason: Some(reason.to_owned()),
            score: None,
            rationale: text,
            judge_model: spent.and_then(|spent| spent.model.clone()),
            prompt_hash: prompt.map(prompt_hash),
            input_tokens: spent.and_then(|spent| spent.usage.input_tokens),
            output_tokens: spent.and_then(|spent| spent.usage.output_tokens),
            cost_usd: spent.and_then(|spent| spent.cost_usd),
            latency_ms: None,
        }
    }
}

fn prompt_hash(prompt: &Prompt) -> [u8; 32] {
    Sha256::new().chain_update(&prompt.system).chain_update([0]).chain_update(&prompt.user).finalize().into()
}
