//! From tokens to US dollars.

use jiff::civil::Date;

use crate::config::judges::{Prices, Provider};

use super::decisions::places;
use super::request::JudgeUsage;

/// Bytes per token where nobody has counted: low, so that an estimate is rather too high.
pub const BYTES_PER_TOKEN: f64 = 3.0;

/// The day of the list below.
const LISTED: Date = jiff::civil::date(2026, 11, 1);
/// List prices change; those of an older list are doubted.
const DOUBTED_AFTER_DAYS: i32 = 90;

/// The day of the built-in price list, when `now` is so much later that prices have probably changed.
pub fn doubtful_list(now: jiff::Timestamp) -> Option<Date> {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    (LISTED.until(today).is_ok_and(|age| age.get_days() > DOUBTED_AFTER_DAYS)).then_some(LISTED)
}

/// List prices as of that day, in US dollars per million tokens: model, input, cached input, output. They serve
/// for a first estimate where the configuration has none, and only for the providers' own endpoints; `prices` wins.
const OPENAI: [(&str, f64, f64, f64); 14] = [
    ("gpt-4o", 2.5, 1.25, 10.0),
    ("gpt-4o-mini", 0.15, 0.075, 0.6),
    ("gpt-4.1", 2.0, 0.5, 8.0),
    ("gpt-4.1-mini", 0.4, 0.1, 1.6),
    ("gpt-4.1-nano", 0.1, 0.025, 0.4),
    ("o3", 2.0, 0.5, 8.0),
    ("o4-mini", 1.1, 0.275, 4.4),
    ("gpt-5", 1.25, 0.125, 10.0),
    ("gpt-5-mini", 0.25, 0.025, 2.0),
    ("gpt-5-nano", 0.05, 0.005, 0.4),
    ("gpt-5.1", 1.25, 0.125, 10.0),
    ("gpt-5.4", 2.5, 0.25, 15.0),
    ("gpt-5.4-mini", 0.75, 0.075, 4.5),
    ("gpt-5.5", 5.0, 0.5, 30.0),
];

const ANTHROPIC: [(&str, f64, f64, f64); 7] = [
    ("claude-haiku-4-5", 1.0, 0.1, 5.0),
    ("claude-sonnet-4", 3.0, 0.3, 15.0),
    ("claude-sonnet-4-5", 3.0, 0.3, 15.0),
    ("claude-sonnet-4-6", 3.0, 0.3, 15.0),
    ("claude-opus-4-5", 5.0, 0.5, 25.0),
    ("claude-opus-4-6", 5.0, 0.5, 25.0),
    ("claude-opus-4-7", 5.0, 0.5, 25.0),
];

/// Writing to Anthropic's five-minute cache costs this much more than plain input.
const ANTHROPIC_CACHE_WRITE: f64 = 1.25;

/// The built-in price of `model` at `host`, if it is a provider's own endpoint and the model is known. Decision models have one
/// price at each.
pub(super) fn built_in(provider: Provider, host: &str, model: &str) -> Option<Prices> {
    if provider == Provider::Decisions {
        return places::price_of_host(host);
    }
    let (table, cache_write): (&[_], _) = match (provider, host) {
        (Provider::Openai, "api.openai.com") => (&OPENAI, None),
        (Provider::Anthropic, "api.anthropic.com") => (&ANTHROPIC, Some(ANTHROPIC_CACHE_WRITE)),
        _ => return None,
    };
    let (_, input, cached, output) = table.iter().find(|(name, ..)| is_release_of(model, name))?;
    Some(Prices {
        input: *input,
        output: *output,
        cached_input: Some(*cached),
        cache_write: cache_write.map(|factor| input * factor),
    })
}

/// What a model that is not in the list is taken to cost at its provider's own endpoint when a budget is counted: as much as
/// the dearest that is.
pub(super) fn dearest(provider: Provider, host: &str) -> Option<Prices> {
    let (table, cache_write): (&[(&str, f64, f64, f64)], _) = match (provider, host) {
        (Provider::Openai, "api.openai.com") => (&OPENAI, None),
        (Provider::Anthropic, "api.anthropic.com") => (&ANTHROPIC, Some(ANTHROPIC_CACHE_WRITE)),
        _ => return None,
    };
    let most = |of: fn(&(&str, f64, f64, f64)) -> f64| table.iter().map(of).fold(0.0, f64::max);
    let input = most(|(_, input, ..)| *input);
    Some(Prices {
        input,
        output: most(|(.., output)| *output),
        cached_input: Some(most(|(_, _, cached, _)| *cached)),
        cache_write: cache_write.map(|factor| input * factor),
    })
}

/// Whether `model` is `name` or a dated release of it: `gpt-4o-2024-08-06`, `claude-haiku-4-5-20251001`, `…-latest`.
fn is_release_of(model: &str, name: &str) -> bool {
    match model.strip_prefix(name) {
        Some("" | "-latest") => true,
        Some(rest) => {
            let digits = rest.chars().filter(char::is_ascii_digit).count();
            rest.starts_with('-') && digits == 8 && rest.chars().all(|c| c == '-' || c.is_ascii_digit())
        }
        None => false,
    }
}

/// What the tokens cost; `None` when the provider did not count them.
pub(super) fn cost(prices: &Prices, usage: &JudgeUsage) -> Option<f64> {
    let input = usage.input_tokens?.max(0);
    let output = usage.output_tokens?.max(0);
    let cached = usage.cached_input_tokens.unwrap_or(0).clamp(0, input);
    let written = usage.cache_write_input_tokens.unwrap_or(0).clamp(0, input - cached);
    let plain = input - cached - written;
    let millionths = plain as f64 * prices.input
        + cached as f64 * prices.cached_input.unwrap_or(prices.input)
        + written as f64 * prices.cache_write.unwrap_or(prices.input)
        + output as f64 * prices.output;
    Some(millionths / 1e6)
}

/// The most that a call may cost before it is made: no cache, and a reply of full length.
pub(super) fn bound(prices: &Prices, input_tokens: f64, output_tokens: f64) -> f64 {
    let dearest_input = prices.input.max(prices.cache_write.unwrap_or(prices.input));
    (input_tokens * dearest_input + output_tokens * prices.output) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_and_written_tokens_have_their_own_price_and_are_counted_once() {
        let prices = Prices { input: 3.0, output: 15.0, cached_input: Some(0.3), cache_write: Some(3.75) };
        let usage = JudgeUsage {
            input_tokens: Some(3_000_000),
            output_tokens: Some(100_000),
            cached_input_tokens: Some(1_000_000),
            cache_write_input_tokens: Some(1_000_000),
        };
        assert_eq!(cost(&prices, &usage), Some(3.0 + 0.3 + 3.75 + 1.5));
        assert_eq!(cost(&prices, &JudgeUsage { output_tokens: None, ..usage }), None, "unknown is not free");
    }

    #[test]
    fn impossible_counts_never_make_a_negative_cost() {
        let prices = Prices { input: 1.0, output: 1.0, cached_input: Some(0.0), cache_write: None };
        let usage = JudgeUsage {
            input_tokens: Some(-5),
            output_tokens: Some(-5),
            cached_input_tokens: Some(i64::MAX),
            cache_write_input_tokens: Some(i64::MIN),
        };
        assert_eq!(cost(&prices, &usage), Some(0.0));
    }

    #[test]
    fn an_old_list_is_doubted_and_an_unknown_model_is_taken_for_the_dearest() {
        let after = |days: i64| {
            LISTED.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp() + jiff::SignedDuration::from_hours(24 * days)
        };
        assert_eq!((doubtful_list(after(90)), doubtful_list(after(91))), (None, Some(LISTED)));
        let dearest = dearest(Provider::Openai, "api.openai.com").unwrap();
        assert_eq!((dearest.input, dearest.output), (5.0, 30.0));
        assert_eq!(super::dearest(Provider::Openai, "127.0.0.1"), None);
    }

    #[test]
    fn the_table_serves_dated_releases_at_the_providers_own_endpoint_only() {
        let price = |host, model| built_in(Provider::Openai, host, model).map(|prices| prices.input);
        assert_eq!(price("api.openai.com", "gpt-4o-mini-2024-07-18"), Some(0.15));
        assert_eq!(price("api.openai.com", "gpt-4o-2024-08-06"), Some(2.5));
        assert_eq!(price("api.openai.com", "gpt-4o-audio-preview"), None);
        assert_eq!(price("127.0.0.1", "gpt-4o-mini"), None);
        let claude = built_in(Provider::Anthropic, "api.anthropic.com", "claude-sonnet-4-5-20250929").unwrap();
        assert_eq!(claude.cache_write, Some(3.75));
    }
}
