//! What goes wrong with a judge, and what the caller should do about it. No error holds a key, a prompt or a reply.

use std::sync::Arc;
use std::time::Duration;

use super::decisions::{AnswerProblem, Unsupported};
use super::reply::ReplyProblem;
use super::request::Spent;
use crate::secrets::SecretError;

/// What a caller should do with the evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Try this evaluation again, not before `after` where the endpoint said so.
    Retry {
        /// How long to wait.
        after: Option<Duration>,
        /// Whether the evaluation itself may be at fault, so that its attempts are limited. What a person or time mends does
        /// not count.
        counts: bool,
    },
    /// This evaluation cannot succeed.
    Reject,
    /// No evaluation can succeed with this judge at present: leave its queue alone this long.
    Pause {
        /// How long to wait.
        after: Duration,
    },
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The endpoint did not answer in time.
    #[error("no answer within {}", crate::config::duration::format(*.0))]
    Timeout(Duration),
    /// The deadline passed while waiting for a free slot; nothing was sent.
    #[error(
        "no free slot before the deadline; raise `concurrency` or the limits per minute, or lower the sampling rate"
    )]
    Saturated,
    /// Too many requests or tokens at present.
    #[error("rate limited by the endpoint (HTTP {status})")]
    RateLimited {
        /// The HTTP status.
        status: u16,
        /// How long the endpoint wants to be left alone.
        after: Option<Duration>,
    },
    /// HTTP 5xx and 408.
    #[error("the endpoint failed (HTTP {status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// How long the endpoint wants to be left alone.
        after: Option<Duration>,
    },
    /// No connection, or it broke.
    #[error("the endpoint cannot be reached; check `base_url`")]
    Connection(#[source] reqwest::Error),
    /// The connection broke while a success was being read: it was answered, and perhaps charged.
    #[error("the connection broke off within the answer")]
    CutOff(#[source] reqwest::Error),
    /// Success, but not in this dialect.
    #[error("the answer is {0}; check `base_url` and `provider`")]
    BadResponse(&'static str),
    /// HTTP 401 or 403.
    #[error("the endpoint refuses the key (HTTP {status}); check `api_key_env` or `api_key_file`")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
    },
    /// A quota of hours or days is used up, or the account has no credit.
    #[error("{}", quota_message(*.status, *.by_itself, *.after))]
    QuotaExhausted {
        /// The HTTP status.
        status: u16,
        /// Whether time alone mends it.
        by_itself: bool,
        /// When the endpoint says that it renews.
        after: Option<Duration>,
    },
    /// The allowance of a day is used up, and nothing is given before the next one.
    #[error("the endpoint's allowance of a day is used up (HTTP {status}); it renews in {}", crate::config::duration::format(*.after))]
    AllowanceUsedUp {
        /// The HTTP status.
        status: u16,
        /// Until the next day.
        after: Duration,
    },
    /// HTTP 404: a wrong path or model.
    #[error("the endpoint knows no such model or path (HTTP {status}); check `model` and `base_url`")]
    NotFound {
        /// The HTTP status.
        status: u16,
    },
    /// The model generated nothing that fits the format, also in looser formats.
    #[error("the endpoint could not generate a reply in the format that was asked for (HTTP {status})")]
    NotGenerated {
        /// The HTTP status.
        status: u16,
    },
    /// Any other refusal of the request.
    #[error("the endpoint refuses the request (HTTP {status}{})", .code.as_deref().map(|code| format!(", {code}")).unwrap_or_default())]
    BadRequest {
        /// The HTTP status.
        status: u16,
        /// The provider's error code, when it is a plain identifier.
        code: Option<String>,
    },
    /// A refusal of the request by an endpoint that has not accepted any yet: more likely the configuration's fault
    /// than the subject's.
    #[error("the endpoint refuses the request (HTTP {status}{}) and has accepted none yet; check the judge's configuration", .code.as_deref().map(|code| format!(", {code}")).unwrap_or_default())]
    NoneAccepted {
        /// The HTTP status.
        status: u16,
        /// The provider's error code, when it is a plain identifier.
        code: Option<String>,
    },
    /// The subject is too long for the model.
    #[error(
        "the prompt is longer than the model's context; choose a model with a longer one, or shorten what the rubric shows"
    )]
    ContextLength,
    /// The model declined to judge this.
    #[error("the model refused to judge this")]
    Refused,
    /// The provider's content filter stopped it.
    #[error("the provider's content filter stopped the request or the reply")]
    ContentFilter,
    /// A reply, twice, that is no verdict.
    #[error("the reply is no verdict: {0}")]
    Reply(#[from] ReplyProblem),
    /// An answer of a decision model that is no distribution over what it was asked about.
    #[error("the answer is no verdict: {0}")]
    Answer(AnswerProblem),
    /// The state is longer than a decision model is sent; nothing was sent.
    #[error(
        "the subject is longer than `max_state_tokens` of the judge; raise it where the model takes more, or show it fewer fields (`decision: state` of the rubric)"
    )]
    StateTooLong,
    /// A decision model cannot judge on the rubric's scale.
    #[error("a decision model cannot judge by this rubric: {0}")]
    Scale(Unsupported),
    /// What failed a call that several evaluations shared.
    #[error(transparent)]
    OfCall(Arc<Failure>),
    /// The judge is paused after failures.
    #[error("the judge is paused; it is tried again in {}", crate::config::duration::format(*.after))]
    CircuitOpen {
        /// When it is tried again.
        after: Duration,
    },
    /// The judge's budget does not cover the call.
    #[error("the judge's budget is used up; it renews in {}", crate::config::duration::format(*.after))]
    BudgetExhausted {
        /// When the budget renews.
        after: Duration,
    },
    /// The budget of a whole day or month does not cover this call.
    #[error(
        "the call may use up more than the judge's budget of a whole day or month; raise the budget, or shorten what the rubric shows"
    )]
    LargerThanBudget,
    /// The key file cannot be read any more.
    #[error("the key cannot be read again: {0}")]
    KeyFile(SecretError),
}

/// How long to leave a judge alone that needs a person's help.
const REFUSAL_PAUSE: Duration = Duration::from_secs(30);
/// An endpoint that names a later moment is asked before it nevertheless: somebody may have raised its limit.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);

/// A budget that did not cover one call is asked again after this long: what was set aside for others may come back, and
/// another prompt may be shorter.
pub(super) const BUDGET_PAUSE: Duration = Duration::from_mins(1);

fn quota_message(status: u16, by_itself: bool, after: Option<Duration>) -> String {
    let renews = after.map(|after| format!(" in {}", crate::config::duration::format(after)));
    if by_itself {
        let renews = renews.unwrap_or_default();
        format!("the endpoint's quota is used up (HTTP {status}); it renews by itself{renews}")
    } else {
        let renews = renews.map(|renews| format!("; it renews{renews}")).unwrap_or_default();
        format!(
            "the account's credit or spending limit is used up (HTTP {status}){renews}; top it up or lower the sampling rate"
        )
    }
}

impl Failure {
    /// A stable code of low cardinality, for the ledger, metrics and `error.type`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Saturated => "saturated",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } | Self::Connection(_) | Self::CutOff(_) => "unavailable",
            Self::BadResponse(_) => "bad_response",
            Self::Unauthorized { .. } | Self::KeyFile(_) => "unauthorized",
            Self::QuotaExhausted { .. } | Self::AllowanceUsedUp { .. } => "quota_exhausted",
            Self::NotFound { .. } => "not_found",
            Self::BadRequest { .. } | Self::NoneAccepted { .. } => "bad_request",
            Self::NotGenerated { .. } => "unparseable",
            Self::ContextLength => "context_length",
            Self::Refused => "refused",
            Self::ContentFilter => "content_filter",
            Self::Reply(problem) => problem.code(),
            Self::Answer(_) => "wrong_schema",
            Self::StateTooLong => "too_long",
            Self::Scale(_) => "unsupported_scale",
            Self::OfCall(failure) => failure.code(),
            Self::CircuitOpen { .. } => "circuit_open",
            Self::BudgetExhausted { .. } => "budget_exhausted",
            Self::LargerThanBudget => "larger_than_budget",
        }
    }

    /// What to do with the evaluation. `others_answered`: the endpoint answered other calls meanwhile, so that this request
    /// may be at fault.
    pub fn disposition(&self, others_answered: bool) -> Disposition {
        match self {
            Self::RateLimited { after, .. } => Disposition::Retry { after: *after, counts: false },
            Self::Saturated => Disposition::Retry { after: None, counts: false },
            Self::Unavailable { after, .. } => Disposition::Retry { after: *after, counts: others_answered },
            Self::Timeout(_)
            | Self::Connection(_)
            | Self::CutOff(_)
            | Self::BadResponse(_)
            | Self::BadRequest { .. } => Disposition::Retry { after: None, counts: others_answered },
            Self::OfCall(failure) => failure.disposition(others_answered),
            Self::QuotaExhausted { .. } | Self::AllowanceUsedUp { .. } => {
                Disposition::Pause { after: self.refusal_pause() }
            }
            Self::Unauthorized { .. } | Self::NotFound { .. } | Self::NoneAccepted { .. } | Self::KeyFile(_) => {
                Disposition::Pause { after: REFUSAL_PAUSE }
            }
            Self::CircuitOpen { after } => Disposition::Pause { after: *after },
            Self::BudgetExhausted { after } => Disposition::Pause { after: (*after).min(BUDGET_PAUSE) },
            Self::NotGenerated { .. }
            | Self::ContextLength
            | Self::LargerThanBudget
            | Self::Refused
            | Self::ContentFilter
            | Self::Answer(_)
            | Self::StateTooLong
            | Self::Scale(_)
            | Self::Reply(_) => Disposition::Reject,
        }
    }

    /// Whether the model itself was reached and declined. A provider's filter is no word of the model: that fails.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::OfCall(failure) => failure.is_refusal(),
            failure => matches!(failure, Self::Refused),
        }
    }

    /// Whether the judge was not asked, or could not read it: the subject does not fit.
    pub(super) fn is_too_long(&self) -> bool {
        match self {
            Self::OfCall(failure) => failure.is_too_long(),
            failure => matches!(failure, Self::StateTooLong),
        }
    }

    /// Whether the judge itself answered, with whatever it was.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Self::OfCall(failure) => failure.is_answer(),
            failure => matches!(
                failure,
                Self::Refused
                    | Self::ContentFilter
                    | Self::ContextLength
                    | Self::NotGenerated { .. }
                    | Self::Answer(_)
                    | Self::Reply(_)
            ),
        }
    }

    /// Whether the same request may succeed when it is sent again at once.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable { .. }
                | Self::Timeout(_)
                | Self::Connection(_)
                | Self::CutOff(_)
                | Self::BadResponse(_)
        )
    }

    /// How long to leave a judge alone that has refused for this.
    pub(super) fn refusal_pause(&self) -> Duration {
        match self {
            Self::AllowanceUsedUp { after, .. } => *after,
            failure => failure.asked_wait().unwrap_or(REFUSAL_PAUSE).clamp(REFUSAL_PAUSE, LONGEST_PAUSE),
        }
    }

    /// Whether somebody has to do something about it.
    pub(super) fn is_mended_by_a_person(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized { .. }
                | Self::KeyFile(_)
                | Self::NotFound { .. }
                | Self::BadRequest { .. }
                | Self::NoneAccepted { .. }
                | Self::BadResponse(_)
                | Self::QuotaExhausted { by_itself: false, .. }
        )
    }

    /// How long the endpoint wants to be left alone.
    pub(super) fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { after, .. } | Self::Unavailable { after, .. } | Self::QuotaExhausted { after, .. } => {
                *after
            }
            Self::AllowanceUsedUp { after, .. } => Some(*after),
            _ => None,
        }
    }
}

/// A failed evaluation: by which judge, why, and what it used up nevertheless.
#[derive(Debug, thiserror::Error)]
#[error("judge `{judge}`: {failure}{}", .explanation.as_deref().map(|text| format!(": {text}")).unwrap_or_default())]
pub struct JudgeError {
    /// The judge's name.
    judge: Arc<str>,
    #[source]
    failure: Failure,
    /// Tokens, cost and calls.
    spent: Spent,
    /// Whether the endpoint answered other calls meanwhile.
    others_answered: bool,
    /// The provider's own words. Only a check has them, because its prompt holds nobody's data.
    explanation: Option<String>,
}

impl JudgeError {
    pub(super) fn new(judge: &Arc<str>, failure: Failure, others_answered: bool, spent: Spent) -> Self {
        Self { judge: Arc::clone(judge), failure, spent, others_answered, explanation: None }
    }

    pub(super) fn explained(self, explanation: Option<String>) -> Self {
        Self { explanation, ..self }
    }

    /// What to do with the evaluation.
    pub fn disposition(&self) -> Disposition {
        self.failure.disposition(self.others_answered)
    }

    /// Whether the judge was reached and declined to judge.
    pub fn is_refusal(&self) -> bool {
        self.failure.is_refusal()
    }

    /// Whether the judge is there: it answered, and its answer was no verdict.
    pub fn is_answer(&self) -> bool {
        self.failure.is_answer()
    }

    /// Whether the subject is longer than the judge is sent: then nobody was asked.
    pub fn is_too_long(&self) -> bool {
        self.failure.is_too_long()
    }

    /// A stable code of low cardinality.
    pub fn code(&self) -> &'static str {
        self.failure.code()
    }

    /// What was used up, if anything was sent.
    pub fn spent(&self) -> Option<&Spent> {
        (self.spent.calls > 0).then_some(&self.spent)
    }
}

/// Why a `[judges.NAME]` section makes no judge.
#[derive(Debug, thiserror::Error)]
pub enum JudgeConfigError {
    /// A key has a value that makes no sense.
    #[error("[judges.{judge}] {key}: {problem}")]
    Value {
        /// The judge's name.
        judge: String,
        key: &'static str,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// The key is not where the configuration says.
    #[error("[judges.{judge}] {problem}")]
    Key {
        /// The judge's name.
        judge: String,
        /// Which key names it, and what is wrong.
        problem: SecretError,
    },
    /// The HTTP client cannot be built.
    #[error("[judges.{judge}]: the HTTP client cannot be built")]
    Client {
        /// The judge's name.
        judge: String,
        #[source]
        source: reqwest::Error,
    },
}

/// Everything that is wrong with the judges' configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct JudgesConfigError(pub Vec<JudgeConfigError>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_that_refuses_or_answers_something_else_is_there() {
        let no_verdict = Failure::Reply(ReplyProblem::NoObject);
        for failure in [Failure::Refused, no_verdict, Failure::NotGenerated { status: 400 }, Failure::ContextLength] {
            assert!(failure.is_answer(), "{failure}");
        }
        for failure in [Failure::Timeout(Duration::from_secs(1)), Failure::Unavailable { status: 503, after: None }] {
            assert!(!failure.is_answer(), "{failure}");
        }
    }
}
