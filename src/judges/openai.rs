//! The chat completions dialect. Pure: request bodies out, response bodies in.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::config::judges::JudgeConfig;
use crate::model::Prompt;

use super::capabilities::{LimitName, Shape, Structured};
use super::completion::{Completion, Finish, Loose, NoCompletion, Number, instead};
use super::request::JudgeUsage;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
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
    content: Cow<'a, str>,
}

/// The static part, then the material. Where a model's chat template has no role `system`, one message holds both.
fn messages(shape: Shape, prompt: &Prompt) -> Vec<Message<'_>> {
    if shape.system {
        vec![
            Message { role: "system", content: Cow::Borrowed(&prompt.system) },
            Message { role: "user", content: Cow::Borrowed(&prompt.user) },
        ]
    } else {
        vec![Message { role: "user", content: Cow::Owned(format!("{}\n\n{}", prompt.system, prompt.user)) }]
    }
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
    let limit = |name| (shape.limit == Some(name)).then(|| shape.output_tokens(config));
    serde_json::to_vec(&Body {
        model,
        messages: messages(shape, prompt),
        max_tokens: limit(LimitName::MaxTokens),
        max_completion_tokens: limit(LimitName::MaxCompletionTokens),
        temperature: shape.temperature.then_some(config.temperature),
        seed: config.seed.filter(|_| shape.seed),
        response_format: match shape.structured {
            Structured::Bounded | Structured::Schema => {
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
    id: Loose<String>,
    #[serde(default)]
    model: Loose<String>,
    #[serde(default)]
    system_fingerprint: Loose<String>,
    #[serde(default)]
    choices: Loose<Vec<Choice>>,
    #[serde(default)]
    usage: Loose<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    message: Loose<Reply>,
    #[serde(default)]
    finish_reason: Loose<String>,
    /// The reason as the provider behind a gateway gave it: OpenRouter's place, and LiteLLM's.
    #[serde(default)]
    native_finish_reason: Loose<String>,
    #[serde(default)]
    provider_specific_fields: Loose<ProviderFields>,
    #[serde(default)]
    error: Option<Json>,
}

/// What LiteLLM hands on from the provider as it came.
#[derive(Deserialize)]
struct ProviderFields {
    #[serde(default)]
    native_finish_reason: Loose<String>,
}

#[derive(Deserialize, Default)]
struct Reply {
    #[serde(default)]
    content: Loose<Content>,
    #[serde(default)]
    refusal: Loose<String>,
    #[serde(default)]
    reasoning_content: Loose<String>,
    #[serde(default)]
    reasoning: Loose<String>,
    #[serde(default)]
    tool_calls: Loose<Vec<ToolCall>>,
    #[serde(default)]
    function_call: Loose<Function>,
}

/// Text; parts of which some are text (Mistral's reasoning models); or the reply's object, parsed already.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
    Object(Map<String, Json>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: Loose<String>,
    #[serde(default)]
    text: Loose<String>,
}

impl Content {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(Part::into_text).collect(),
            Self::Object(object) => Json::Object(object).to_string(),
        }
    }
}

impl Part {
    fn into_text(self) -> Option<String> {
        match self.kind.take().as_deref() {
            Some("thinking" | "reasoning") => None,
            _ => self.text.take(),
        }
    }
}

#[derive(Deserialize)]
struct ToolCall {
    #[serde(default)]
    function: Loose<Function>,
}

#[derive(Deserialize)]
struct Function {
    #[serde(default)]
    arguments: Json,
}

impl Function {
    fn into_text(self) -> String {
        match self.arguments {
            Json::String(text) => text,
            other => other.to_string(),
        }
    }
}

impl Reply {
    /// The arguments of all tool calls, a line each.
    fn tool_arguments(tool_calls: Loose<Vec<ToolCall>>, function_call: Loose<Function>) -> Option<String> {
        let calls = tool_calls.take().unwrap_or_default().into_iter().filter_map(|call| call.function.take());
        let texts: Vec<String> = calls.chain(function_call.take()).map(Function::into_text).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Loose<Number>,
    #[serde(default)]
    completion_tokens: Loose<Number>,
    #[serde(default)]
    prompt_tokens_details: Loose<PromptDetails>,
    /// OpenRouter's own figure, in US dollars.
    #[serde(default)]
    cost: Loose<Number>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Loose<Number>,
}

/// Reads the body of a successful response. Members beside the reply that have another type than usual count as not given.
pub(super) fn read(body: &[u8]) -> Result<Completion, NoCompletion> {
    let Ok(response) = serde_json::from_slice::<Response>(body) else { return Err(instead(body)) };
    let Some(choices) = response.choices.take() else { return Err(instead(body)) };
    let Some(choice) = choices.into_iter().next() else {
        return Err(match instead(body) {
            NoCompletion::Error(json) if json.get("error").is_some_and(|error| !error.is_null()) => {
                NoCompletion::Error(json)
            }
            _ => NoCompletion::Other("a chat completion without choices"),
        });
    };
    let reply = choice.message.take().unwrap_or_default();
    let text = reply.content.take().map(Content::into_text).unwrap_or_default();
    let native = choice.native_finish_reason.take();
    let native =
        native.or_else(|| choice.provider_specific_fields.take().and_then(|fields| fields.native_finish_reason.take()));
    let finish = match (choice.finish_reason.take(), native) {
        _ if reply.refusal.take().is_some_and(|text| !text.is_empty()) => Finish::Refused,
        (reason, native) => finish(reason.as_deref(), native.as_deref()),
    };
    if text.trim().is_empty() {
        if let Some(error) = choice.error.filter(|error| !error.is_null()) {
            return Err(NoCompletion::Error(serde_json::json!({ "error": error })));
        }
        if finish == Finish::Failed {
            return Err(NoCompletion::Other("a chat completion that ended in an error"));
        }
    }
    let usage = response.usage.take();
    Ok(Completion {
        text,
        tool: Reply::tool_arguments(reply.tool_calls, reply.function_call),
        reasoning: reply.reasoning_content.take().or(reply.reasoning.take()).filter(|text| !text.trim().is_empty()),
        finish,
        id: response.id.take(),
        model: response.model.take(),
        fingerprint: response.system_fingerprint.take(),
        usage: JudgeUsage {
            input_tokens: usage.as_ref().and_then(|usage| usage.prompt_tokens.count()),
            output_tokens: usage.as_ref().and_then(|usage| usage.completion_tokens.count()),
            cached_input_tokens: usage.as_ref().and_then(|usage| match &usage.prompt_tokens_details {
                Loose::Given(details) => details.cached_tokens.count(),
                Loose::Other(_) => None,
            }),
            cache_write_input_tokens: None,
        },
        reported_cost_usd: usage.and_then(|usage| usage.cost.number()).filter(|cost| *cost >= 0.0),
    })
}

/// What a gateway calls an ordinary end may have been another one to the provider behind it.
fn finish(reason: Option<&str>, native: Option<&str>) -> Finish {
    match Finish::of_reason(reason.unwrap_or_default()) {
        Finish::Complete => match Finish::of_reason(native.unwrap_or_default()) {
            Finish::Failed => Finish::Complete,
            native => native,
        },
        reason => reason,
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
            largest_output: Some(512),
            temperature: false,
            seed: true,
            system: false,
        };
        let body = sent(&config, shape);
        assert_eq!(body["response_format"], json!({"type": "json_object"}));
        assert_eq!(body["max_completion_tokens"], 512);
        assert_eq!(body["messages"], json!([{"role": "user", "content": "Judge.\n\nData."}]));
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
    fn side_members_of_other_types_count_as_not_given() {
        for usage in [json!({}), json!([]), json!(null), json!("none"), json!({"prompt_tokens": {}, "cost": "free"})] {
            let body = json!({"id": 7, "model": null, "choices": [{"message": {"content": "{}"}, "finish_reason": 0}], "usage": usage});
            let completion = read(body.to_string().as_bytes()).unwrap();
            assert_eq!((completion.text.as_str(), completion.finish), ("{}", Finish::Complete), "{body}");
            assert_eq!(completion.usage, JudgeUsage::default());
        }
        let usage = json!({"prompt_tokens": 12.0, "completion_tokens": "3", "cost": "0.00012"});
        let body = json!({"choices": [{"message": {"content": {"score": 4}}}], "usage": usage});
        let completion = read(body.to_string().as_bytes()).unwrap();
        assert_eq!((completion.usage.input_tokens, completion.usage.output_tokens), (Some(12), Some(3)));
        assert_eq!((completion.reported_cost_usd, completion.text.as_str()), (Some(0.00012), r#"{"score":4}"#));
    }

    #[test]
    fn reasoning_and_tool_calls_are_told_apart_from_the_reply() {
        let call = json!({"type": "function", "function": {"name": "json_tool_call", "arguments": "{\"score\":4}"}});
        let message = json!({"content": null, "reasoning": "hm", "tool_calls": [call]});
        let completion = read(json!({"choices": [{"message": message}]}).to_string().as_bytes()).unwrap();
        assert_eq!(completion.text, "");
        assert_eq!(completion.tool.as_deref(), Some("{\"score\":4}"));
        assert_eq!(completion.reasoning.as_deref(), Some("hm"));
    }

    #[test]
    fn a_filter_is_seen_without_a_message_and_behind_a_gateway() {
        let finish = |choice: Json| read(json!({"choices": [choice]}).to_string().as_bytes()).unwrap().finish;
        assert_eq!(finish(json!({"index": 0, "finish_reason": "content_filter"})), Finish::Filtered);
        assert_eq!(finish(json!({"message": {"content": ""}, "finish_reason": "SAFETY"})), Finish::Filtered);
        let native =
            json!({"message": {"content": ""}, "finish_reason": "stop", "native_finish_reason": "PROHIBITED_CONTENT"});
        assert_eq!(finish(native), Finish::Filtered);
        let fields = json!({"native_finish_reason": "PROHIBITED_CONTENT"});
        let gateway = json!({"message": {"content": ""}, "finish_reason": "stop", "provider_specific_fields": fields});
        assert_eq!(finish(gateway), Finish::Filtered);
    }

    #[test]
    fn an_error_in_a_success_is_handed_on_as_one() {
        let of_choice =
            json!({"choices": [{"finish_reason": "error", "message": {"content": ""}, "error": {"code": 502}}]});
        assert_eq!(read(of_choice.to_string().as_bytes()), Err(NoCompletion::Error(json!({"error": {"code": 502}}))));
        let instead = json!({"error": {"code": 402}});
        assert_eq!(read(instead.to_string().as_bytes()), Err(NoCompletion::Error(instead)));
        assert_eq!(read(b"{\"choices\":[]}"), Err(NoCompletion::Other("a chat completion without choices")));
        let failed = json!({"choices": [{"finish_reason": "MALFORMED_FUNCTION_CALL", "message": {"content": null}}]});
        assert!(matches!(read(failed.to_string().as_bytes()), Err(NoCompletion::Other(_))));
    }
}
