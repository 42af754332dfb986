//! What an error response says, gathered from the error shapes of model providers, gateways and evaluation servers: only
//! from members that hold the server's own words, never from what it repeats of the request. Pure.

use serde_json::Value as Json;

/// What is worth reading of a body that is no JSON, in bytes.
const LONGEST_TEXT: usize = 2000;
/// Shapes nest: gateway, provider, list of details.
const DEEPEST: usize = 7;

/// An error's own words.
#[derive(Debug, Default)]
pub struct ErrorWords {
    /// Sentences and identifiers in the order of the body.
    pub said: Vec<String>,
    /// Identifiers of the error, `code` before others.
    pub codes: Vec<String>,
    /// The HTTP status that the body names.
    pub status: Option<u16>,
    /// Members that tell how long to wait, or until when: name in lower case, and value.
    pub waits: Vec<(String, String)>,
    /// Whether `metadata` and the like are what was judged, not a gateway's wrapper around an error.
    is_bare: bool,
}

impl ErrorWords {
    /// Of a body that is no JSON its beginning, unless it is a page.
    pub fn of_body(body: &[u8]) -> Self {
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

    /// Of a server that stores what it is sent, and may repeat its `metadata`.
    pub fn of_store(json: &Json) -> Self {
        let mut words = Self { is_bare: true, ..Self::default() };
        words.collect(json, 0);
        words
    }

    pub fn of_json(json: &Json) -> Self {
        let mut words = Self::default();
        words.collect(json, 0);
        words
    }

    /// Walks the known shapes: `{error: {message, code, type, param}}`, `{error: "…"}`, `{detail: [{loc, msg}]}`,
    /// `{message, code}`, `{error: {details: [{reason}, {violations}, {retryDelay}]}}`, `{error: {metadata: {raw, headers}}}`,
    /// `{base_resp: {status_code, status_msg}}`, `{error_code, message}`, `{message, error: [{path, message}]}`, a text, and a
    /// list of any of them.
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
            ("metadata" | "headers" | "raw" | "reason", _) if self.is_bare => {}
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
            // The way to the member at fault: `body.data.0.name`.
            ("loc" | "path", Json::Array(path)) => {
                let part = |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
                self.said.push(path.iter().map(part).collect::<Vec<_>>().join("."));
            }
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
