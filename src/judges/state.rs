//! How a judge fares, told to the outside.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::error::Failure;
use super::remote::Remote;
use super::{BASELINE_CONCURRENCY, Engine, Judge};
use crate::model::{JudgeState, Mended, Obstacle};

impl Judge {
    /// How it fares at present.
    pub fn state(&self) -> JudgeState {
        match &self.engine {
            Engine::Baseline => JudgeState { concurrency: BASELINE_CONCURRENCY, ..JudgeState::default() },
            Engine::Remote(remote) => remote.state(),
        }
    }
}

impl Remote {
    /// Notes that `failure` has opened the circuit; whether it is another obstacle than before.
    pub(super) fn obstructed(&self, failure: &Failure) -> bool {
        let now = (self.environment.now)();
        let until_ms = failure.asked_wait().map(|wait| after(now, wait));
        let mended = if failure.is_mended_by_a_person() { Mended::ByAPerson } else { Mended::ByTime };
        let mut obstacle = self.obstacle.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = obstacle.take().filter(|earlier| earlier.code == failure.code());
        let is_new = earlier.is_none();
        *obstacle = Some(Obstacle {
            code: failure.code().to_owned(),
            mended: mended.as_str().to_owned(),
            said: failure.to_string(),
            until_ms,
            since_ms: earlier.map_or(now.as_millisecond(), |earlier| earlier.since_ms),
        });
        is_new
    }

    /// Notes that the circuit is closed again.
    pub(super) fn cleared(&self) {
        *self.obstacle.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn state(&self) -> JudgeState {
        let pace = self.activity.pace(Instant::now());
        let milliseconds = |latency: Duration| latency.as_millis() as i64;
        let unknown = self.most_frequent_unknown();
        JudgeState {
            obstacle: self.present_obstacle(),
            concurrency: self.concurrency.limit(),
            calls_per_minute: pace.per_minute,
            latency_ms_median: pace.median.map(milliseconds),
            latency_ms_p95: pace.p95.map(milliseconds),
            unknown_refusals: unknown.as_ref().map_or(0, |(_, count)| *count),
            unknown_refusal: unknown.map(|(said, _)| said),
        }
    }

    fn present_obstacle(&self) -> Option<Obstacle> {
        let now = (self.environment.now)();
        let circuit = self.obstacle.lock().unwrap_or_else(PoisonError::into_inner).clone().map(|obstacle| {
            let next_try = self.breaker().closed_to_calls_for(Instant::now()).map(|wait| after(now, wait));
            Obstacle {
                until_ms: obstacle.until_ms.filter(|until_ms| *until_ms > now.as_millisecond()).or(next_try),
                ..obstacle
            }
        });
        let waits_for_time = |failure: Failure, wait: Duration| Obstacle {
            code: failure.code().to_owned(),
            mended: Mended::ByTime.as_str().to_owned(),
            said: failure.to_string(),
            until_ms: Some(after(now, wait)),
            since_ms: now.as_millisecond(),
        };
        circuit
            .or_else(|| {
                let renews_in = self.budget_renews_in()?;
                Some(waits_for_time(Failure::BudgetExhausted { after: renews_in }, renews_in))
            })
            .or_else(|| {
                let wait = self.concurrency.cooling_down_for()?;
                Some(waits_for_time(Failure::RateLimited { status: 429, after: Some(wait) }, wait))
            })
    }
}

fn after(now: Timestamp, wait: Duration) -> i64 {
    now.as_millisecond().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}
