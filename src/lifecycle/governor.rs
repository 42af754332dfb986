//! Lowers rates so that budgets last: looks at what is left and what is asked for, and tells all workers by how much.
//!
//! One worker at a time does it. What it tells ends by itself when nobody renews it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::leadership::{BUDGETS, give_up, leads};
use crate::config::Config;
use crate::config::judges::JudgeConfig;
use crate::judges::budget::{day, first_of_month};
use crate::model::{Amounts, Limits, Probability};
use crate::sampling::governor::{Demand, Each, Left, factor};
use crate::store::{PlannedMinute, RateFactor, RubricAndJudge, Store, StoreError};

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(30);
/// How far it looks back for what is asked of a judge.
const WINDOW_MS: i64 = 3_600_000;
/// The shortest time that says how much an hour brings.
const SHORTEST_MS: i64 = 600_000;
/// What nobody renews for so long is not in force any more.
const LASTS_MS: i64 = 600_000;
/// A change smaller than this is none.
const STEP: f64 = 0.05;

/// The judges that have a budget.
pub(super) struct Governor {
    store: Store,
    judges: Vec<Governed>,
}

struct Governed {
    judge: String,
    daily: Limits,
    monthly: Limits,
}

impl Governor {
    pub(super) fn new(store: Store, config: &Config) -> Self {
        let of = |(judge, config): (&String, &JudgeConfig)| {
            let daily = Limits::new(config.daily_budget_usd, config.daily_budget_tokens, config.daily_budget_calls);
            let monthly = Limits::new(config.monthly_budget_usd, None, None);
            (!(daily.are_none() && monthly.are_none())).then(|| Governed { judge: judge.clone(), daily, monthly })
        };
        let judges =
            if config.evaluation.spread_budgets { config.judges.iter().filter_map(of).collect() } else { Vec::new() };
        Self { store, judges }
    }

    /// Looks until `soft` is cancelled; where no judge has a budget, only waits for that.
    pub(super) async fn run(self, soft: CancellationToken) -> Result<(), StoreError> {
        if self.judges.is_empty() {
            soft.cancelled().await;
            return Ok(());
        }
        while !soft.is_cancelled() {
            let looked = match leads(&self.store, BUDGETS).await {
                Ok(true) => self.look().await,
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = looked {
                tracing::warn!(
                    error = crate::error_chain::causes(&error),
                    "nobody could see how long the budgets of judges last; trying again"
                );
            }
            soft.run_until_cancelled(sleep(INTERVAL)).await;
        }
        give_up(&self.store, BUDGETS).await;
        Ok(())
    }

    /// Looks once, and puts into force what follows.
    async fn look(&self) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms();
        let history = self.store.rate_factors(now_ms - WINDOW_MS).await?;
        let mut factors: BTreeMap<RubricAndJudge, Probability> = BTreeMap::new();
        for governed in &self.judges {
            self.govern(governed, &history, now_ms, &mut factors).await?;
        }
        for (of, now) in &mut factors {
            let before = history.get(of).and_then(|own| own.last()).filter(|last| last.until_ms > now_ms);
            if let Some(before) = before.filter(|before| is_close(before.factor, *now)) {
                *now = before.factor;
            }
        }
        factors.retain(|_, factor| *factor < Probability::ONE);
        tell(&history, &factors, now_ms);
        self.store.put_rate_factors(&factors, now_ms + LASTS_MS).await
    }

    async fn govern(
        &self,
        governed: &Governed,
        history: &BTreeMap<RubricAndJudge, Vec<RateFactor>>,
        now_ms: i64,
        factors: &mut BTreeMap<RubricAndJudge, Probability>,
    ) -> Result<(), StoreError> {
        let judge = governed.judge.as_str();
        let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let (today, month) = (day(now), first_of_month(now));
        let of_judge = |spent: BTreeMap<(String, String), Amounts>| -> BTreeMap<String, Amounts> {
            spent
                .into_iter()
                .filter(|((of, _), _)| of == judge)
                .map(|((_, rubric), amounts)| (rubric, amounts))
                .collect()
        };
        let sum =
            |spent: &BTreeMap<String, Amounts>| spent.values().fold(Amounts::default(), |sum, one| sum.plus(*one));
        let lately = of_judge(self.store.spending(today - 1, today).await?);
        let budgets = [
            Left {
                amounts: governed.daily.left(sum(&of_judge(self.store.spending(today, today).await?))),
                hours: hours_until(day_start(today + 1), now_ms),
            },
            Left {
                amounts: governed.monthly.left(sum(&of_judge(self.store.spending(month, today).await?))),
                hours: hours_until(day_start(next_month(now)), now_ms),
            },
        ];
        let pending = self.store.pending_by_rubric(judge).await?;
        let planned = self.store.planned_by_minute(judge, now_ms - WINDOW_MS).await?;
        let average = each(sum(&lately));
        let mut demands = Vec::new();
        for (rubric, minutes) in &planned {
            let of = (rubric.clone(), governed.judge.clone());
            // What nothing is known of yet costs nothing: its first calls tell.
            let each = lately.get(rubric).copied().and_then(each).or(average).unwrap_or_default();
            let own = history.get(&of).map_or(&[][..], Vec::as_slice);
            let pending = pending.get(rubric).copied().unwrap_or(0) as f64;
            demands.push(Demand { per_hour: per_hour(minutes, own, now_ms), pending, each });
        }
        let factor = factor(&budgets, &demands);
        factors.extend(planned.into_keys().map(|rubric| ((rubric, governed.judge.clone()), factor)));
        Ok(())
    }
}

/// Logs where lowering begins and ends.
fn tell(
    history: &BTreeMap<RubricAndJudge, Vec<RateFactor>>,
    factors: &BTreeMap<RubricAndJudge, Probability>,
    now_ms: i64,
) {
    let was = |of: &RubricAndJudge| history.get(of).is_some_and(|own| own.iter().any(|one| one.until_ms > now_ms));
    for ((rubric, judge), factor) in factors.iter().filter(|(of, _)| !was(of)) {
        tracing::warn!(
            rubric,
            judge,
            factor = factor.get(),
            "the rate is lowered so that the judge's budget lasts; `judged judges` tells by how much"
        );
    }
    for (rubric, judge) in history.keys().filter(|of| was(of) && !factors.contains_key(*of)) {
        tracing::info!(rubric, judge, "the rate is not lowered any more");
    }
}

fn each(total: Amounts) -> Option<Each> {
    Each::of(total, total.calls as f64)
}

fn is_close(one: Probability, other: Probability) -> bool {
    // The end of lowering is always a change.
    other < Probability::ONE && (other.get() / one.get() - 1.0).abs() < STEP
}

/// Evaluations an hour, had no rate been lowered.
fn per_hour(minutes: &[PlannedMinute], history: &[RateFactor], now_ms: i64) -> f64 {
    let in_force = |ms: i64| {
        let at = history.iter().rev().find(|one| (one.since_ms..one.until_ms).contains(&ms));
        at.map_or(1.0, |one| one.factor.get())
    };
    // In the middle of the minute: workers come to a change within ten seconds.
    let wanted: f64 = minutes.iter().map(|one| one.planned as f64 / in_force(one.start_ms + 30_000)).sum();
    let began_ms = minutes.first().map_or(now_ms, |first| first.start_ms);
    wanted * WINDOW_MS as f64 / (now_ms - began_ms).clamp(SHORTEST_MS, WINDOW_MS) as f64
}

fn hours_until(end_ms: i64, now_ms: i64) -> f64 {
    (end_ms - now_ms).max(0) as f64 / 3_600_000.0
}

fn day_start(day: i64) -> i64 {
    day * 86_400_000
}

/// The first day of the next month, in days since the Unix epoch.
fn next_month(now: Timestamp) -> i64 {
    // From the first day, 40 days lead into the next month.
    let within = Timestamp::from_millisecond(day_start(first_of_month(now) + 40)).unwrap_or(now);
    first_of_month(within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::store::PlannedFrom;
    use crate::testing::databases::START_MS;
    use crate::testing::on_both_databases;
    use crate::testing::records::planned;

    const MINUTE_MS: i64 = 60_000;

    fn config(calls: u64) -> Config {
        let text = format!("[judges.default]\nprovider = \"openai\"\nmodel = \"m\"\ndaily_budget_calls = {calls}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn months_end_when_the_next_begins() {
        for (now, next) in
            [("2026-01-31T23:00:00Z", "2026-02-01T00:00:00Z"), ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")]
        {
            let (now, next): (Timestamp, Timestamp) = (now.parse().unwrap(), next.parse().unwrap());
            assert_eq!(day_start(next_month(now)), next.as_millisecond());
        }
    }

    #[test]
    fn demand_is_what_would_be_planned_had_nothing_been_lowered() {
        let minute = |at: i64, planned: i64| PlannedMinute { start_ms: at * MINUTE_MS, planned };
        let half = RateFactor {
            since_ms: 30 * MINUTE_MS,
            until_ms: 90 * MINUTE_MS,
            factor: Probability::try_from(0.5).unwrap(),
        };
        let minutes = [minute(0, 10), minute(29, 10), minute(30, 10), minute(59, 10)];
        assert!((per_hour(&minutes, &[half], 60 * MINUTE_MS) - 60.0).abs() < 1e-9);
        assert!((per_hour(&minutes[..1], &[], 5 * MINUTE_MS) - 60.0).abs() < 1e-9, "ten in ten minutes at least");
    }

    on_both_databases! {
        /// Scenario: a day's calls will not do. Guarantee: all workers hear by how much less to plan, which counts in what is asked for later, and
        /// it ends with the need or with whoever says it.
        rates_are_lowered_while_a_budget_would_not_last(database) {
            let store = &database.store;
            let today = START_MS / 86_400_000;
            assert_eq!(today * 86_400_000, START_MS, "the tests begin at midnight");
            // 100 answers in 50 minutes, with which the first hour of the day ends.
            database.clock.advance(10 * MINUTE_MS);
            let plan = |numbers: std::ops::Range<u64>| numbers.map(|number| planned(number, 0, Outcome::Pending, "an answer")).collect::<Vec<_>>();
            store.commit_plan(PlannedFrom::default(), &plan(0..100)).await.unwrap();
            let spent = Amounts { nano_usd: 0, tokens: 0, calls: 100 };
            store.book_spending("default", &[(("faithfulness".to_owned(), today), spent)].into(), 0, Amounts::default()).await.unwrap();
            database.execute("UPDATE evaluations SET outcome = 'scored'").await;
            database.clock.advance(50 * MINUTE_MS);
            let governor = Governor::new(store.clone(), &config(560));
            governor.look().await.unwrap();
            let of = ("faithfulness".to_owned(), "default".to_owned());
            let in_force = |factors: &BTreeMap<RubricAndJudge, Vec<RateFactor>>| factors.get(&of).and_then(|own| own.last()).map(|one| one.factor.get());
            let lowered = in_force(&store.rate_factors(store.now_ms()).await.unwrap()).unwrap();
            assert!((lowered - 460.0 * 0.98 / (120.0 * 23.0)).abs() < 1e-4, "{lowered}");

            database.clock.advance(MINUTE_MS);
            governor.look().await.unwrap();
            let factors = store.rate_factors(store.now_ms()).await.unwrap();
            assert_eq!(factors[&of].len(), 1, "as long as it is about the same, it goes on");
            database.clock.advance(LASTS_MS);
            assert!(store.rate_factors(store.now_ms()).await.unwrap().is_empty(), "nobody renewed it");
            Governor::new(store.clone(), &config(100_000)).look().await.unwrap();
            assert!(store.rate_factors(store.now_ms()).await.unwrap().is_empty());
        }
    }
}
