//! What a judge takes and costs: for estimates before it is asked.

use super::{Engine, Judge};
use crate::config::judges::Prices;

/// The limits and prices of a judge behind an endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The most calls at a time.
    pub concurrency: usize,
    /// The most requests a minute.
    pub requests_per_minute: Option<u32>,
    /// The most tokens a minute.
    pub tokens_per_minute: Option<u32>,
    /// The longest reply, in tokens.
    pub max_output_tokens: u32,
    /// Prices, configured or built in.
    pub prices: Option<Prices>,
    /// The most it may spend in a UTC day, US dollars.
    pub daily_budget_usd: Option<f64>,
    /// The most it may spend in a UTC month, US dollars.
    pub monthly_budget_usd: Option<f64>,
}

impl Judge {
    /// Its limits and prices; `None` for the offline baseline, which has neither.
    pub fn terms(&self) -> Option<Terms> {
        let Engine::Remote(remote) = &self.engine else { return None };
        let config = &remote.config;
        Some(Terms {
            concurrency: config.concurrency,
            requests_per_minute: config.requests_per_minute,
            tokens_per_minute: config.tokens_per_minute,
            max_output_tokens: config.max_output_tokens,
            prices: remote.prices,
            daily_budget_usd: config.daily_budget_usd,
            monthly_budget_usd: config.monthly_budget_usd,
        })
    }
}
