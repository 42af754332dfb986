//! Reading an endpoint's refusal: any HTTP status but success, in the error dialect of any provider. Pure.

use std::time::Duration;

use serde_json::Value as Json;

use super::error::Failure;

/// What an endpoint said when it refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// How long it wants to be left alone.
    pub after: Option<Duration>,
    /// The provider's identifier of the error, when it is a plain one.
    pub code: Option<String>,
    /// What it says, in lower case. Only from members that hold the provider's own words, never from echoed input;
    /// it decides what to do next and is not shown (but for a check, whose prompt is our own).
    words: String,
}

impl Refusal {
    /// Reads a response that is no success.
    pub(super) fn read(status: u16, after: Option<Duration>, body: &[u8]) -> Self {
        let mut words = Vec::new();
        let mut codes = Vec::new();
        if let Ok(json) = serde_json::from_slice::<Json>(body) {
            collect(&json, &mut words, &mut codes, 0);
        }
        let code = codes.into_iter().find(|code| is_identifier(code));
        Self { status, after, code, words: words.join("; ").to_lowercase() }
    }

    /// Whether the provider's words contain `word` (lower case).
    pub(super) fn mentions(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// The provider's words, shortened.
    pub(super) fn explanation(&self) -> Option<String> {
        // Gateways repeat the key that they refuse.
        let mut after_bearer = false;
        let shown = self.words.split_whitespace().map(|word| {
            let secret = after_bearer || is_like_a_key(word);
            after_bearer = word.ends_with("bearer");
            if secret { "***" } else { word }
        });
        let text: String = shown.collect::<Vec<_>>().join(" ").chars().take(300).collect();
        (!text.is_empty()).then_some(text)
    }

    /// Whether the prompt is longer than the model's context.
    pub(super) fn is_about_length(&self) -> bool {
        self.code.as_deref() == Some("context_length_exceeded")
            || [
                "maximum context length",
                "context length",
                "context window",
                "context size",
                "context_window",
                "contextwindow",
                "prompt is too long",
                "prompt too long",
                "input is too long",
                "too many tokens",
                "input token count",
                "exceeds the maximum number of tokens",
            ]
            .iter()
            .any(|phrase| self.mentions(phrase))
    }

    fn is_about_content(&self) -> bool {
        let filtered = ["content_filter", "content_policy_violation", "responsibleaipolicyviolation"];
        self.code.as_deref().is_some_and(|code| filtered.contains(&code.to_lowercase().as_str()))
            || ["content management policy", "content filter", "flagged", "moderation"]
                .iter()
                .any(|phrase| self.mentions(phrase))
    }

    fn is_about_money(&self) -> bool {
        self.code.as_deref() == Some("insufficient_quota")
            || [
                "insufficient_quota",
                "exceeded your current quota",
                "credit balance is too low",
                "insufficient balance",
            ]
            .iter()
            .any(|phrase| self.mentions(phrase))
    }

    /// What the refusal means for the call.
    pub(super) fn failure(&self) -> Failure {
        let Self { status, after, .. } = *self;
        match status {
            _ if self.is_about_money() || status == 402 => Failure::QuotaExhausted { status },
            400 | 403 | 422 if self.is_about_content() => Failure::ContentFilter,
            400 | 422 | 500 if self.is_about_length() => Failure::ContextLength,
            413 => Failure::ContextLength,
            401 | 403 => Failure::Unauthorized { status },
            404 => Failure::NotFound { status },
            429 => Failure::RateLimited { after },
            408 | 409 | 425 | 500.. => Failure::Unavailable { status, after },
            300..=399 => Failure::BadResponse("a redirect, which is not followed because it would carry the key along"),
            _ => Failure::BadRequest { status, code: self.code.clone() },
        }
    }
}

fn is_like_a_key(word: &str) -> bool {
    let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let prefixed = ["sk-", "sk_", "key-", "pk-"].iter().any(|prefix| core.starts_with(prefix));
    prefixed || core.contains('*') || (core.len() >= 32 && core.chars().any(|c| c.is_ascii_digit()))
}

/// A provider's error code is shown only when it cannot hold anything else.
fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.chars().any(|c| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Walks the known error shapes: `{error: {message, code, type, param}}`, `{error: "…"}`, `{detail: [{loc, msg}]}`,
/// `{message, code}`, and a list of any of them.
fn collect(json: &Json, words: &mut Vec<String>, codes: &mut Vec<String>, depth: usize) {
    const DEEPEST: usize = 5;
    match json {
        _ if depth > DEEPEST => {}
        Json::Array(items) => items.iter().for_each(|item| collect(item, words, codes, depth + 1)),
        Json::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("code" | "type", Json::String(text)) if text != "error" => {
                        words.push(text.clone());
                        if name == "code" { codes.insert(0, text.clone()) } else { codes.push(text.clone()) }
                    }
                    ("message" | "msg" | "param" | "error" | "detail" | "status", Json::String(text)) => {
                        words.push(text.clone());
                    }
                    ("loc", Json::Array(path)) => {
                        words.extend(path.iter().filter_map(Json::as_str).map(str::to_owned));
                    }
                    ("error" | "errors" | "detail" | "message" | "innererror", nested) => {
                        collect(nested, words, codes, depth + 1);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: u16, body: &str) -> &'static str {
        Refusal::read(status, None, body.as_bytes()).failure().code()
    }

    #[test]
    fn an_explanation_never_repeats_the_key() {
        let said = |message: &str| {
            let body = serde_json::json!({"error": {"message": message}}).to_string();
            Refusal::read(401, None, body.as_bytes()).explanation().unwrap()
        };
        assert_eq!(
            said("Received API Key = Bearer Secret123, which is wrong"),
            "received api key = bearer *** which is wrong"
        );
        assert_eq!(said("Incorrect API key provided: sk-abc. See docs"), "incorrect api key provided: *** see docs");
        assert_eq!(said("no model claude-sonnet-4-20250514"), "no model claude-sonnet-4-20250514");
    }

    #[test]
    fn every_providers_errors_become_our_few_codes() {
        for (status, body, expected) in [
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided: sk-abc","type":"invalid_request_error","code":"invalid_api_key"}}"#,
                "unauthorized",
            ),
            (
                401,
                r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
                "unauthorized",
            ),
            (
                403,
                r#"{"error":{"message":"Country not supported","code":"unsupported_country_region_territory"}}"#,
                "unauthorized",
            ),
            (403, r#"{"error":{"code":403,"message":"Input was flagged by moderation"}}"#, "content_filter"),
            (402, r#"{"error":{"message":"Insufficient Balance"}}"#, "quota_exhausted"),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                "quota_exhausted",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API"}}"#,
                "quota_exhausted",
            ),
            (
                429,
                r#"{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}"#,
                "rate_limited",
            ),
            (429, "<html>slow down</html>", "rate_limited"),
            (404, r#"{"error":{"message":"The model `x` does not exist","code":"model_not_found"}}"#, "not_found"),
            (404, r#"{"error":"model \"x\" not found, try pulling it first"}"#, "not_found"),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens","code":"context_length_exceeded"}}"#,
                "context_length",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
                "context_length",
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error"}}"#,
                "context_length",
            ),
            (
                400,
                r#"{"error":{"message":"litellm.BadRequestError: litellm.ContextWindowExceededError: x","type":null,"param":null,"code":"400"}}"#,
                "context_length",
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"The input token count (9) exceeds the maximum","status":"INVALID_ARGUMENT"}}]"#,
                "context_length",
            ),
            (
                400,
                r#"{"error":{"message":"The response was filtered","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
                "content_filter",
            ),
            (400, r#"{"error":{"message":"invalid","type":"invalid_request_error"}}"#, "bad_request"),
            (422, r#"{"detail":[{"loc":["body","messages"],"msg":"Field required"}]}"#, "bad_request"),
            (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, "unavailable"),
            (503, "", "unavailable"),
            (408, "", "unavailable"),
            (302, "", "bad_response"),
        ] {
            assert_eq!(code(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn only_identifiers_are_kept_for_show() {
        let kept = |body: &str| Refusal::read(400, None, body.as_bytes()).code;
        assert_eq!(kept(r#"{"error":{"type":"a_type","code":"invalid_value"}}"#).as_deref(), Some("invalid_value"));
        assert_eq!(kept(r#"{"error":{"code":"sk-key with words, too"}}"#), None);
        assert_eq!(kept(r#"{"error":{"code":400,"message":"x"}}"#), None);
    }

    #[test]
    fn echoed_input_is_not_the_providers_words() {
        let body = r#"{"detail":[{"loc":["body"],"msg":"no","input":{"message":"context window"},"ctx":{"error":"flagged"}}]}"#;
        assert_eq!(code(422, body), "bad_request");
    }
}
