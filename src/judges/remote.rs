//! A judge behind an HTTP endpoint: its configuration, its limits, and what is known of the endpoint so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::answers::Answers;
use super::breaker::Breaker;
use super::budget::Account;
use super::capabilities::{Shape, Structured};
use super::concurrency::Concurrency;
use super::endpoint::Endpoint;
use super::environment::JudgeEnvironment;
use super::error::JudgeConfigError;
use super::price;
use super::rate::Bucket;
use super::refusal::Refusal;
use super::refusal::unknown::UnknownRefusals;
use crate::config::judges::{JudgeConfig, Prices};
use crate::model::Prompt;

/// A longer wait is for the caller, whose evaluation need not be held in memory meanwhile.
pub(super) const LONGEST_WAIT_IN_HAND: Duration = Duration::from_mins(1);
/// A budget that did not cover one call is asked again after this long: money under way may come back, and another
/// prompt may be shorter.
const BUDGET_PAUSE: Duration = Duration::from_mins(1);

/// A judge model at an endpoint.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) name: Arc<str>,
    pub(super) model: String,
    pub(super) config: JudgeConfig,
    pub(super) endpoint: Endpoint,
    pub(super) environment: JudgeEnvironment,
    pub(super) prices: Option<Prices>,
    pub(super) account: Account,
    pub(super) concurrency: Concurrency,
    pub(super) requests: Option<Bucket>,
    pub(super) tokens: Option<Bucket>,
    breaker: Mutex<Breaker>,
    /// No call is covered by the budget before this moment.
    budget_pause: Mutex<Option<Instant>>,
    /// When the endpoint last answered with a completion.
    pub(super) answers_others: Answers,
    /// What it refused in words that are not known.
    unknown: Mutex<UnknownRefusals>,
    /// What the endpoint is known to accept.
    shape: Mutex<Shape>,
}

impl Remote {
    /// The judge of a `[judges.NAME]` section.
    pub(super) fn from_config(
        name: &str,
        config: &JudgeConfig,
        environment: JudgeEnvironment,
    ) -> Result<Self, JudgeConfigError> {
        let endpoint = Endpoint::from_config(name, config, &*environment.variables)?;
        let model = super::validate::check(name, config)?;
        let prices = config.prices.or_else(|| price::built_in(config.provider, endpoint.host(), &model));
        if prices.is_none() && (config.daily_budget_usd.is_some() || config.monthly_budget_usd.is_some()) {
            return Err(JudgeConfigError::Value {
                judge: name.to_owned(),
                key: "prices",
                problem: "a budget needs prices, and none are built in for this model; add `prices = { input = …, output = … }`".into(),
            });
        }
        let now = Instant::now();
        Ok(Self {
            name: name.into(),
            shape: Mutex::new(Shape::first(config, endpoint.host())),
            account: Account {
                judge: name.to_owned(),
                daily: config.daily_budget_usd,
                monthly: config.monthly_budget_usd,
            },
            concurrency: Concurrency::new(config.concurrency),
            requests: config.requests_per_minute.map(|limit| Bucket::new(limit, now)),
            tokens: config.tokens_per_minute.map(|limit| Bucket::new(limit, now)),
            breaker: Mutex::default(),
            answers_others: Answers::default(),
            unknown: Mutex::default(),
            budget_pause: Mutex::default(),
            config: config.clone(),
            model,
            endpoint,
            environment,
            prices,
        })
    }

    /// How the reply schema is enforced at present.
    pub(super) fn structured(&self) -> Structured {
        self.present_shape().structured
    }

    /// How long no evaluation is taken.
    #[cfg(test)]
    pub(super) fn paused_for(&self) -> Option<Duration> {
        let now = Instant::now();
        let budget = self
            .budget_pause
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .map(|until| until.saturating_duration_since(now));
        let waits = [self.breaker().closed_to_calls_for(now), self.concurrency.cooling_down_for(), budget];
        waits.into_iter().flatten().max().filter(|wait| !wait.is_zero())
    }

    pub(super) fn pause_for_budget(&self, renews_in: Duration) {
        let until = Instant::now() + renews_in.min(BUDGET_PAUSE);
        let earlier = self.budget_pause.lock().unwrap_or_else(PoisonError::into_inner).replace(until);
        if earlier.is_none_or(|earlier| earlier < Instant::now()) {
            tracing::warn!(
                judge = %self.name,
                renews_in = crate::config::duration::format(renews_in),
                "the judge's budget does not cover the next call"
            );
        }
    }

    /// Whether the endpoint has ever answered with a completion.
    pub(super) fn is_proven(&self) -> bool {
        self.answers_others.any()
    }

    /// Keeps what a refusal said, without what was judged, and logs it when it is new.
    pub(super) fn note_unknown(&self, refusal: &Refusal, prompt: &Prompt) {
        let said = refusal.shown(&prompt.user).unwrap_or_else(|| "(no words)".to_owned());
        let said = format!("HTTP {}: {said}", refusal.status);
        let is_new = self.unknown.lock().unwrap_or_else(PoisonError::into_inner).note(said.clone());
        if is_new {
            tracing::warn!(judge = %self.name, said, "the judge's endpoint refuses in words that are not known");
        }
    }

    pub(super) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // A small state: a panic elsewhere cannot leave it half changed.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn present_shape(&self) -> Shape {
        *self.shape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember(&self, shape: Shape, known: Shape) {
        if shape == known {
            return;
        }
        *self.shape.lock().unwrap_or_else(PoisonError::into_inner) = shape;
        tracing::warn!(
            judge = %self.name,
            change = shape.difference(known),
            "the judge's endpoint refused a part of the request; it is left out from now on (say so in the configuration to save the detour)"
        );
    }
}
