//! The chat completions dialect. Pure: request bodies out, response bodies in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::config::judges::JudgeConfig;
use crate::model::Prompt;

use super::capabilities::{LimitName, Shape, Structured};
use super::completion::{Completion, Finish};
use super::request::JudgeUsage;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(flatten)]
    extra: &'a Map<String, Json>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonSchema { json_schema: JsonSchema<'a> },
    JsonObject,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: &'static str,
    strict: bool,
    schema: &'a Json,
}

/// The body of a request.
pub(super) fn body(
    config: &JudgeConfig,
    model: &str,
    shape: Shape,
    prompt: &Prompt,
    schema: &Json,
) -> Result<Vec<u8>, serde_json::Error> {
    let limit = |name| (shape.limit == Some(name)).then_some(config.max_output_tokens);
    serde_json::to_vec(&Body {
        model,
        messages: [
            Message { role: "system", content: &prompt.system },
            Message { role: "user", content: &prompt.user },
        ],
        max_tokens: limit(LimitName::MaxTokens),
        max_completion_tokens: limit(LimitName::MaxCompletionTokens),
        temperature: shape.temperature.then_some(config.temperature),
        seed: config.seed.filter(|_| shape.seed),
        response_format: match shape.structured {
            Structured::Schema => {
                Some(ResponseFormat::JsonSchema { json_schema: JsonSchema { name: "verdict", strict: true, schema } })
            }
            Structured::Json => Some(ResponseFormat::JsonObject),
            Structured::Prompt => None,
        },
        extra: &config.extra_body,
    })
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    system_fingerprint: Option<String>,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Reply,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    refusal: Option<String>,
}

/// Text, or (Mistral's reasoning models) parts of which some are text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<String>,
}

impl Content {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<i64>,
    #[serde(default)]
    completion_tokens: Option<i64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    /// OpenRouter's own figure, in US dollars.
    #[serde(default)]
    cost: Option<f64>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<i64>,
}

/// Reads the body of a successful response; the error says what it is instead.
pub(super) fn read(body: &[u8]) -> Result<Completion, &'static str> {
    let response: Response = serde_json::from_slice(body).map_err(|_| what_it_is(body))?;
    let choice = response.choices.into_iter().next().ok_or("a chat completion without choices")?;
    let finish = match choice.finish_reason.as_deref() {
        _ if choice.message.refusal.as_deref().is_some_and(|text| !text.is_empty()) => Finish::Refused,
        Some("content_filter") => Finish::Filtered,
        Some("length") => Finish::Truncated,
        _ => Finish::Complete,
    };
    let usage = response.usage.as_ref();
    Ok(Completion {
        text: choice.message.content.map(Content::into_text).unwrap_or_default(),
        finish,
        id: response.id,
        model: response.model,
        fingerprint: response.system_fingerprint,
        usage: JudgeUsage {
            input_tokens: usage.and_then(|usage| usage.prompt_tokens),
            output_tokens: usage.and_then(|usage| usage.completion_tokens),
            cached_input_tokens: usage
                .and_then(|usage| usage.prompt_tokens_details.as_ref())
                .and_then(|details| details.cached_tokens),
            cache_write_input_tokens: None,
        },
        reported_cost_usd: usage.and_then(|usage| usage.cost).filter(|cost| cost.is_finite() && *cost >= 0.0),
    })
}

/// Names a body that is no completion, without quoting it.
pub(super) fn what_it_is(body: &[u8]) -> &'static str {
    match body.trim_ascii_start().first() {
        None => "empty",
        Some(b'<') => "an HTML page",
        Some(b'{' | b'[') if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() => "JSON of another kind",
        Some(b'{' | b'[') => "broken JSON",
        Some(_) => "not JSON",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::judges::Provider;

    fn prompt() -> Prompt {
        Prompt { system: "Judge.".into(), user: "Data.".into() }
    }

    fn sent(config: &JudgeConfig, shape: Shape) -> Json {
        let schema = json!({"type": "object"});
        serde_json::from_slice(&body(config, "m", shape, &prompt(), &schema).unwrap()).unwrap()
    }

    #[test]
    fn a_request_puts_the_static_part_first_and_enforces_the_schema() {
        let config = JudgeConfig { provider: Provider::Openai, ..JudgeConfig::default() };
        assert_eq!(
            sent(&config, Shape::first(&config, "127.0.0.1")),
            json!({
                "model": "m",
                "messages": [{"role": "system", "content": "Judge."}, {"role": "user", "content": "Data."}],
                "max_tokens": 1024,
                "temperature": 0.0,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "verdict", "strict": true, "schema": {"type": "object"}}
                }
            })
        );
    }

    #[test]
    fn what_the_shape_leaves_out_is_not_sent_and_extra_members_are() {
        let mut config = JudgeConfig { provider: Provider::Openai, seed: Some(7), ..JudgeConfig::default() };
        config.extra_body.insert("reasoning_effort".into(), json!("low"));
        let shape = Shape {
            structured: Structured::Json,
            limit: Some(LimitName::MaxCompletionTokens),
            temperature: false,
            seed: true,
        };
        let body = sent(&config, shape);
        assert_eq!(body["response_format"], json!({"type": "json_object"}));
        assert_eq!(body["max_completion_tokens"], 1024);
        assert_eq!((body.get("max_tokens"), body.get("temperature")), (None, None));
        assert_eq!((&body["seed"], &body["reasoning_effort"]), (&json!(7), &json!("low")));
    }

    #[test]
    fn a_completion_is_read_with_its_usage() {
        let completion = read(
            br#"{"id":"c1","object":"chat.completion","model":"m-2026","system_fingerprint":"fp",
                "choices":[{"index":0,"message":{"role":"assistant","content":"{}","refusal":null},"finish_reason":"stop"}],
                "usage":{"prompt_tokens":90,"completion_tokens":10,"total_tokens":100,"prompt_tokens_details":{"cached_tokens":64}}}"#,
        )
        .unwrap();
        assert_eq!((completion.text.as_str(), completion.finish), ("{}", Finish::Complete));
        assert_eq!((completion.model.as_deref(), completion.fingerprint.as_deref()), (Some("m-2026"), Some("fp")));
        assert_eq!(completion.usage.cached_input_tokens, Some(64));
        assert_eq!(completion.usage.output_tokens, Some(10));
    }

    #[test]
    fn refusals_filters_and_cut_replies_are_told_apart() {
        let finish = |message: Json, reason: &str| {
            read(json!({"choices": [{"message": message, "finish_reason": reason}]}).to_string().as_bytes())
                .unwrap()
                .finish
        };
        assert_eq!(finish(json!({"content": null, "refusal": "no"}), "stop"), Finish::Refused);
        assert_eq!(finish(json!({"content": null}), "content_filter"), Finish::Filtered);
        assert_eq!(finish(json!({"content": "{\"ra"}), "length"), Finish::Truncated);
        assert_eq!(finish(json!({"content": [{"type": "text", "text": "x"}]}), "stop"), Finish::Complete);
    }

    #[test]
    fn what_is_no_completion_is_named() {
        for (body, what) in [
            ("", "empty"),
            ("<!doctype html>", "an HTML page"),
            ("{\"choices\":[", "broken JSON"),
            ("{\"ok\":true}", "JSON of another kind"),
            ("{\"choices\":[]}", "a chat completion without choices"),
            ("hello", "not JSON"),
        ] {
            assert_eq!(read(body.as_bytes()).unwrap_err(), what);
        }
    }
}
