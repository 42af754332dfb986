//! One reply of a model, whatever dialect it came in.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

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
    /// The provider failed half-way.
    Failed,
}

impl Finish {
    /// A finish or stop reason in the words of any provider; gateways hand on those of the one behind them.
    pub(super) fn of_reason(reason: &str) -> Self {
        match reason.to_ascii_lowercase().as_str() {
            "content_filter"
            | "content_filtered"
            | "safety"
            | "recitation"
            | "blocklist"
            | "prohibited_content"
            | "spii"
            | "image_safety"
            | "guardrail_intervened"
            | "sensitive" => Self::Filtered,
            "length"
            | "max_tokens"
            | "max_output_tokens"
            | "model_length"
            | "token_limit"
            | "model_context_window_exceeded" => Self::Truncated,
            "refusal" => Self::Refused,
            "error"
            | "insufficient_system_resource"
            | "malformed_function_call"
            | "unexpected_tool_call"
            | "network_error" => Self::Failed,
            _ => Self::Complete,
        }
    }
}

/// What a model replied.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Completion {
    /// The text that should hold the verdict.
    pub text: String,
    /// The arguments of tool calls, in which some gateways wrap a JSON reply.
    pub tool: Option<String>,
    /// What the model thought, where it stands apart. Some servers put the reply there.
    pub reasoning: Option<String>,
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

/// Why the body of a success is no completion.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NoCompletion {
    /// It is this instead.
    Other(&'static str),
    /// It may be an error that a gateway hands on in a success.
    Error(Json),
}

/// A member that may have another type than the reference server's; it is then taken as not given.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Loose<T> {
    Given(T),
    Other(IgnoredAny),
}

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

impl<T> Loose<T> {
    pub(super) fn take(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Other(_) => None,
        }
    }
}

/// A number, or a text that is one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Plain(f64),
    Text(String),
}

impl Loose<Number> {
    pub(super) fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Given(Number::Plain(number)) => Some(*number),
            Self::Given(Number::Text(text)) => text.trim().parse().ok(),
            Self::Other(_) => None,
        };
        number.filter(|number: &f64| number.is_finite())
    }

    /// A count of tokens.
    pub(super) fn count(&self) -> Option<i64> {
        self.number().map(|number| number as i64)
    }
}

/// Reads a body that is no completion: an error in a success, or something else, which is named and not quoted.
pub(super) fn instead(body: &[u8]) -> NoCompletion {
    match serde_json::from_slice::<Json>(body) {
        Ok(json @ (Json::Object(_) | Json::Array(_))) => NoCompletion::Error(json),
        _ => NoCompletion::Other(what_it_is(body)),
    }
}

/// Names a body that is no completion, without quoting it.
pub(super) fn what_it_is(body: &[u8]) -> &'static str {
    let body = body.trim_ascii_start();
    match body.first() {
        None => "empty",
        Some(b'<') => "an HTML page",
        Some(b'{' | b'[') if serde_json::from_slice::<IgnoredAny>(body).is_ok() => "JSON of another kind",
        Some(b'{' | b'[') => "broken JSON",
        Some(_) if body.starts_with(b"data:") || body.starts_with(b"event:") => "a stream of events",
        Some(_) => "not JSON",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finish_reasons_of_every_provider_are_read() {
        for (reason, finish) in [
            ("stop", Finish::Complete),
            ("STOP", Finish::Complete),
            ("end_turn", Finish::Complete),
            ("tool_calls", Finish::Complete),
            ("", Finish::Complete),
            ("SAFETY", Finish::Filtered),
            ("content_filter", Finish::Filtered),
            ("PROHIBITED_CONTENT", Finish::Filtered),
            ("MAX_TOKENS", Finish::Truncated),
            ("length", Finish::Truncated),
            ("refusal", Finish::Refused),
            ("MALFORMED_FUNCTION_CALL", Finish::Failed),
        ] {
            assert_eq!(Finish::of_reason(reason), finish, "{reason}");
        }
    }

    #[test]
    fn what_is_no_completion_is_named_or_read_as_an_error() {
        for (body, what) in [
            ("", "empty"),
            ("<!doctype html>", "an HTML page"),
            ("{\"choices\":[", "broken JSON"),
            ("data: {\"choices\":[]}", "a stream of events"),
            ("hello", "not JSON"),
        ] {
            assert_eq!(instead(body.as_bytes()), NoCompletion::Other(what));
        }
        assert!(matches!(instead(b"{\"error\":{\"code\":402}}"), NoCompletion::Error(_)));
    }
}
