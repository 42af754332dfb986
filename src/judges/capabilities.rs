//! What an endpoint accepts. "OpenAI-compatible" servers differ in which parameters they refuse; what a judge's
//! endpoint has refused is left out next time, once a request without it has gone through. Pure.

use crate::config::judges::{JudgeConfig, OutputLimit, Provider, StructuredOutput};

use super::refusal::Refusal;
use super::refusal::cause::{Cause, Part};

/// How the reply schema is enforced, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Structured {
    /// By the provider, against the schema with bounds on the rationale's length and on numbers.
    Bounded,
    /// By the provider, against the schema without bounds: numbers are checked on arrival.
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
            Self::Bounded | Self::Schema => "enforced against the schema",
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
    /// The model's own limit, where it is lower than the configured one.
    pub largest_output: Option<u32>,
    /// Whether the temperature is sent.
    pub temperature: bool,
    /// Whether the seed is sent.
    pub seed: bool,
    /// Whether the static part is a message of its own, with the role `system` (chat completions).
    pub system: bool,
}

/// The model's own limit is halved until it fits where the endpoint does not say it; less is no room for a verdict.
const SMALLEST_OUTPUT: u32 = 128;

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
            StructuredOutput::Auto if takes_bounds(config.provider, host) => Structured::Bounded,
            StructuredOutput::Auto | StructuredOutput::JsonSchema => Structured::Schema,
            StructuredOutput::JsonObject => Structured::Json,
            StructuredOutput::Prompt => Structured::Prompt,
        };
        Self {
            structured,
            limit: sends("max_tokens").then_some(limit),
            largest_output: None,
            temperature: sends("temperature"),
            seed: config.seed.is_some() && sends("seed"),
            system: true,
        }
    }

    /// The longest reply to ask for, in tokens.
    pub(super) fn output_tokens(self, config: &JudgeConfig) -> u32 {
        self.largest_output.map_or(config.max_output_tokens, |largest| largest.min(config.max_output_tokens))
    }

    /// The shape to try after `refusal`; `None` when the refusal is not about the shape. An endpoint that is not `proven`
    /// has accepted no request yet: whatever it says, the part that endpoints differ in most may be what it refuses.
    pub(super) fn adapted(self, refusal: &Refusal, config: &JudgeConfig, proven: bool) -> Option<Self> {
        let named = match refusal.cause {
            Cause::Loosen(part) => self.without(part, refusal, config),
            Cause::BadLuck => self.with_looser_format(config),
            _ => None,
        };
        let may_be_the_shape = matches!(refusal.cause, Cause::Loosen(_) | Cause::Unknown);
        named.or_else(|| {
            (!proven && may_be_the_shape).then(|| self.with_looser_format(config).or(self.without_system()))?
        })
    }

    fn without(self, part: Part, refusal: &Refusal, config: &JudgeConfig) -> Option<Self> {
        match part {
            Part::Format => self.with_looser_format(config),
            Part::LimitName => {
                let limit = match self.limit? {
                    LimitName::MaxTokens => LimitName::MaxCompletionTokens,
                    LimitName::MaxCompletionTokens if refusal.mentions("max_completion_tokens") => LimitName::MaxTokens,
                    LimitName::MaxCompletionTokens => return None,
                };
                Some(Self { limit: Some(limit), ..self })
            }
            Part::LimitSize => {
                let present = self.output_tokens(config);
                let largest = refusal.largest_output().filter(|largest| *largest < present).unwrap_or(present / 2);
                (largest >= SMALLEST_OUTPUT).then_some(Self { largest_output: Some(largest), ..self })
            }
            Part::Temperature => self.temperature.then_some(Self { temperature: false, ..self }),
            Part::Seed => self.seed.then_some(Self { seed: false, ..self }),
            Part::SystemRole if config.provider == Provider::Openai => self.without_system(),
            Part::SystemRole => None,
        }
    }

    fn without_system(self) -> Option<Self> {
        self.system.then_some(Self { system: false, ..self })
    }

    /// Enforced one step less strictly, unless the configuration says how.
    pub(super) fn with_looser_format(self, config: &JudgeConfig) -> Option<Self> {
        if config.structured_output != StructuredOutput::Auto {
            return None;
        }
        let structured = match (self.structured, config.provider) {
            (Structured::Bounded, _) => Structured::Schema,
            (Structured::Schema, Provider::Openai | Provider::Baseline) => Structured::Json,
            (Structured::Schema, Provider::Anthropic) | (Structured::Json, _) => Structured::Prompt,
            (Structured::Prompt, _) | (_, Provider::Decisions) => return None,
        };
        Some(Self { structured, ..self })
    }

    /// What this shape lacks compared with `earlier`, for the log.
    pub(super) fn difference(self, earlier: Self) -> &'static str {
        if self.structured != earlier.structured {
            "the reply schema is no longer enforced as strictly"
        } else if self.limit != earlier.limit {
            "the output limit goes by its other name"
        } else if self.largest_output != earlier.largest_output {
            "the output limit is lowered to the model's own"
        } else if self.system != earlier.system {
            "the system message goes to the front of the user message"
        } else if self.temperature != earlier.temperature {
            "the temperature is not sent"
        } else {
            "the seed is not sent"
        }
    }
}

/// Whether a schema may hold lengths: the strict modes of these providers refuse them, or only seem to take them.
fn takes_bounds(provider: Provider, host: &str) -> bool {
    let refuses =
        ["api.openai.com", "generativelanguage.googleapis.com"].contains(&host) || host.ends_with(".azure.com");
    provider == Provider::Openai && !refuses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openai() -> JudgeConfig {
        JudgeConfig { provider: Provider::Openai, seed: Some(1), ..JudgeConfig::default() }
    }

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal::read(status, None, body.as_bytes(), jiff::Timestamp::UNIX_EPOCH)
    }

    fn adapted(shape: Shape, status: u16, body: &str) -> Option<Shape> {
        shape.adapted(&refusal(status, body), &openai(), true)
    }

    #[test]
    fn json_schema_falls_back_to_json_object_and_then_to_the_prompt() {
        let first = Shape::first(&openai(), "api.openai.com");
        assert_eq!(first.structured, Structured::Schema, "its strict mode takes no bounds");
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
        let refusal = refusal(400, r#"{"error":{"message":"response_format is not supported"}}"#);
        assert_eq!(Shape::first(&config, "x").adapted(&refusal, &config, true), None);
    }

    #[test]
    fn bounds_on_lengths_and_numbers_are_the_first_to_go() {
        let first = Shape::first(&openai(), "127.0.0.1");
        assert_eq!(first.structured, Structured::Bounded);
        for member in ["maxLength", "minimum", "maximum"] {
            let body = format!(r#"{{"error":{{"message":"Invalid schema: '{member}' is not permitted"}}}}"#);
            assert_eq!(adapted(first, 400, &body), Some(Shape { structured: Structured::Schema, ..first }));
        }
    }

    #[test]
    fn an_endpoint_that_has_accepted_nothing_is_tried_with_less_whatever_it_says() {
        let mut shape = Shape::first(&openai(), "127.0.0.1");
        let mut tried = vec![];
        while let Some(next) = shape.adapted(&refusal(400, r#"{"message":"no"}"#), &openai(), false) {
            tried.push((next.structured, next.system));
            shape = next;
        }
        let formats = [Structured::Schema, Structured::Json, Structured::Prompt];
        assert_eq!(tried[..3], formats.map(|structured| (structured, true)));
        assert_eq!(tried[3..], [(Structured::Prompt, false)]);
        let first = Shape::first(&openai(), "127.0.0.1");
        assert_eq!(adapted(first, 400, r#"{"message":"no"}"#), None, "one that has accepted requests means this one");
        let no_model = refusal(404, r#"{"error":"model \"m\" not found"}"#);
        assert_eq!(first.adapted(&no_model, &openai(), false), None);
    }

    #[test]
    fn a_model_without_the_role_system_gets_one_message() {
        let first = Shape::first(&openai(), "127.0.0.1");
        let body = r#"{"object":"error","message":"Conversation roles must alternate user/assistant","code":400}"#;
        assert_eq!(adapted(first, 400, body), Some(Shape { system: false, ..first }));
    }

    #[test]
    fn a_models_own_output_limit_is_kept_to() {
        let first = Shape::first(&openai(), "127.0.0.1");
        let said = r#"{"error":{"message":"max_tokens is too large: 1024. This model supports at most 512 completion tokens"}}"#;
        assert_eq!(adapted(first, 400, said).unwrap().output_tokens(&openai()), 512);
        let unsaid = r#"{"error":{"message":"max_tokens is too large for the maximum output tokens of this model"}}"#;
        let halved = adapted(first, 400, unsaid).unwrap();
        assert_eq!(halved.output_tokens(&openai()), 512);
        assert_eq!(adapted(adapted(halved, 400, unsaid).unwrap(), 400, unsaid).unwrap().largest_output, Some(128));
    }

    #[test]
    fn openai_itself_gets_the_newer_name_of_the_limit() {
        assert_eq!(Shape::first(&openai(), "api.openai.com").limit, Some(LimitName::MaxCompletionTokens));
        let config = JudgeConfig { omit: vec!["temperature".into(), "max_tokens".into()], ..openai() };
        let shape = Shape::first(&config, "api.openai.com");
        assert_eq!((shape.limit, shape.temperature, shape.seed), (None, false, true));
    }
}
