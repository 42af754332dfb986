//! What goes into a judge and what comes out.

use std::time::Duration;

use serde_json::Value as Json;

use crate::model::{Decision, Distribution, EvaluationId, Prompt, Scale, SubjectContent, Verdict};

/// One thing to judge.
#[derive(Debug, Clone)]
pub struct JudgeRequest<'a> {
    /// The evaluation it is for; `None` for one that is not stored.
    pub evaluation: Option<EvaluationId>,
    /// The rendered rubric.
    pub prompt: &'a Prompt,
    /// The JSON schema of the reply, derived from the scale.
    pub schema: &'a Json,
    /// The scale that the verdict must lie on.
    pub scale: &'a Scale,
    /// Whether the judge may abstain.
    pub abstain: bool,
    /// The rubric's name: it tells the baseline what to compare.
    pub rubric: &'a str,
    /// The rubric's version, and what it asks a decision model.
    pub version: u32,
    pub decision: &'a Decision,
    /// What is judged, for judges that read no prompt.
    pub content: &'a SubjectContent,
    /// The W3C trace context to hand on.
    pub traceparent: Option<String>,
    /// How long the whole evaluation may take: waiting, calls and repetitions.
    pub deadline: Duration,
}

/// Tokens as the provider counted them. Input includes cached tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JudgeUsage {
    /// All tokens read.
    pub input_tokens: Option<i64>,
    /// All tokens written, reasoning included.
    pub output_tokens: Option<i64>,
    /// The part of the input that came from the provider's cache.
    pub cached_input_tokens: Option<i64>,
    /// The part of the input that was written to the provider's cache.
    pub cache_write_input_tokens: Option<i64>,
}

impl JudgeUsage {
    /// Adds another call's tokens.
    pub fn add(&mut self, other: &Self) {
        let sum = |one: &mut Option<i64>, other: Option<i64>| {
            if let Some(count) = other {
                *one = Some(one.unwrap_or(0).saturating_add(count));
            }
        };
        sum(&mut self.input_tokens, other.input_tokens);
        sum(&mut self.output_tokens, other.output_tokens);
        sum(&mut self.cached_input_tokens, other.cached_input_tokens);
        sum(&mut self.cache_write_input_tokens, other.cache_write_input_tokens);
    }
}

/// What an evaluation used up, also when it failed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spent {
    /// The model that the provider says it was, where it replied.
    pub model: Option<String>,
    /// Tokens of all calls that reported them.
    pub usage: JudgeUsage,
    /// The cost in US dollars; `None` when a call's cost is not known.
    pub cost_usd: Option<f64>,
    /// Requests sent.
    pub calls: u32,
}

/// A verdict and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgeReply {
    /// What the judge said.
    pub verdict: Verdict,
    /// What the verdict was drawn from, where the judge gives probabilities.
    pub distribution: Option<Distribution>,
    /// SHA-256 of what a judge was shown that reads no prompt.
    pub shown_hash: Option<[u8; 32]>,
    /// The model that the provider says it was.
    pub model: Option<String>,
    /// The provider's fingerprint of its back end.
    pub fingerprint: Option<String>,
    /// Tokens of all calls.
    pub usage: JudgeUsage,
    /// The cost in US dollars, where prices are known.
    pub cost_usd: Option<f64>,
    /// From the request to the verdict, waiting included.
    pub latency: Duration,
    /// Requests sent; more than one where something had to be repeated.
    pub calls: u32,
}
