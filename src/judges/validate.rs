//! What a `[judges.NAME]` section must get right before it makes a judge.

use crate::config::judges::{JudgeConfig, Prices, Provider, StructuredOutput};

use super::error::JudgeConfigError;

/// Parameters that `omit` may name.
const OMITTABLE: [&str; 3] = ["temperature", "seed", "max_tokens"];
/// Members of the request that are judged's own.
const OWN_MEMBERS: [&str; 9] =
    ["model", "messages", "system", "response_format", "tools", "tool_choice", "stream", "n", "max_tokens"];

/// Members of a decision request that are judged's own; placeholders of assets would replace text of what is judged.
const DECISION_MEMBERS: [&str; 6] = ["model", "state", "input", "questions", "assets", "stream"];

/// Checks what the types cannot, and returns the model's name.
pub(super) fn check(name: &str, config: &JudgeConfig) -> Result<String, JudgeConfigError> {
    let refuse = |key, problem: String| Err(JudgeConfigError::Value { judge: name.to_owned(), key, problem });
    let Some(model) = config.model.as_deref().filter(|model| !model.trim().is_empty()) else {
        return refuse("model", "missing; name the model as the endpoint knows it".into());
    };
    check_decisions(name, config)?;
    if config.concurrency == 0 {
        return refuse("concurrency", "must be at least 1".into());
    }
    if config.timeout.is_zero() {
        return refuse("timeout", "must be longer than nothing".into());
    }
    if config.max_output_tokens == 0 {
        return refuse("max_output_tokens", "must be at least 1".into());
    }
    if config.requests_per_minute == Some(0) || config.tokens_per_minute == Some(0) {
        return refuse("requests_per_minute", "a limit of 0 stops the judge; leave the key out for no limit".into());
    }
    if !(0.0..=2.0).contains(&config.temperature) {
        return refuse("temperature", "must lie between 0 and 2".into());
    }
    if let Some(unknown) = config.omit.iter().find(|name| !OMITTABLE.contains(&name.as_str())) {
        return refuse("omit", format!("`{unknown}` cannot be left out; known: {}", OMITTABLE.join(", ")));
    }
    if let Some(own) = config.extra_body.keys().find(|name| OWN_MEMBERS.contains(&name.as_str())) {
        return refuse("extra_body", format!("`{own}` is set by judged itself"));
    }
    if config.provider == Provider::Anthropic && config.structured_output == StructuredOutput::JsonObject {
        return refuse("structured_output", "anthropic has no json_object; use auto or prompt".into());
    }
    if config.prices.is_some_and(|prices| !are_prices(&prices)) {
        return refuse("prices", "must be numbers of 0 or more".into());
    }
    for (key, budget) in
        [("daily_budget_usd", config.daily_budget_usd), ("monthly_budget_usd", config.monthly_budget_usd)]
    {
        if budget.is_some_and(|usd| !(usd.is_finite() && usd >= 0.0)) {
            return refuse(key, "must be a number of 0 or more".into());
        }
    }
    Ok(model.to_owned())
}

/// A dialect is a setting: the path does not tell which one an endpoint speaks.
fn check_decisions(name: &str, config: &JudgeConfig) -> Result<(), JudgeConfigError> {
    let refuse = |key, problem: String| Err(JudgeConfigError::Value { judge: name.to_owned(), key, problem });
    if config.provider != Provider::Decisions {
        return match (config.dialect, config.envelope) {
            (Some(_), _) => refuse("dialect", "belongs to `provider = \"decisions\"`".into()),
            (_, Some(_)) => refuse("envelope", "belongs to `provider = \"decisions\"`".into()),
            (None, None) => Ok(()),
        };
    }
    if config.dialect.is_none() {
        return refuse(
            "dialect",
            "missing; say which one the endpoint speaks: `systemone`, `openai` or `gemini`".into(),
        );
    }
    if config.envelope.is_some() && config.base_url.is_none() {
        return refuse("base_url", "missing; give the whole address of the model, `https://…/ai/run/@cf/…`".into());
    }
    if config.max_state_tokens == 0 {
        return refuse("max_state_tokens", "must be at least 1".into());
    }
    match config.extra_body.keys().find(|name| DECISION_MEMBERS.contains(&name.as_str())) {
        Some(own) => refuse("extra_body", format!("`{own}` is set by judged itself, or would change what is judged")),
        None => Ok(()),
    }
}

fn are_prices(prices: &Prices) -> bool {
    [Some(prices.input), Some(prices.output), prices.cached_input, prices.cache_write]
        .into_iter()
        .flatten()
        .all(|price| price.is_finite() && price >= 0.0)
}

/// A baseline takes none of the keys of a model; one that is there means that `provider` was forgotten.
pub(super) fn check_baseline(name: &str, config: &JudgeConfig) -> Result<(), JudgeConfigError> {
    let given = [
        ("model", config.model.is_some()),
        ("base_url", config.base_url.is_some()),
        ("api_key_env", config.api_key_env.is_some()),
        ("api_key_file", config.api_key_file.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((key, _)) => Err(JudgeConfigError::Value {
            judge: name.to_owned(),
            key: "provider",
            problem: format!(
                "missing, though `{key}` is given; add `provider = \"openai\"`, `\"anthropic\"` or `\"decisions\"`"
            ),
        }),
        None => Ok(()),
    }
}
