//! An endpoint's refusal: any answer that is no completion and says why, in the error dialect of any provider or gateway,
//! with an HTTP status of its own or inside a success. Pure.

pub(super) mod cause;
mod causes;
mod conditions;
#[cfg(test)]
mod examples;
mod row;
pub(super) mod shown;
pub(super) mod unknown;
pub(super) mod waits;

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value as Json;

use super::error::Failure;
use crate::net::error_words::ErrorWords;
use cause::Cause;
use row::Facts;

/// Where Amazon says which error it is.
const AMAZON_ERROR: &str = "x-amzn-errortype";
/// Taken for the status of an error that names none inside a success.
const WITHOUT_STATUS: u16 = 500;

/// What an endpoint said when it refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    /// The HTTP status, or the one that the error in a success names.
    pub status: u16,
    /// How long it wants to be left alone.
    pub after: Option<Duration>,
    /// The provider's identifier of the error, when it is a plain one.
    pub code: Option<String>,
    /// What mends it.
    pub cause: Cause,
    /// What the table knows it as.
    pub read_as: &'static str,
    /// What it says. Only from members that hold the provider's own words, never from echoed input.
    said: String,
    /// The same in lower case, and the identifiers.
    words: String,
    codes: Vec<String>,
}

impl Refusal {
    /// Reads a response that is no success.
    pub(super) fn of_response(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Self {
        let mut words = ErrorWords::of_body(body);
        if let Some(kind) = headers.get(AMAZON_ERROR).and_then(|value| value.to_str().ok()) {
            // Followed by the address of a description.
            let kind = kind.split(':').next().unwrap_or(kind);
            words.codes.push(kind.to_owned());
            words.said.push(kind.to_owned());
        }
        Self::new(status, waits::of_headers(headers, now), words, now)
    }

    /// Reads an error that stands inside a success: in place of a completion, or of one of its choices.
    pub(super) fn within_success(error: &Json, now: Timestamp) -> Option<Self> {
        let words = ErrorWords::of_json(error);
        if words.said.is_empty() && words.status.is_none() {
            return None;
        }
        Some(Self::new(words.status.unwrap_or(WITHOUT_STATUS), None, words, now))
    }

    fn new(status: u16, asked: Option<Duration>, words: ErrorWords, now: Timestamp) -> Self {
        let said = words.said.join("; ");
        let lowered = said.to_lowercase();
        let after = asked.or_else(|| waits::of_words(&words, &lowered, now));
        let mut refusal = Self {
            status,
            after,
            code: words.codes.iter().find(|code| is_identifier(code)).cloned(),
            cause: Cause::Unknown,
            read_as: "unknown words",
            said,
            words: lowered,
            codes: words.codes.iter().map(|code| code.to_lowercase()).collect(),
        };
        if let Some(row) = causes::deciding(&refusal.facts()) {
            (refusal.cause, refusal.read_as) = (row.cause, row.name);
        }
        if refusal.cause == Cause::Allowance {
            refusal.after = Some(waits::until_next_day(now));
        }
        refusal
    }

    #[cfg(test)]
    pub(super) fn read(status: u16, asked: Option<Duration>, body: &[u8], now: Timestamp) -> Self {
        Self::new(status, asked, ErrorWords::of_body(body), now)
    }

    fn facts(&self) -> Facts<'_> {
        Facts { status: self.status, codes: &self.codes, words: &self.words, says_wait: self.after.is_some() }
    }

    /// Whether the provider's words contain `word` (lower case).
    pub(super) fn mentions(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// The provider's words, shortened and redacted; `material` is what must not be repeated.
    pub(super) fn shown(&self, material: &str) -> Option<String> {
        shown::shown(&self.said, material)
    }

    /// The largest output that the model allows, where the refusal of a larger one says it: the smallest number that stands
    /// beside words which mean a limit. Other numbers are what was asked for, a year in a model's name, the id of a request.
    pub(super) fn largest_output(&self) -> Option<u32> {
        const BEFORE: [&str; 9] = [
            "at most",
            "less than or equal to",
            "smaller than or equal to",
            "<=",
            ">",
            "up to",
            "maximum of",
            "maximum is",
            "maximum output tokens:",
        ];
        const BEHIND: [&str; 4] =
            [", which is the maximum", ", the maximum", " is the maximum", " maximum output tokens"];
        let is_mark = |letter: char| matches!(letter, ' ' | '`' | '\'' | '"' | '*');
        let limits = numbers(&self.words).filter(|(_, before, behind)| {
            let (before, behind) = (before.trim_end_matches(is_mark), behind.trim_start_matches(['`', '\'', '"', '*']));
            BEFORE.iter().any(|words| before.ends_with(words)) || BEHIND.iter().any(|words| behind.starts_with(words))
        });
        limits.map(|(number, ..)| number).min()
    }

    /// What the refusal means for the call.
    pub(super) fn failure(&self) -> Failure {
        let Self { status, after, .. } = *self;
        match self.cause {
            Cause::Throttled => Failure::RateLimited { status, after },
            Cause::Quota => Failure::QuotaExhausted { status, by_itself: true, after },
            Cause::Allowance => Failure::AllowanceUsedUp { status, after: after.unwrap_or_default() },
            Cause::Credit => Failure::QuotaExhausted { status, by_itself: false, after },
            Cause::Key => Failure::Unauthorized { status },
            Cause::Model => Failure::NotFound { status },
            Cause::Outage => Failure::Unavailable { status, after },
            Cause::BadLuck => Failure::NotGenerated { status },
            Cause::TooLong => Failure::ContextLength,
            Cause::Filtered => Failure::ContentFilter,
            Cause::Redirected => {
                Failure::BadResponse("a redirect, which is not followed because it would carry the key along")
            }
            Cause::Loosen(_) | Cause::Unknown => Failure::BadRequest { status, code: self.code.clone() },
        }
    }
}

/// Each whole number of a text, with or without commas between its thousands, with what stands before and behind it.
fn numbers(text: &str) -> impl Iterator<Item = (u32, &str, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(|letter: char| letter.is_ascii_digit())?;
        let length = text[start..].find(|letter: char| !letter.is_ascii_digit() && letter != ',');
        at = length.map_or(text.len(), |length| start + length);
        let written = text[start..at].trim_end_matches(',');
        Some((written, &text[..start], &text[start + written.len()..]))
    })
    .filter_map(|(written, before, behind)| Some((written.replace(',', "").parse().ok()?, before, behind)))
}

/// A provider's error code is shown only when it cannot hold anything else.
fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.chars().any(|c| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Refusal {
        Refusal::read(status, None, body.as_bytes(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn only_identifiers_are_kept_for_show() {
        let kept = |body: &str| read(400, body).code;
        assert_eq!(kept(r#"{"error":{"type":"a_type","code":"invalid_value"}}"#).as_deref(), Some("invalid_value"));
        assert_eq!(kept(r#"{"error":{"code":"sk-key with words, too"}}"#), None);
        assert_eq!(kept(r#"{"error":{"code":400,"message":"x"}}"#), None);
    }

    #[test]
    fn echoed_input_is_not_the_providers_words() {
        let body = r#"{"detail":[{"loc":["body"],"msg":"no","input":{"message":"context window"},"ctx":{"error":"flagged"}}]}"#;
        assert_eq!(read(422, body).cause, Cause::Unknown);
        let body = r#"{"error":{"message":"no","metadata":{"flagged_input":"insufficient balance"}}}"#;
        assert_eq!(read(400, body).cause, Cause::Unknown);
    }

    #[test]
    fn an_error_inside_a_success_counts_as_the_status_that_it_names() {
        let within = |error: &str| {
            let refusal = Refusal::within_success(&serde_json::from_str(error).unwrap(), Timestamp::UNIX_EPOCH)?;
            Some((refusal.status, refusal.failure().code()))
        };
        for (error, expected) in [
            (
                r#"{"error":{"message":"Insufficient credits. Add more and retry","code":402}}"#,
                (402, "quota_exhausted"),
            ),
            (r#"{"error":{"message":"Provider disconnected","code":502}}"#, (502, "unavailable")),
            (r#"{"error":{"message":"No auth","code":"401"}}"#, (401, "unauthorized")),
            (r#"{"error":{"message":"something went wrong"}}"#, (500, "unavailable")),
            (r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#, (500, "quota_exhausted")),
            (
                r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"prompt is too long\"}}"}}}"#,
                (400, "context_length"),
            ),
        ] {
            assert_eq!(within(error), Some(expected), "{error}");
        }
        assert_eq!(within(r#"{"ok":true}"#), None);
    }

    #[test]
    fn amazons_errors_are_named_in_a_header() {
        let mut headers = HeaderMap::new();
        headers.insert(AMAZON_ERROR, "ThrottlingException:http://internal/".parse().unwrap());
        let refusal = Refusal::of_response(400, &headers, br#"{"message":"no"}"#, Timestamp::UNIX_EPOCH);
        assert_eq!(refusal.cause, Cause::Throttled);
    }

    #[test]
    fn the_largest_output_is_the_number_that_stands_beside_the_words_for_a_limit() {
        let said =
            |message: &str| read(400, &serde_json::json!({"error": {"message": message}}).to_string()).largest_output();
        assert_eq!(said("max_tokens: 9,000 > 8,192, which is the maximum allowed number of output tokens"), Some(8192));
        assert_eq!(said("max_tokens is too large: 9000. This model supports at most 4096"), Some(4096));
        assert_eq!(said("`max_tokens` must be less than or equal to `8192`, the maximum value"), Some(8192));
        assert_eq!(said("max_tokens is too large"), None);
        assert_eq!(said("max_tokens is too large: 9000 for gpt-4o-2024-08-06 (request 4711, 429 before it)"), None);
        assert_eq!(said("model m-2024: 9000 > 4096, which is the maximum; see error 1041"), Some(4096));
    }
}
