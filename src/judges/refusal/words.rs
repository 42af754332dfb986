//! What a refusal says, gathered from the error shapes of all providers and the wrappers of gateways. Pure.

use serde_json::Value as Json;

/// What is worth reading of a body that is no JSON, in bytes.
const LONGEST_TEXT: usize = 2000;
/// Shapes nest: gateway, provider, list of details.
const DEEPEST: usize = 7;

/// A refusal's own words. Only from members that hold them, never from echoed input.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Sentences and identifiers in the order of the body.
    pub(super) said: Vec<String>,
    /// Identifiers of the error, `code` before others.
    pub(super) codes: Vec<String>,
    /// The HTTP status that the body names.
    pub(super) status: Option<u16>,
    /// Members that tell how long to wait, or until when: name in lower case, and value.
    pub(super) waits: Vec<(String, String)>,
}

impl Words {
    pub(super) fn of_body(body: &[u8]) -> Self {
        let mut words = Self::default();
        match serde_json::from_slice::<Json>(body) {
            Ok(Json::String(text)) => words.said.push(text),
            Ok(json) => words.collect(&json, 0),
            Err(_) => {
                let text = String::from_utf8_lossy(&body[..body.len().min(LONGEST_TEXT)]);
                if !text.trim_start().starts_with('<') {
                    words.said.push(text.trim().to_owned());
                }
            }
        }
        words
    }

    /// An error that stands within an answer.
    pub(super) fn of_json(json: &Json) -> Self {
        let mut words = Self::default();
        words.collect(json, 0);
        words
    }

    /// Walks the known shapes: `{error: {message, code, type, param}}`, `{error: "…"}`, `{detail: [{loc, msg}]}`,
    /// `{message, code}`, `{error: {details: [{reason}, {violations}, {retryDelay}]}}`, `{error: {metadata: {raw, headers}}}`,
    /// `{base_resp: {status_code, status_msg}}`, and a list of any of them.
    fn collect(&mut self, json: &Json, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        match json {
            Json::Array(items) => items.iter().for_each(|item| self.collect(item, depth + 1)),
            Json::Object(members) => {
                for (name, value) in members {
                    self.member(&name.to_lowercase(), value, depth);
                }
            }
            Json::String(text) => self.said.push(text.clone()),
            _ => {}
        }
    }

    fn member(&mut self, name: &str, value: &Json, depth: usize) {
        if is_wait(name)
            && let Some(value) = scalar(value)
        {
            return self.waits.push((name.to_owned(), value));
        }
        match (name, value) {
            ("code" | "status" | "status_code" | "statuscode" | "http_status", Json::Number(number)) => {
                let status = number.as_u64().and_then(|number| u16::try_from(number).ok());
                self.status = status.filter(|status| (400..600).contains(status)).or(self.status);
                self.codes.push(number.to_string());
            }
            (
                "code" | "error_code" | "errorcode" | "__type" | "type" | "error_type" | "status" | "reason",
                Json::String(text),
            ) => {
                self.identifier(name, text);
            }
            (
                "message" | "msg" | "param" | "error" | "detail" | "details" | "title" | "error_message" | "error_msg"
                | "errormessage" | "error_description" | "status_msg",
                Json::String(text),
            ) => self.said.push(text.clone()),
            // A provider's error as a gateway got it: JSON within a text.
            ("raw", Json::String(text)) => match serde_json::from_str::<Json>(text) {
                Ok(inner) => self.collect(&inner, depth + 1),
                Err(_) => self.said.push(text.clone()),
            },
            ("loc", Json::Array(path)) => self.said.extend(path.iter().filter_map(Json::as_str).map(str::to_owned)),
            ("quotaid" | "quotametric" | "quota_limit" | "quota_metric" | "provider_name", Json::String(text)) => {
                self.said.push(text.clone());
            }
            (
                "error" | "errors" | "detail" | "details" | "message" | "innererror" | "inner_error" | "metadata"
                | "violations" | "headers" | "raw" | "base_resp" | "promptfeedback" | "prompt_feedback",
                Json::Array(_) | Json::Object(_),
            ) => self.collect(value, depth + 1),
            ("blockreason" | "block_reason", Json::String(text)) => {
                self.said.push(format!("blocked by safety: {text}"));
            }
            _ => {}
        }
    }

    fn identifier(&mut self, name: &str, text: &str) {
        if text == "error" {
            return;
        }
        self.said.push(text.to_owned());
        if let Some(status) = text.parse::<u16>().ok().filter(|status| (400..600).contains(status)) {
            self.status = Some(status);
        }
        if name == "code" { self.codes.insert(0, text.to_owned()) } else { self.codes.push(text.to_owned()) }
    }
}

fn is_wait(name: &str) -> bool {
    matches!(
        name,
        "retrydelay"
            | "retry_delay"
            | "retry_after"
            | "retryafter"
            | "retry-after"
            | "retry_after_seconds"
            | "retry_after_ms"
            | "estimated_time"
            | "resets_in_seconds"
            | "reset_at"
            | "resets_at"
            | "resetat"
            | "x-ratelimit-reset"
    )
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
