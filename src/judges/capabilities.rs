//! What an endpoint accepts. "OpenAI-compatible" servers differ in which parameters they refuse; what a judge's
//! endpoint has refused is left out next time, once a request without it has gone through. Pure.

use crate::config::judges::{JudgeConfig, OutputLimit, Provider, StructuredOutput};

use super::error_response::Refusal;

/// How the reply schema is enforced, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Structured {
    /// By the provider, against the schema.
    Schema,
    /// By the provider as JSON; the schema is in the prompt.
    Json,
    /// By the prompt alone.
    Prompt,
}

impl Structured {
    /// The name as `doctor` prints it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "enforced against the schema",
            Self::Json => "enforced as JSON",
            Self::Prompt => "asked for in the prompt",
        }
    }
}

/// The name of the output limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitName {
    /// `max_tokens`
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
}

/// The shape of a request: which optional parts it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// How the schema is enforced.
    pub structured: Structured,
    /// How the output limit is called; `None` to leave it out.
    pub limit: Option<LimitName>,
    /// Whether the temperature is sent.
    pub temperature: bool,
    /// Whether the seed is sent.
    pub seed: bool,
}

impl Shape {
    /// The shape to begin with.
    pub(super) fn first(config: &JudgeConfig, host: &str) -> Self {
        let sends = |name: &str| config.omit.iter().all(|omitted| omitted != name);
        let limit = match config.output_limit {
            OutputLimit::MaxCompletionTokens => LimitName::MaxCompletionTokens,
            // Servers that do not know the newer name ignore it and write without bound, so only OpenAI itself gets it.
            OutputLimit::Auto if config.provider == Provider::Openai && host == "api.openai.com" => {
                LimitName::MaxCompletionTokens
            }
            OutputLimit::Auto | OutputLimit::MaxTokens => LimitName::MaxTokens,
        };
        let structured = match config.structured_output {
            StructuredOutput::Auto | StructuredOutput::JsonSchema => Structured::Schema,
            StructuredOutput::JsonObject => Structured::Json,
            StructuredOutput::Prompt => Structured::Prompt,
        };
        Self {
            structured,
            limit: sends("max_tokens").then_some(limit),
            temperature: sends("temperature"),
            seed: config.seed.is_some() && sends("seed"),
        }
    }

    /// The shape to try after `refusal`; `None` when the refusal is not about the shape.
    pub(super) fn adapted(self, refusal: &Refusal, config: &JudgeConfig) -> Option<Self> {
        // llama.cpp's Python server answers 500 to a response format it does not know, others 501.
        if !matches!(refusal.status, 400 | 404 | 422 | 500 | 501) || refusal.is_about_length() {
            return None;
        }
        if self.limit == Some(LimitName::MaxTokens) && refusal.mentions("max_completion_tokens") {
            return Some(Self { limit: Some(LimitName::MaxCompletionTokens), ..self });
        }
        if self.limit == Some(LimitName::MaxCompletionTokens) && refusal.mentions("max_completion_tokens") {
            return Some(Self { limit: Some(LimitName::MaxTokens), ..self });
        }
        if self.temperature && refusal.mentions("temperature") {
            return Some(Self { temperature: false, ..self });
        }
        if self.seed && refusal.mentions("seed") {
            return Some(Self { seed: false, ..self });
        }
        let about_format = match config.provider {
            Provider::Anthropic => ["tool_choice", "tools"].iter().any(|word| refusal.mentions(word)),
            Provider::Openai | Provider::Baseline => {
                ["response_format", "json_schema", "json_object", "structured output", "guided", "grammar"]
                    .iter()
                    .any(|word| refusal.mentions(word))
            }
        };
        (about_format && config.structured_output == StructuredOutput::Auto)
            .then(|| self.with_looser_format(config.provider))
            .flatten()
    }

    fn with_looser_format(self, provider: Provider) -> Option<Self> {
        let structured = match (self.structured, provider) {
            (Structured::Schema, Provider::Openai | Provider::Baseline) => Structured::Json,
            (Structured::Schema, Provider::Anthropic) | (Structured::Json, _) => Structured::Prompt,
            (Structured::Prompt, _) => return None,
        };
        Some(Self { structured, ..self })
    }

    /// What this shape lacks compared with `earlier`, for the log.
    pub(super) fn difference(self, earlier: Self) -> &'static str {
        if self.structured != earlier.structured {
            "the reply schema is no longer enforced as strictly"
        } else if self.limit != earlier.limit {
            "the output limit goes by its other name"
        } else if self.temperature != earlier.temperature {
            "the temperature is not sent"
        } else {
            "the seed is not sent"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openai() -> JudgeConfig {
        JudgeConfig { provider: Provider::Openai, seed: Some(1), ..JudgeConfig::default() }
    }

    fn adapted(shape: Shape, status: u16, body: &str) -> Option<Shape> {
        shape.adapted(&Refusal::read(status, None, body.as_bytes()), &openai())
    }

    #[test]
    fn json_schema_falls_back_to_json_object_and_then_to_the_prompt() {
        let first = Shape::first(&openai(), "127.0.0.1");
        assert_eq!(first.structured, Structured::Schema);
        for (status, body) in [
            (
                500,
                r#"{"error":{"message":"[{'loc': ('body','response_format','type'), 'msg': \"Input should be 'text' or 'json_object'\"}]","type":"internal_server_error"}}"#,
            ),
            (
                400,
                r#"{"error":{"message":"This response_format type is unavailable now","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#,
            ),
            (
                422,
                "{\"detail\":[{\"type\":\"enum\",\"loc\":[\"body\",\"response_format\",\"type\"],\"msg\":\"Input should be 'text'\",\"input\":\"json_schema\"}]}",
            ),
        ] {
            let second = adapted(first, status, body).unwrap();
            assert_eq!(second, Shape { structured: Structured::Json, ..first }, "{body}");
            let third = adapted(second, status, body).unwrap();
            assert_eq!(third.structured, Structured::Prompt);
            assert_eq!(adapted(third, status, body), None, "nothing is left to leave out");
        }
    }

    #[test]
    fn a_refused_parameter_is_left_out_or_renamed() {
        let first = Shape::first(&openai(), "127.0.0.1");
        let renamed = adapted(
            first,
            400,
            r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens","code":"unsupported_parameter"}}"#,
        );
        assert_eq!(renamed, Some(Shape { limit: Some(LimitName::MaxCompletionTokens), ..first }));
        let without = adapted(
            first,
            400,
            r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model.","param":"temperature","code":"unsupported_value"}}"#,
        );
        assert_eq!(without, Some(Shape { temperature: false, ..first }));
        let without = adapted(
            first,
            422,
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted","input":1}]}"#,
        );
        assert_eq!(without, Some(Shape { seed: false, ..first }));
    }

    #[test]
    fn an_echo_of_the_prompt_or_another_complaint_changes_nothing() {
        let first = Shape::first(&openai(), "127.0.0.1");
        let echo = r#"{"detail":[{"loc":["body","messages"],"msg":"Field required","input":"what temperature is it? {\"seed\"} response_format"}]}"#;
        assert_eq!(adapted(first, 422, echo), None);
        let too_long = r#"{"error":{"message":"This model's maximum context length is 8192 tokens; reduce the prompt or max_completion_tokens","code":"context_length_exceeded"}}"#;
        assert_eq!(adapted(first, 400, too_long), None);
        assert_eq!(adapted(first, 429, r#"{"error":{"message":"response_format"}}"#), None);
    }

    #[test]
    fn a_configured_format_is_never_loosened() {
        let config = JudgeConfig { structured_output: StructuredOutput::JsonSchema, ..openai() };
        let refusal = Refusal::read(400, None, br#"{"error":{"message":"response_format is not supported"}}"#);
        assert_eq!(Shape::first(&config, "x").adapted(&refusal, &config), None);
    }

    #[test]
    fn openai_itself_gets_the_newer_name_of_the_limit() {
        assert_eq!(Shape::first(&openai(), "api.openai.com").limit, Some(LimitName::MaxCompletionTokens));
        let config = JudgeConfig { omit: vec!["temperature".into(), "max_tokens".into()], ..openai() };
        let shape = Shape::first(&config, "api.openai.com");
        assert_eq!((shape.limit, shape.temperature, shape.seed), (None, false, true));
    }
}
