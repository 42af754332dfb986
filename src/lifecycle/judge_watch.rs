//! What judges use up and how they fare, told to the database and to metrics.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::spending::spending;
use crate::judges::Judges;
use crate::judges::budget::{Elsewhere, SharedBudget, day, first_of_month};
use crate::model::{Amounts, JudgeState};
use crate::store::{Store, StoreError};
use crate::telemetry::StoreGauges;

/// How often states are told.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How often, in rounds, it is summed what workers of earlier releases spent: over a month of evaluations.
const ROUNDS_BETWEEN_SUMS: u32 = 12;

/// Tells how this worker's judges fare.
pub(super) struct JudgeWatch {
    pub(super) store: Store,
    pub(super) judges: Arc<Judges>,
    pub(super) budget: Arc<SharedBudget>,
    /// Whether any judge has a budget of money.
    pub(super) has_budget: bool,
}

impl JudgeWatch {
    pub(super) async fn run(self, soft: CancellationToken) -> Result<(), StoreError> {
        let gauges = StoreGauges::default();
        let mut obstacles = BTreeSet::new();
        let mut round: u32 = 0;
        while !soft.is_cancelled() {
            let states: Vec<(String, JudgeState)> =
                self.judges.all().map(|judge| (judge.name().to_owned(), judge.state())).collect();
            tell(&gauges, &mut obstacles, &states);
            if let Err(error) = self.store.put_judge_states(&states).await {
                tracing::debug!(error = crate::error_chain::causes(&error), "judges' states could not be told");
            }
            if self.has_budget && round.is_multiple_of(ROUNDS_BETWEEN_SUMS) {
                self.look_elsewhere().await;
            }
            round = round.wrapping_add(1);
            soft.run_until_cancelled(sleep(TELL_EVERY)).await;
        }
        Ok(())
    }

    /// What is in the evaluations and not in the books was spent by workers of earlier releases, or before there were books.
    pub(super) async fn look_elsewhere(&self) {
        if let Err(error) = self.try_look_elsewhere().await {
            tracing::debug!(error = crate::error_chain::causes(&error), "spending could not be read");
        }
    }

    async fn try_look_elsewhere(&self) -> Result<(), StoreError> {
        let now = Timestamp::from_millisecond(self.store.now_ms()).unwrap_or(Timestamp::UNIX_EPOCH);
        let evaluations = spending(&self.store).await?;
        let booked = |first| self.store.spending(first, day(now));
        let (booked_today, booked_this_month) = (booked(day(now)).await?, booked(first_of_month(now)).await?);
        for (judge, spent) in evaluations {
            let of_judge = |sums: &std::collections::BTreeMap<(String, String), Amounts>| {
                let own = sums.iter().filter(|((name, _), _)| *name == judge).map(|(_, sum)| *sum);
                own.fold(Amounts::default(), Amounts::plus)
            };
            let missing = |usd: f64, booked: Amounts| {
                let nano_usd = Amounts::of_call(usd, 0.0).nano_usd.saturating_sub(booked.nano_usd).max(0);
                Amounts { nano_usd, ..Amounts::default() }
            };
            let today = missing(spent.today_usd, of_judge(&booked_today));
            let month = missing(spent.month_usd, of_judge(&booked_this_month));
            let (day, month) = ((day(now), today), (first_of_month(now), month));
            self.budget.elsewhere(&judge, Elsewhere { day, month });
        }
        Ok(())
    }
}

/// An obstacle that is gone is told as gone, not left standing.
fn tell(gauges: &StoreGauges, obstacles: &mut BTreeSet<(String, String, String)>, states: &[(String, JudgeState)]) {
    let present: BTreeSet<(String, String, String)> = states
        .iter()
        .filter_map(|(judge, state)| {
            let obstacle = state.obstacle.as_ref()?;
            Some((judge.clone(), obstacle.code.clone(), obstacle.mended.clone()))
        })
        .collect();
    obstacles.extend(present.iter().cloned());
    for obstacle in obstacles.iter() {
        let (judge, code, mended) = obstacle;
        gauges.judge_obstacle(judge, code, mended, present.contains(obstacle));
    }
}

/// Books what `work` uses up while it runs, and once more when it has ended.
pub async fn booked<T>(budget: Arc<SharedBudget>, work: impl Future<Output = T>) -> T {
    let stop = CancellationToken::new();
    let work = async {
        let done = work.await;
        stop.cancel();
        done
    };
    tokio::join!(work, budget.run(stop.clone())).0
}
