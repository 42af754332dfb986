//! Asking a judge outside the pipeline: nothing of it is stored.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use uuid::Uuid;

use crate::error_chain::causes;
use crate::judges::{Judge, JudgeReply, JudgeRequest, Judges};
use crate::model::{Prompt, SubjectContent, Verdict};
use crate::rubrics::{Rubric, fence_key};
use crate::secrets::MacKey;

/// How long one verdict may take at most: long enough for every call and repetition that the judge's own `timeout` and
/// `retries` allow, so that a judge that is slow is said to have kept neither.
const DEADLINE: Duration = Duration::from_hours(1);
/// Verdicts asked for at a time, unless `--concurrency` says otherwise; a judge's own limits may be lower.
const IN_FLIGHT: usize = 8;

/// How many verdicts to ask for at a time.
pub(super) fn in_flight(asked: Option<usize>, judge: &Judge) -> usize {
    judge.concurrency().clamp(1, asked.unwrap_or(IN_FLIGHT).max(1))
}

/// The judge that is to judge by `rubric`: the one asked for, else its own.
pub(super) fn judge_of<'a>(
    rubric: &Rubric,
    wanted: Option<&str>,
    judges: &'a Judges,
) -> anyhow::Result<&'a Arc<Judge>> {
    let name = wanted.unwrap_or(&rubric.judge);
    judges.get(name).with_context(|| {
        let known: Vec<&str> = judges.all().map(|judge| judge.name()).collect();
        format!("{} asks for the judge `{name}`; configured are: {}", rubric.reference(), known.join(", "))
    })
}

/// What the judge says of `content`; without a verdict, why there is none.
pub(super) async fn ask(rubric: &Rubric, content: &SubjectContent, judge: &Judge) -> Result<JudgeReply, String> {
    // A fresh secret every time: an author cannot have written its key into the content.
    let key = fence_key(&MacKey::of_text(&Uuid::now_v7().to_string()), &rubric.name);
    let prompt = rubric.render(content, &key).map_err(|error| error.to_string())?;
    ask_by(rubric, content, &prompt, judge).await
}

/// The same with a prompt of one's own.
pub(super) async fn ask_by(
    rubric: &Rubric,
    content: &SubjectContent,
    prompt: &Prompt,
    judge: &Judge,
) -> Result<JudgeReply, String> {
    let request = JudgeRequest {
        evaluation: None,
        prompt,
        schema: &rubric.response_schema(),
        scale: &rubric.scale,
        abstain: rubric.abstain,
        rubric: &rubric.name,
        version: rubric.version,
        decision: &rubric.decision,
        content,
        traceparent: None,
        deadline: DEADLINE,
    };
    judge.judge(request).await.map_err(|error| causes(&error))
}

/// The judge's reasons.
pub(super) fn rationale(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Scored { rationale, .. } | Verdict::Abstained { rationale } => rationale,
    }
}
