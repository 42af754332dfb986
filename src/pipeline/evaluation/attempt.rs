//! One attempt: render the rubric, ask the judge, turn whatever happens into a result.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::pause::Pause;
use super::stage::Evaluation;
use super::thresholds::Thresholds;
use crate::judges::{Disposition, Judge, JudgeError, JudgeReply, JudgeRequest};
use crate::model::{Prompt, SubjectContent, Verdict};
use crate::rubrics::{Rubric, fence_key};
use crate::store::{Conclusion, EvaluationResult, JudgeCall, LeasedEvaluation};

/// An evaluation and the judge it goes to.
pub(super) struct Attempt {
    pub(super) stage: Evaluation,
    pub(super) judge: Arc<Judge>,
    pub(super) pause: Pause,
    pub(super) thresholds: Thresholds,
    pub(super) evaluation: LeasedEvaluation,
}

/// An evaluation whose request may be at fault is tried again after this long, doubled with every attempt.
const FIRST_POSTPONEMENT_MS: i64 = 15_000;

/// The most characters that are stored of a rationale, and of the name of a model.
const LONGEST_RATIONALE: usize = 8_000;
const LONGEST_MODEL: usize = 200;

impl Attempt {
    /// What there is to judge by and to judge; else how the evaluation ends without its judge.
    pub(super) fn prepared(&self) -> Result<(Arc<Rubric>, Arc<SubjectContent>), Box<EvaluationResult>> {
        let Some(rubric) = self.stage.catalogue.version(&self.evaluation.rubric, self.evaluation.version) else {
            // Planned by a worker that has the version; this one reads the registry again when it reloads.
            return Err(Box::new(self.postponed("rubric_version_unknown", 60_000, false)));
        };
        let Some(content) = &self.evaluation.content else {
            let expired = Conclusion::Filtered { reason: "content_expired" };
            return Err(Box::new(self.ended(expired, JudgeCall::default())));
        };
        Ok((rubric, Arc::clone(content)))
    }

    pub(super) async fn run(self) -> EvaluationResult {
        let (rubric, content) = match self.prepared() {
            Ok(prepared) => prepared,
            Err(result) => return *result,
        };
        let content = &*content;
        let nonce = fence_key(&self.stage.fence, &self.evaluation.id.to_string());
        let prompt = match rubric.render(content, &nonce) {
            Ok(prompt) => prompt,
            Err(error) => {
                let failed = Conclusion::Failed { reason: "render", error: error.to_string() };
                return self.ended(failed, JudgeCall::default());
            }
        };
        let request = JudgeRequest {
            evaluation: Some(self.evaluation.id),
            prompt: &prompt,
            schema: &rubric.response_schema(),
            scale: &rubric.scale,
            abstain: rubric.abstain,
            rubric: &rubric.name,
            version: rubric.version,
            decision: &rubric.decision,
            content,
            traceparent: crate::telemetry::traceparent(),
            deadline: self.time_left(),
        };
        match self.judge.judge(request).await {
            Ok(reply) => self.verdict(Some(&prompt), &nonce, reply),
            Err(error) => self.refused(Some(&prompt), &nonce, &error),
        }
    }

    /// A judge may take as long as its own configuration allows, but not longer than the evaluation is worth.
    pub(super) fn time_left(&self) -> Duration {
        let left_ms = self.evaluation.deadline_ms.saturating_sub(self.stage.store.now_ms());
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
    }

    /// `prompt` and `nonce`, the key of its data blocks, are those of a judge that reads a prompt.
    pub(super) fn verdict(&self, prompt: Option<&Prompt>, nonce: &str, reply: JudgeReply) -> EvaluationResult {
        self.pause.answered();
        let call = JudgeCall {
            model: reply.model.map(|model| self.said(nonce, model, LONGEST_MODEL)),
            prompt_hash: prompt.map(prompt_hash).or(reply.shown_hash),
            input_tokens: reply.usage.input_tokens,
            output_tokens: reply.usage.output_tokens,
            cost_usd: reply.cost_usd,
            latency_ms: Some(reply.latency.as_millis() as i64),
            distribution: reply.distribution.as_ref().and_then(|distribution| serde_json::to_string(distribution).ok()),
        };
        let verdict = match reply.verdict {
            Verdict::Scored { score, rationale } => {
                Verdict::Scored { score, rationale: self.said(nonce, rationale, LONGEST_RATIONALE) }
            }
            Verdict::Abstained { rationale } => {
                Verdict::Abstained { rationale: self.said(nonce, rationale, LONGEST_RATIONALE) }
            }
        };
        self.ended(verdict.into(), call)
    }

    /// What a judge said, as it may be stored: bounded, redacted, and without the key of its data blocks.
    fn said(&self, nonce: &str, mut text: String, longest: usize) -> String {
        if let Some((end, _)) = text.char_indices().nth(longest) {
            text.truncate(end);
            text.push('…');
        }
        let text = if nonce.is_empty() { text } else { text.replace(nonce, "<BLOCK_KEY>") };
        self.stage.redactor.current().redact_text(&[], &text).into_owned()
    }

    pub(super) fn refused(&self, prompt: Option<&Prompt>, nonce: &str, error: &JudgeError) -> EvaluationResult {
        if error.is_too_long() {
            return self.ended(Conclusion::Filtered { reason: error.code() }, spent(prompt, error));
        }
        let last = self.evaluation.attempts + 1 >= self.stage.attempts;
        match error.disposition() {
            Disposition::Pause { after } => {
                let wait_ms = after.as_millis() as i64;
                self.pause.until(self.stage.store.now_ms() + wait_ms);
                self.postponed(error.code(), wait_ms, false)
            }
            Disposition::Retry { after, counts } if !(counts && last) => {
                let wait_ms = if counts {
                    FIRST_POSTPONEMENT_MS << self.evaluation.attempts.min(6)
                } else {
                    self.pause.unanswered(self.stage.store.now_ms())
                };
                let asked_ms = after.map_or(0, |after| after.as_millis() as i64);
                self.postponed(error.code(), wait_ms.max(asked_ms), counts)
            }
            Disposition::Retry { .. } | Disposition::Reject => {
                if error.is_answer() {
                    self.pause.answered();
                }
                let (reason, text) = (error.code(), self.said(nonce, error.to_string(), LONGEST_RATIONALE));
                let conclusion = if error.is_refusal() {
                    Conclusion::Refused { reason, error: text }
                } else {
                    Conclusion::Failed { reason, error: text }
                };
                let mut call = spent(prompt, error);
                call.model = call.model.map(|model| self.said(nonce, model, LONGEST_MODEL));
                self.ended(conclusion, call)
            }
        }
    }

    fn postponed(&self, reason: &'static str, wait_ms: i64, counts: bool) -> EvaluationResult {
        EvaluationResult::Postponed {
            id: self.evaluation.id,
            due_at_ms: self.stage.store.now_ms() + wait_ms,
            reason,
            counts,
        }
    }

    fn ended(&self, conclusion: Conclusion, call: JudgeCall) -> EvaluationResult {
        EvaluationResult::Final { id: self.evaluation.id, conclusion, call }
    }
}

/// What a call that came to nothing is known to have used.
fn spent(prompt: Option<&Prompt>, error: &JudgeError) -> JudgeCall {
    let known = JudgeCall { prompt_hash: prompt.map(prompt_hash), ..JudgeCall::default() };
    match error.spent() {
        None => known,
        Some(spent) => JudgeCall {
            model: spent.model.clone(),
            input_tokens: spent.usage.input_tokens,
            output_tokens: spent.usage.output_tokens,
            cost_usd: spent.cost_usd,
            ..known
        },
    }
}

fn prompt_hash(prompt: &Prompt) -> [u8; 32] {
    Sha256::new().chain_update(&prompt.system).chain_update([0]).chain_update(&prompt.user).finalize().into()
}
