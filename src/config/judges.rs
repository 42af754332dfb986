//! `[judges.NAME]`: the judge models.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::model::named_enum;

/// All `[judges.NAME]` sections by name. A judge named `baseline` always exists, and `default` is the baseline
/// unless configured.
pub type JudgesConfig = BTreeMap<String, JudgeConfig>;

/// Which protocol a judge speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Chat completions: `OpenAI`, Azure, vLLM, Ollama, llama.cpp, `LiteLLM`, `OpenRouter`, Gemini's compatible endpoint.
    Openai,
    /// Anthropic messages.
    Anthropic,
    /// Decision models, which read typed questions and answer with probabilities, in a `dialect`.
    Decisions,
    /// The offline, deterministic lexical scorer: no model, no network, no key.
    #[default]
    Baseline,
}

named_enum! {
    /// The contract of a decision model's endpoint.
    #[derive(Default)]
    pub enum Dialect {
        /// `POST …/systemone`: `TypeSafe`, llama.cpp, Ollama, `SGLang`, `OpenRouter`, Cloudflare.
        #[default]
        Systemone = "systemone",
        /// `POST …/decisions` with a list of questions: `OpenAI`, Fireworks, NVIDIA Dynamo.
        Openai = "openai",
        /// Gemini's `POST …/decisions`.
        Gemini = "gemini",
    }
}

/// What a gateway wraps a decision model's answer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Envelope {
    /// `{"result": …, "success": true, "errors": []}`
    Cloudflare,
}

/// How a judge is held to the reply schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StructuredOutput {
    /// The strictest way the endpoint accepts; what it refuses is remembered. Anthropic: a forced tool call.
    #[default]
    Auto,
    /// `response_format` of type `json_schema`, strict. Anthropic: a forced tool call.
    JsonSchema,
    /// `response_format` of type `json_object`, with the schema in the prompt. `OpenAI` dialect only.
    JsonObject,
    /// Only the schema in the prompt.
    Prompt,
}

/// The name of the request parameter that bounds the reply's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputLimit {
    /// `max_completion_tokens` for api.openai.com, else `max_tokens`; changed and remembered when refused.
    #[default]
    Auto,
    /// `max_tokens`
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
}

/// Prices in US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Input tokens.
    pub input: f64,
    /// Output tokens.
    pub output: f64,
    /// Input tokens read from the provider's cache; absent: as `input`.
    #[serde(default)]
    pub cached_input: Option<f64>,
    /// Input tokens written to the provider's cache (Anthropic); absent: as `input`.
    #[serde(default)]
    pub cache_write: Option<f64>,
}

/// Extra request headers. Their values may be secret, so they never show.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct ExtraHeaders(pub BTreeMap<String, String>);

impl fmt::Debug for ExtraHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Serialize for ExtraHeaders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys().map(|name| (name, "[hidden]")))
    }
}

/// One `[judges.NAME]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JudgeConfig {
    /// The protocol.
    pub provider: Provider,
    /// The contract of the endpoint (`decisions`). Never told from the address.
    pub dialect: Option<Dialect>,
    /// What a gateway wraps answers in (`decisions`).
    pub envelope: Option<Envelope>,
    /// The longest subject that a decision model is sent, in tokens, estimated from its bytes; a longer one is filtered.
    pub max_state_tokens: u32,
    /// The endpoint up to and without `/chat/completions` or `/messages`. Absent: the provider's own.
    pub base_url: Option<String>,
    /// The model's name as the endpoint knows it.
    pub model: Option<String>,
    /// The environment variable that holds the key.
    pub api_key_env: Option<String>,
    /// The file that holds the key; read again after the endpoint refused it.
    pub api_key_file: Option<PathBuf>,
    /// The header that carries the key. Absent: `Authorization: Bearer` (`openai`) or `x-api-key` (`anthropic`).
    /// Azure wants `api-key`.
    pub api_key_header: Option<String>,
    /// Azure's `api-version` query parameter, or another `anthropic-version` header.
    pub api_version: Option<String>,
    /// The most calls at a time; the real number adapts below it.
    pub concurrency: usize,
    /// How long one call may take.
    #[serde(with = "crate::config::duration")]
    pub timeout: Duration,
    /// How often a call that failed for a passing reason is repeated within the evaluation's deadline.
    pub retries: u32,
    /// The most requests a minute; absent: no limit.
    pub requests_per_minute: Option<u32>,
    /// The most tokens a minute, input and output; absent: no limit.
    pub tokens_per_minute: Option<u32>,
    /// The longest reply, in tokens. Reasoning models need room for what they do not show.
    pub max_output_tokens: u32,
    /// The parameter that carries `max_output_tokens` (`openai`).
    pub output_limit: OutputLimit,
    /// The sampling temperature; not sent to a model that has refused it.
    pub temperature: f64,
    /// The sampling seed (`openai`); absent: not sent.
    pub seed: Option<i64>,
    /// Request parameters that are never sent (`temperature`, for example).
    pub omit: Vec<String>,
    /// How the reply schema is enforced.
    pub structured_output: StructuredOutput,
    /// More members of the request body, as the endpoint wants them (`reasoning_effort`, `provider`, …).
    pub extra_body: serde_json::Map<String, serde_json::Value>,
    /// More request headers.
    pub headers: ExtraHeaders,
    /// Prices; absent: a small built-in table for the providers' own endpoints, else the cost is not known.
    pub prices: Option<Prices>,
    /// The most this judge may spend in a UTC day, in US dollars, over all workers.
    pub daily_budget_usd: Option<f64>,
    /// The most this judge may spend in a UTC month, in US dollars, over all workers.
    pub monthly_budget_usd: Option<f64>,
    /// The most tokens it may read and write in a UTC day, over all workers.
    pub daily_budget_tokens: Option<u64>,
    /// The most calls that may be made of it in a UTC day, over all workers.
    pub daily_budget_calls: Option<u64>,
}

impl JudgeConfig {
    /// The most tokens that are paid for as output: a decision model writes nothing.
    pub fn longest_output(&self) -> u32 {
        if self.provider == Provider::Decisions { 0 } else { self.max_output_tokens }
    }
}

impl Default for JudgeConfig {
    fn default() -> Self {
        Self {
            provider: Provider::Baseline,
            dialect: None,
            envelope: None,
            max_state_tokens: 30_000,
            base_url: None,
            model: None,
            api_key_env: None,
            api_key_file: None,
            api_key_header: None,
            api_version: None,
            concurrency: 16,
            timeout: Duration::from_mins(1),
            retries: 4,
            requests_per_minute: None,
            tokens_per_minute: None,
            max_output_tokens: 1024,
            output_limit: OutputLimit::Auto,
            temperature: 0.0,
            seed: None,
            omit: Vec::new(),
            structured_output: StructuredOutput::Auto,
            extra_body: serde_json::Map::new(),
            headers: ExtraHeaders::default(),
            prices: None,
            daily_budget_usd: None,
            monthly_budget_usd: None,
            daily_budget_tokens: None,
            daily_budget_calls: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_reads_with_every_key() {
        let config: JudgeConfig = toml::from_str(
            r#"
            provider = "openai"
            base_url = "http://127.0.0.1:8000/v1"
            model = "qwen"
            api_key_env = "KEY"
            concurrency = 128
            timeout = "20s"
            requests_per_minute = 600
            tokens_per_minute = 200000
            structured_output = "json_object"
            seed = 7
            omit = ["temperature"]
            prices = { input = 0.15, output = 0.6, cached_input = 0.075 }
            daily_budget_usd = 5
            headers = { "x-team" = "search" }
            extra_body = { reasoning_effort = "low" }
            "#,
        )
        .unwrap();
        assert_eq!(config.provider, Provider::Openai);
        assert_eq!(config.timeout, Duration::from_secs(20));
        assert_eq!(config.prices.unwrap().cached_input, Some(0.075));
        assert_eq!(config.daily_budget_usd, Some(5.0));
        assert_eq!(config.extra_body["reasoning_effort"], "low");
        assert_eq!(config.retries, JudgeConfig::default().retries);
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let error = toml::from_str::<JudgeConfig>("modle = \"x\"").unwrap_err();
        assert!(error.to_string().contains("unknown field `modle`"), "{error}");
    }

    #[test]
    fn header_values_never_show() {
        let config: JudgeConfig = toml::from_str(r#"headers = { "x-gateway-key" = "hush" }"#).unwrap();
        let shown = format!("{config:?}");
        assert!(shown.contains("x-gateway-key") && !shown.contains("hush"), "{shown}");
        let written = toml::to_string(&config).unwrap();
        assert!(written.contains("x-gateway-key") && !written.contains("hush"), "{written}");
    }
}
