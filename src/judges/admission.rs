//! One call's turn: the slot, the rate, the money and the breaker's leave, taken together and settled together.
//!
//! However a call ends, also when its future is dropped half-way, everything taken is given back or accounted for.

use tokio::time::Instant;

use super::breaker::{Change, Ending};
use super::concurrency::{Permit, Signal};
use super::error::Failure;
use super::price::{self, BYTES_PER_TOKEN};
use super::remote::{LONGEST_WAIT_IN_HAND, Remote};
use super::request::{JudgeUsage, Spent};
use crate::config::judges::Provider;
use crate::model::Amounts;

/// What an endpoint says that an answer took.
pub(super) struct Answered<'a> {
    pub(super) usage: &'a JudgeUsage,
    pub(super) model: Option<&'a str>,
    /// From endpoints that report it.
    pub(super) cost_usd: Option<f64>,
}

/// What a call has taken.
pub(super) struct Turn<'a> {
    remote: &'a Remote,
    permit: Option<Permit<'a>>,
    /// The breaker's leave, and whether this call is its probe.
    probe: Option<bool>,
    /// The rubrics that the call is for, each with its part of what it uses up.
    rubrics: Vec<(&'a str, f64)>,
    /// Of the budget.
    reserved: Option<Amounts>,
    reserved_request: bool,
    reserved_tokens: Option<f64>,
    sent: bool,
}

impl<'a> Turn<'a> {
    /// Waits for the right to send `body_bytes`; fails when it cannot be had before `deadline`. What the call uses up is
    /// booked to `rubrics` by their parts, which add up to 1.
    pub(super) async fn take(
        remote: &'a Remote,
        rubrics: &[(&'a str, f64)],
        body_bytes: usize,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let mut turn = Self {
            remote,
            permit: None,
            probe: None,
            rubrics: rubrics.to_vec(),
            reserved: None,
            reserved_request: false,
            reserved_tokens: None,
            sent: false,
        };
        if let Some(after) = remote.concurrency.cooling_down_for().filter(|after| *after > LONGEST_WAIT_IN_HAND) {
            return Err(Failure::RateLimited { status: 429, after: Some(after) });
        }
        let permit = tokio::time::timeout_at(deadline, remote.concurrency.acquire()).await;
        turn.permit = Some(permit.map_err(|_| Failure::Saturated)?);
        turn.ask_breaker().await?;
        turn.reserve_budget(body_bytes).await?;
        turn.wait_for_rate(body_bytes, deadline).await?;
        Ok(turn)
    }

    async fn ask_breaker(&mut self) -> Result<(), Failure> {
        let admitted = self.remote.breaker().admit(Instant::now());
        let probe = admitted.map_err(|after| Failure::CircuitOpen { after })?;
        self.probe = Some(probe);
        if probe && self.remote.endpoint.has_key_file() {
            // The key may be what the circuit opened for, and may have been replaced since.
            self.remote.endpoint.reload_key().await?;
        }
        Ok(())
    }

    /// Sets aside the most that the call may use up.
    async fn reserve_budget(&mut self, body_bytes: usize) -> Result<(), Failure> {
        if let Some(after) = self.remote.budget_paused() {
            return Err(Failure::BudgetExhausted { after });
        }
        let bound = self.remote.bound_of_call(body_bytes);
        if !self.remote.account.ever_covers(bound) && self.remote.account.ever_covers(self.remote.bound_of_call(0)) {
            // No day and no pause makes room for it, and shorter ones go on.
            return Err(Failure::LargerThanBudget);
        }
        let environment = &self.remote.environment;
        let reserved = environment.budget.reserve(&self.remote.account, bound, (environment.now)()).await;
        reserved.map_err(|exhausted| {
            self.remote.pause_for_budget(exhausted.renews_in);
            Failure::BudgetExhausted { after: exhausted.renews_in }
        })?;
        self.reserved = Some(bound);
        Ok(())
    }

    async fn wait_for_rate(&mut self, body_bytes: usize, deadline: Instant) -> Result<(), Failure> {
        let now = Instant::now();
        let patience = deadline.saturating_duration_since(now);
        let mut wait = std::time::Duration::ZERO;
        if let Some(requests) = &self.remote.requests {
            wait = requests.reserve(1.0, now, patience).ok_or(Failure::Saturated)?;
            self.reserved_request = true;
        }
        if let Some(tokens) = &self.remote.tokens {
            let estimate = body_bytes as f64 / BYTES_PER_TOKEN + f64::from(self.remote.config.longest_output());
            wait = wait.max(tokens.reserve(estimate, now, patience).ok_or(Failure::Saturated)?);
            self.reserved_tokens = Some(estimate);
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// From here on the call may cost money, whatever becomes of it.
    pub(super) fn sent(&mut self) {
        self.sent = true;
    }

    /// The endpoint answered with a completion.
    pub(super) fn answered(mut self, answer: Answered<'_>, spent: &mut Spent) {
        let usage = answer.usage;
        let cost = match &self.remote.prices {
            Some(prices) => price::cost(prices, usage),
            None => answer.cost_usd,
        };
        spent.usage.add(usage);
        spent.model = answer.model.map(str::to_owned);
        spent.cost_usd = spent.cost_usd.zip(cost).map(|(before, now)| before + now);
        // Where the provider does not count, the reservation stands.
        let tokens = usage.input_tokens.zip(usage.output_tokens).map(|(input, output)| (input + output) as f64);
        let cost = cost.or_else(|| price::cost(self.remote.budget_prices.as_ref()?, usage));
        let used = self
            .reserved
            .map(|reserved| Amounts::of_call(cost.unwrap_or(reserved.usd()), tokens.unwrap_or(reserved.tokens as f64)));
        self.settle(used, tokens.or(self.reserved_tokens), Ending::Answered, Signal::Success);
    }

    /// There is no completion. `adapts`: because of a part of the request that is left out next time.
    pub(super) fn failed(mut self, failure: &Failure, adapts: bool, spent: &mut Spent) {
        let signal = match failure {
            Failure::Timeout(_) => Signal::Congestion { cooldown: None },
            Failure::RateLimited { after, .. } | Failure::Unavailable { status: 502..=504 | 529, after } => {
                Signal::Congestion { cooldown: *after }
            }
            _ => Signal::Neutral,
        };
        let ending = match failure {
            _ if adapts => Ending::Answered,
            Failure::Timeout(_)
            | Failure::Unavailable { .. }
            | Failure::Connection(_)
            | Failure::CutOff(_)
            | Failure::BadResponse(_) => Ending::Failed,
            // For no known reason: after ten in a row it is not the requests' fault.
            Failure::BadRequest { .. } if self.remote.is_proven() => Ending::Failed,
            Failure::Unauthorized { .. }
            | Failure::QuotaExhausted { .. }
            | Failure::AllowanceUsedUp { .. }
            | Failure::NotFound { .. }
            | Failure::BadRequest { .. }
            | Failure::NoneAccepted { .. } => Ending::Refused(failure.refusal_pause()),
            _ => Ending::Answered,
        };
        // Nobody charges for a refusal, though it is a call; one that was given up may have been answered and charged.
        // What a decision model's endpoint sends with a success is paid for, whether it can be read or not.
        let perhaps_charged = matches!(failure, Failure::Timeout(_) | Failure::CutOff(_))
            || (matches!(failure, Failure::BadResponse(_)) && self.remote.config.provider == Provider::Decisions);
        if perhaps_charged {
            spent.cost_usd = None;
        }
        let (used, tokens) = if perhaps_charged {
            (self.reserved, self.reserved_tokens)
        } else {
            (self.sent.then(|| Amounts::of_call(0.0, 0.0)), None)
        };
        if let Some(Change::Opened(pause)) = self.settle(used, tokens, ending, signal) {
            // A probe that fails for the same reason is no news.
            if self.remote.obstructed(failure) {
                tracing::error!(
                    judge = %self.remote.name,
                    code = failure.code(),
                    reason = %failure,
                    pause = crate::config::duration::format(pause),
                    "the judge is paused"
                );
            }
        }
    }

    fn settle(&mut self, used: Option<Amounts>, tokens: Option<f64>, ending: Ending, signal: Signal) -> Option<Change> {
        let now = Instant::now();
        let environment = &self.remote.environment;
        if let Some(reserved) = self.reserved.take() {
            let shares: Vec<f64> = self.rubrics.iter().map(|(_, share)| *share).collect();
            let parts = reserved.split(&shares).into_iter().zip(used.unwrap_or_default().split(&shares));
            for ((rubric, _), (reserved, used)) in self.rubrics.iter().zip(parts) {
                environment.budget.settle(&self.remote.account, rubric, reserved, used, (environment.now)());
            }
        }
        if let (Some(bucket), Some(reserved)) = (&self.remote.tokens, self.reserved_tokens.take()) {
            bucket.refund(reserved - tokens.unwrap_or(0.0), now);
        }
        if let Some(permit) = self.permit.take() {
            permit.end(signal);
        }
        let probe = self.probe.take()?;
        let change = self.remote.breaker().report(ending, probe, now);
        if change == Some(Change::Closed) {
            self.remote.cleared();
            tracing::info!(judge = %self.remote.name, "the judge is back");
        }
        change
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.permit.is_none() && self.probe.is_none() {
            return; // Settled.
        }
        if let (Some(bucket), true, false) = (&self.remote.requests, self.reserved_request, self.sent) {
            bucket.refund(1.0, Instant::now());
        }
        let (used, tokens) = if self.sent { (self.reserved, self.reserved_tokens) } else { (None, None) };
        self.settle(used, tokens, Ending::Unknown, Signal::Neutral);
    }
}
