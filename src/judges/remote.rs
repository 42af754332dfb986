//! A judge behind an HTTP endpoint: its configuration, its limits, and what is known of the endpoint so far.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::activity::Activity;
use super::answers::Answers;
use super::breaker::Breaker;
use super::budget::Account;
use super::capabilities::{Shape, Structured};
use super::concurrency::Concurrency;
use super::endpoint::Endpoint;
use super::environment::JudgeEnvironment;
use super::error::{BUDGET_PAUSE, JudgeConfigError};
use super::price;
use super::rate::Bucket;
use super::refusal::Refusal;
use super::refusal::unknown::UnknownRefusals;
use crate::config::judges::{JudgeConfig, Prices};
use crate::model::{Amounts, Limits, Obstacle};

/// A longer wait is for the caller, whose evaluation need not be held in memory meanwhile.
pub(super) const LONGEST_WAIT_IN_HAND: Duration = Duration::from_mins(1);
/// So long after a pause a call has been tried, if there is any to make.
const BUDGET_LOOK: Duration = Duration::from_secs(5);

/// A judge model at an endpoint.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) name: Arc<str>,
    pub(super) model: String,
    pub(super) config: JudgeConfig,
    pub(super) endpoint: Endpoint,
    pub(super) environment: JudgeEnvironment,
    pub(super) prices: Option<Prices>,
    /// What budgets are counted with; also guessed where the price is not known.
    pub(super) budget_prices: Option<Prices>,
    pub(super) account: Account,
    pub(super) concurrency: Concurrency,
    pub(super) requests: Option<Bucket>,
    pub(super) tokens: Option<Bucket>,
    breaker: Mutex<Breaker>,
    /// No call is covered by the budget before the first moment; it renews at the second.
    budget_pause: Mutex<Option<(Instant, Instant)>>,
    /// Why the circuit is open.
    pub(super) obstacle: Mutex<Option<Obstacle>>,
    pub(super) activity: Activity,
    /// When the endpoint last answered with a completion.
    pub(super) answers_others: Answers,
    /// What it refused in words that are not known.
    unknown: Mutex<UnknownRefusals>,
    /// What the endpoint is known to accept.
    shape: Mutex<Shape>,
    /// Whether it was told that the endpoint's answers are not those of its own probabilities.
    told_of_contradiction: AtomicBool,
}

impl Remote {
    /// The judge of a `[judges.NAME]` section.
    pub(super) fn from_config(
        name: &str,
        config: &JudgeConfig,
        environment: JudgeEnvironment,
    ) -> Result<Self, JudgeConfigError> {
        let endpoint = Endpoint::from_config(name, config, environment.reads_keys, &*environment.variables)?;
        let model = super::validate::check(name, config)?;
        let prices = config.prices.or_else(|| price::built_in(config.provider, endpoint.host(), &model));
        let budget_prices = prices.or_else(|| price::dearest(config.provider, endpoint.host()));
        warn_of_missing_price(name, config, prices, budget_prices);
        let now = Instant::now();
        let account = Account {
            judge: name.to_owned(),
            daily: Limits::new(config.daily_budget_usd, config.daily_budget_tokens, config.daily_budget_calls),
            monthly: Limits::new(config.monthly_budget_usd, None, None),
        };
        warn_of_small_budget(&account, bound_of_call(config, budget_prices, 0));
        Ok(Self {
            name: name.into(),
            shape: Mutex::new(Shape::first(config, endpoint.host())),
            account,
            concurrency: Concurrency::new(config.concurrency),
            requests: config.requests_per_minute.map(|limit| Bucket::new(limit, now)),
            tokens: config.tokens_per_minute.map(|limit| Bucket::new(limit, now)),
            breaker: Mutex::default(),
            answers_others: Answers::default(),
            unknown: Mutex::default(),
            told_of_contradiction: AtomicBool::new(false),
            budget_pause: Mutex::default(),
            obstacle: Mutex::default(),
            activity: Activity::default(),
            config: config.clone(),
            model,
            endpoint,
            environment,
            prices,
            budget_prices,
        })
    }

    /// The most that a call of `body_bytes` may use up.
    pub(super) fn bound_of_call(&self, body_bytes: usize) -> Amounts {
        bound_of_call(&self.config, self.budget_prices, body_bytes)
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
            .map(|(until, _)| until.saturating_duration_since(now));
        let waits = [self.breaker().closed_to_calls_for(now), self.concurrency.cooling_down_for(), budget];
        waits.into_iter().flatten().max().filter(|wait| !wait.is_zero())
    }

    pub(super) fn pause_for_budget(&self, renews_in: Duration) {
        let now = Instant::now();
        let pause = (now + renews_in.min(BUDGET_PAUSE), now + renews_in);
        let earlier = self.budget_pause.lock().unwrap_or_else(PoisonError::into_inner).replace(pause);
        // Asked again after every pause, it is the same state.
        if earlier.is_none_or(|(until, _)| until + BUDGET_PAUSE < now) {
            tracing::warn!(
                judge = %self.name,
                renews_in = crate::config::duration::format(renews_in),
                "the judge's budget does not cover the next call"
            );
        }
    }

    /// Whether the budget is not asked again yet, and when it renews.
    pub(super) fn budget_paused(&self) -> Option<Duration> {
        let now = Instant::now();
        let pause = *self.budget_pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.filter(|(until, _)| *until > now).map(|(_, renews)| renews.saturating_duration_since(now))
    }

    /// When the budget that did not cover the last calls renews; `None` when it has covered some since.
    pub(super) fn budget_renews_in(&self) -> Option<Duration> {
        let now = Instant::now();
        let pause = *self.budget_pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.filter(|(until, _)| *until + BUDGET_LOOK > now).map(|(_, renews)| renews.saturating_duration_since(now))
    }

    /// What is refused most often in words that are not known, and how often it came.
    pub(super) fn most_frequent_unknown(&self) -> Option<(String, u64)> {
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.most_frequent().map(|(said, count)| (said.to_owned(), count))
    }

    /// Whether the endpoint has ever answered with a completion.
    pub(super) fn is_proven(&self) -> bool {
        self.answers_others.any()
    }

    /// Keeps what a refusal said, without what was judged, and logs it when it is new.
    pub(super) fn note_unknown(&self, refusal: &Refusal, material: &str) {
        let said = refusal.shown(material).unwrap_or_else(|| "(no words)".to_owned());
        let said = format!("HTTP {}: {said}", refusal.status);
        let is_new = self.unknown.lock().unwrap_or_else(PoisonError::into_inner).note(said.clone());
        if is_new {
            tracing::warn!(judge = %self.name, said, "the judge's endpoint refuses in words that are not known");
        }
    }

    /// The endpoint names an answer that its own probabilities do not make the most probable. The probabilities count.
    pub(super) fn warn_of_contradiction(&self) {
        if !self.told_of_contradiction.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                judge = %self.name,
                "the judge's endpoint names answers that are not the most probable by its own numbers; the numbers count"
            );
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

fn bound_of_call(config: &JudgeConfig, prices: Option<Prices>, body_bytes: usize) -> Amounts {
    let (input, output) = (body_bytes as f64 / price::BYTES_PER_TOKEN, f64::from(config.longest_output()));
    let usd = prices.as_ref().map_or(0.0, |prices| price::bound(prices, input, output));
    Amounts::of_call(usd, input + output)
}

/// A budget that does not cover the shortest call stops the judge, which whoever set it may want.
fn warn_of_small_budget(account: &Account, shortest: Amounts) {
    if !account.ever_covers(shortest) {
        tracing::warn!(
            judge = account.judge,
            "the judge's budget covers no call at all: `max_output_tokens` alone may use up more; raise the budget or lower \
             `max_output_tokens`"
        );
    }
}

/// No price is no reason to refuse: but a budget of money is then a guess, or nothing.
fn warn_of_missing_price(name: &str, config: &JudgeConfig, prices: Option<Prices>, budget_prices: Option<Prices>) {
    if prices.is_some() || (config.daily_budget_usd.is_none() && config.monthly_budget_usd.is_none()) {
        return;
    }
    if let Some(assumed) = budget_prices {
        tracing::warn!(
            judge = name,
            input = assumed.input,
            output = assumed.output,
            "no price is known for the judge's model; its budget is counted with the dearest of its provider (set `prices`)"
        );
    } else {
        tracing::warn!(
            judge = name,
            "no price is known for the judge's model; its budget holds only where the endpoint reports the cost (set `prices`, or \
             `daily_budget_tokens` or `daily_budget_calls`)"
        );
    }
}
