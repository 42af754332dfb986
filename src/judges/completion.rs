//! One reply of a model, whatever dialect it came in.

use super::request::JudgeUsage;

/// How the reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// By itself.
    Complete,
    /// At the output limit.
    Truncated,
    /// The model refused.
    Refused,
    /// The provider's content filter stopped it.
    Filtered,
}

/// What a model replied.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Completion {
    /// The text that should hold the verdict.
    pub text: String,
    /// How it ended.
    pub finish: Finish,
    /// The provider's id of the reply.
    pub id: Option<String>,
    /// The model that the provider says it was.
    pub model: Option<String>,
    /// The provider's fingerprint of its back end.
    pub fingerprint: Option<String>,
    /// Tokens.
    pub usage: JudgeUsage,
    /// The cost, from endpoints that report it.
    pub reported_cost_usd: Option<f64>,
}
