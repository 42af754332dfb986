//! The Anthropic messages dialect: a forced tool call whose input is the verdict. Pure.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use crate::config::judges::JudgeConfig;
use crate::model::Prompt;

use super::capabilities::{Shape, Structured};
use super::completion::{Completion, Finish, Loose, NoCompletion, Number, instead};
use super::request::JudgeUsage;

/// The tool whose call is the verdict.
const TOOL: &str = "verdict";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tool<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Named<'a>>,
    system: [TextBlock<'a>; 1],
    messages: [Message<'a>; 1],
    #[serde(flatten)]
    extra: &'a Map<String, Json>,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'static str,
    description: &'static str,
    input_schema: &'a Json,
}

#[derive(Serialize)]
struct Named<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct TextBlock<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "text")]
    content: &'a str,
    cache_control: CacheControl,
}

#[derive(Serialize)]
struct CacheControl {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// The body of a request. Tools and system come first and end in a cache mark: they are the same for every subject.
pub(super) fn body(
    config: &JudgeConfig,
    model: &str,
    shape: Shape,
    prompt: &Prompt,
    schema: &Json,
) -> Result<Vec<u8>, serde_json::Error> {
    let forced = matches!(shape.structured, Structured::Bounded | Structured::Schema);
    serde_json::to_vec(&Body {
        model,
        max_tokens: shape.output_tokens(config),
        temperature: shape.temperature.then_some(config.temperature),
        tools: forced.then_some([Tool {
            name: TOOL,
            description: "Records the verdict: the reasons first, then the decision.",
            input_schema: schema,
        }]),
        tool_choice: forced.then_some(Named { kind: "tool", name: TOOL }),
        system: [TextBlock {
            kind: "text",
            content: &prompt.system,
            cache_control: CacheControl { kind: "ephemeral" },
        }],
        messages: [Message { role: "user", content: &prompt.user }],
        extra: &config.extra_body,
    })
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(default)]
    id: Loose<String>,
    #[serde(default)]
    model: Loose<String>,
    #[serde(borrow)]
    content: Vec<Block<'a>>,
    #[serde(default)]
    stop_reason: Loose<String>,
    #[serde(default)]
    usage: Loose<Usage>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default, rename = "input_tokens")]
    plain_input: Loose<Number>,
    #[serde(default, rename = "output_tokens")]
    output: Loose<Number>,
    #[serde(default, rename = "cache_read_input_tokens")]
    cache_read: Loose<Number>,
    #[serde(default, rename = "cache_creation_input_tokens")]
    cache_written: Loose<Number>,
}

impl Usage {
    /// Anthropic counts cached input beside the input, not within it.
    fn normalised(&self) -> JudgeUsage {
        let (read, written) = (self.cache_read.count(), self.cache_written.count());
        JudgeUsage {
            input_tokens: self
                .plain_input
                .count()
                .map(|plain| plain.saturating_add(read.unwrap_or(0)).saturating_add(written.unwrap_or(0))),
            output_tokens: self.output.count(),
            cached_input_tokens: read,
            cache_write_input_tokens: written,
        }
    }
}

/// Reads the body of a successful response.
pub(super) fn read(body: &[u8]) -> Result<Completion, NoCompletion> {
    let Ok(response) = serde_json::from_slice::<Response<'_>>(body) else { return Err(instead(body)) };
    let called = response.content.iter().filter(|block| block.kind == "tool_use").find_map(|block| block.input);
    let text = match called {
        Some(input) => input.get().to_owned(),
        None => response.content.iter().filter_map(|block| block.text.as_deref()).collect(),
    };
    Ok(Completion {
        text,
        tool: None,
        reasoning: None,
        finish: Finish::of_reason(&response.stop_reason.take().unwrap_or_default()),
        id: response.id.take(),
        model: response.model.take(),
        fingerprint: None,
        usage: response.usage.take().as_ref().map(Usage::normalised).unwrap_or_default(),
        reported_cost_usd: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::judges::Provider;

    #[test]
    fn a_request_forces_the_tool_and_marks_the_static_part_for_the_cache() {
        let config = JudgeConfig { provider: Provider::Anthropic, ..JudgeConfig::default() };
        let prompt = Prompt { system: "Judge.".into(), user: "Data.".into() };
        let schema = json!({"type": "object"});
        let shape = Shape::first(&config, "api.anthropic.com");
        let bytes = body(&config, "claude", shape, &prompt, &schema).unwrap();
        assert_eq!(
            serde_json::from_slice::<Json>(&bytes).unwrap(),
            json!({
                "model": "claude",
                "max_tokens": 1024,
                "temperature": 0.0,
                "tools": [{
                    "name": "verdict",
                    "description": "Records the verdict: the reasons first, then the decision.",
                    "input_schema": {"type": "object"}
                }],
                "tool_choice": {"type": "tool", "name": "verdict"},
                "system": [{"type": "text", "text": "Judge.", "cache_control": {"type": "ephemeral"}}],
                "messages": [{"role": "user", "content": "Data."}]
            })
        );
    }

    #[test]
    fn the_tools_input_is_the_reply_and_cached_tokens_are_part_of_the_input() {
        let completion = read(
            br#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x",
                "content":[{"type":"text","text":"Let me see."},
                           {"type":"tool_use","id":"t1","name":"verdict","input":{"rationale":"r","score":4}}],
                "stop_reason":"tool_use",
                "usage":{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":100,"cache_creation_input_tokens":20}}"#,
        )
        .unwrap();
        assert_eq!(completion.text, r#"{"rationale":"r","score":4}"#);
        assert_eq!(completion.finish, Finish::Complete);
        assert_eq!(completion.usage.input_tokens, Some(130));
        assert_eq!(completion.usage.cached_input_tokens, Some(100));
    }

    #[test]
    fn text_serves_where_no_tool_was_called_and_endings_are_told_apart() {
        let of = |stop: &str| {
            read(json!({"content": [{"type": "text", "text": "{}"}], "stop_reason": stop}).to_string().as_bytes())
                .unwrap()
        };
        assert_eq!((of("end_turn").text.as_str(), of("end_turn").finish), ("{}", Finish::Complete));
        assert_eq!(of("max_tokens").finish, Finish::Truncated);
        assert_eq!(of("refusal").finish, Finish::Refused);
        assert_eq!(read(b"<html>"), Err(NoCompletion::Other("an HTML page")));
        let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
        assert_eq!(read(error.to_string().as_bytes()), Err(NoCompletion::Error(error)));
    }
}
