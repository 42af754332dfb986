//! A budget that all workers share through the database.
//!
//! A worker sets a part of what is free aside in one transaction and makes calls on it; what they used up is booked about
//! every second, together with what is left of the part. So no number of workers exceeds a limit, and most calls need no
//! transaction. What a worker leaves behind that died stays set aside until the day is over.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Account, Budget, Exhausted, calendar};
use crate::model::Amounts;
use crate::store::{Allotted, Ceiling, Store, StoreError};

/// How often it is booked what was used up.
const BOOK_EVERY: Duration = Duration::from_secs(1);
/// How many calls a worker sets aside for at a time, where there is room for as many.
const CALLS_AHEAD: i64 = 64;
/// How soon to ask again when the database did not answer.
const DATABASE_AWAY: Duration = Duration::from_secs(5);
/// A part that nothing was taken of for so many rounds is given back.
const IDLE_ROUNDS: u32 = 5;

/// What this worker has of one judge's budget.
#[derive(Debug, Default)]
struct Part {
    day: i64,
    /// Set aside in the database and not used up.
    allotted: Amounts,
    /// The part of it that calls under way may use up.
    reserved: Amounts,
    /// Used up and not yet in the database, by rubric and day.
    unbooked: BTreeMap<(String, i64), Amounts>,
    /// Used up by workers that book nothing: of the day, and of the month.
    elsewhere: (Amounts, Amounts),
    idle_rounds: u32,
}

impl Part {
    fn turn_page(&mut self, day: i64) {
        if self.day != day {
            // What is reserved for calls under way has to be set aside of the new day as well.
            (self.day, self.allotted) = (day, Amounts::default());
        }
    }

    fn set_aside(&mut self, amounts: Amounts) -> bool {
        let is_covered = self.allotted.minus(self.reserved).covers(amounts);
        if is_covered {
            self.reserved = self.reserved.plus(amounts);
            self.idle_rounds = 0;
        }
        is_covered
    }
}

#[derive(Debug, Default)]
struct Purse {
    part: Mutex<Part>,
    /// One transaction of a worker and judge at a time.
    changing: tokio::sync::Mutex<()>,
}

impl Purse {
    fn part(&self) -> MutexGuard<'_, Part> {
        // Sums: a panic elsewhere cannot leave them half changed.
        self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all workers use up, counted in the database.
pub struct SharedBudget {
    store: Store,
    purses: Mutex<HashMap<String, Arc<Purse>>>,
}

impl fmt::Debug for SharedBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBudget").finish_non_exhaustive()
    }
}

impl SharedBudget {
    pub fn new(store: Store) -> Self {
        Self { store, purses: Mutex::default() }
    }

    /// Books what was used up until `stop` is cancelled, then once more, and gives back what is set aside.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            stop.run_until_cancelled(tokio::time::sleep(BOOK_EVERY)).await;
            self.book_all(false).await;
        }
        self.book_all(true).await;
    }

    /// Tells what was used up on `judge` by workers of earlier releases, which book nothing: of the day, and of the month.
    pub fn elsewhere(&self, judge: &str, day: Amounts, month: Amounts) {
        self.purse(judge).part().elsewhere = (day, month);
    }

    async fn book_all(&self, ends: bool) {
        let purses: Vec<(String, Arc<Purse>)> =
            self.locked().iter().map(|(judge, purse)| (judge.clone(), Arc::clone(purse))).collect();
        for (judge, purse) in purses {
            let changing = purse.changing.lock().await;
            let booked = self.book(&judge, &purse, ends).await;
            drop(changing);
            if let Err(error) = booked {
                tracing::warn!(judge, error = crate::error_chain::causes(&error), "spending could not be booked");
            }
        }
    }

    /// Whoever calls this holds `purse.changing`.
    async fn book(&self, judge: &str, purse: &Purse, ends: bool) -> Result<(), StoreError> {
        let (spent, day, kept) = {
            let mut part = purse.part();
            part.idle_rounds = part.idle_rounds.saturating_add(1);
            if ends || part.idle_rounds == IDLE_ROUNDS {
                part.allotted = part.allotted.least(part.reserved);
            } else if part.unbooked.is_empty() {
                return Ok(());
            }
            (std::mem::take(&mut part.unbooked), part.day, part.allotted.most(Amounts::default()))
        };
        let booked = self.store.book_spending(judge, &spent, day, kept).await;
        if booked.is_err() {
            let mut part = purse.part();
            for (key, amounts) in spent {
                let sum = part.unbooked.entry(key).or_default();
                *sum = sum.plus(amounts);
            }
        }
        booked
    }

    async fn take(&self, account: &Account, amounts: Amounts, now: Timestamp) -> Result<(), Exhausted> {
        let purse = self.purse(&account.judge);
        let day = calendar::day(now);
        let is_covered = || {
            let mut part = purse.part();
            part.turn_page(day);
            part.set_aside(amounts)
        };
        if is_covered() {
            return Ok(());
        }
        let _changing = purse.changing.lock().await;
        if is_covered() {
            return Ok(());
        }
        {
            // Reserved first, so that nobody else takes what is there meanwhile.
            let mut part = purse.part();
            part.reserved = part.reserved.plus(amounts);
            part.idle_rounds = 0;
        }
        let widened = self.widen(account, &purse, amounts, now).await;
        {
            let mut part = purse.part();
            match &widened {
                Ok(Allotted::Granted(granted)) => part.allotted = part.allotted.plus(*granted),
                _ => part.reserved = part.reserved.minus(amounts),
            }
        }
        match widened {
            Ok(Allotted::Granted(_)) => Ok(()),
            Ok(Allotted::DayUsedUp) => Err(Exhausted { renews_in: calendar::until_tomorrow(now) }),
            Ok(Allotted::MonthUsedUp) => Err(Exhausted { renews_in: calendar::until_next_month(now) }),
            Err(error) => {
                tracing::warn!(
                    judge = account.judge,
                    error = crate::error_chain::causes(&error),
                    "nothing can be set aside of the judge's budget; no call is made meanwhile"
                );
                Err(Exhausted { renews_in: DATABASE_AWAY })
            }
        }
    }

    /// Sets more aside. Whoever calls this holds `purse.changing`.
    async fn widen(
        &self,
        account: &Account,
        purse: &Purse,
        amounts: Amounts,
        now: Timestamp,
    ) -> Result<Allotted, StoreError> {
        // First what is known to be used up, so that nothing that is free stays set aside.
        self.book(&account.judge, purse, false).await?;
        let (short, elsewhere) = {
            let part = purse.part();
            let short = part.reserved.minus(part.allotted).most(Amounts::default());
            (short, part.elsewhere)
        };
        let ceiling = Ceiling {
            day: calendar::day(now),
            month: calendar::first_of_month(now),
            daily: account.daily,
            monthly: account.monthly,
            elsewhere,
        };
        self.store.allot(&account.judge, ceiling, amounts.times(CALLS_AHEAD), short).await
    }

    fn purse(&self, judge: &str) -> Arc<Purse> {
        Arc::clone(self.locked().entry(judge.to_owned()).or_default())
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Arc<Purse>>> {
        self.purses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Budget for SharedBudget {
    fn reserve<'a>(
        &'a self,
        account: &'a Account,
        amounts: Amounts,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Exhausted>> {
        if account.has_limits() {
            return self.take(account, amounts, now).boxed();
        }
        // Counted all the same, for `judged judges`.
        let purse = self.purse(&account.judge);
        let mut part = purse.part();
        part.reserved = part.reserved.plus(amounts);
        std::future::ready(Ok(())).boxed()
    }

    fn settle(&self, account: &Account, rubric: &str, reserved: Amounts, actual: Amounts, now: Timestamp) {
        let purse = self.purse(&account.judge);
        let mut part = purse.part();
        let day = calendar::day(now);
        part.turn_page(day);
        part.reserved = part.reserved.minus(reserved);
        if account.has_limits() {
            part.allotted = part.allotted.minus(actual);
        }
        if actual != Amounts::default() {
            let sum = part.unbooked.entry((rubric.to_owned(), day)).or_default();
            *sum = sum.plus(actual);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Limits;
    use crate::testing::databases::on_both_databases;

    fn account(limits: Limits) -> Account {
        Account { judge: "default".into(), daily: limits, monthly: Limits::default() }
    }

    fn now() -> Timestamp {
        "2026-11-28T10:00:00Z".parse().unwrap()
    }

    /// Calls until the budget refuses one: how many were made, and what they used up.
    async fn spend(budget: Arc<SharedBudget>, account: Account, bound: Amounts, actual: Amounts) -> (i64, Amounts) {
        let (mut calls, mut used) = (0, Amounts::default());
        while budget.reserve(&account, bound, now()).await.is_ok() {
            tokio::task::yield_now().await;
            budget.settle(&account, "r", bound, actual, now());
            (calls, used) = (calls + 1, used.plus(actual));
        }
        (calls, used)
    }

    on_both_databases! {
        three_workers_never_exceed_a_budget_and_leave_less_than_a_call_of_it(database) {
            let workers = [&database.store, &database.another_worker().await, &database.another_worker().await]
                .map(|store| Arc::new(SharedBudget::new(store.clone())));
            let bound = Amounts::of_call(0.004, 2000.0);
            let actual = Amounts::of_call(0.003, 500.0);
            let account = account(Limits::new(Some(1.0), None, None));
            let tasks = workers.clone().map(|worker| tokio::spawn(spend(worker, account.clone(), bound, actual)));
            let mut used = Amounts::default();
            for task in tasks {
                used = used.plus(task.await.unwrap().1);
            }
            assert!(used.nano_usd <= 1_000_000_000, "{used:?}");
            for worker in &workers {
                worker.book_all(true).await;
            }
            let booked = database.store.spending(calendar::day(now()), calendar::day(now())).await.unwrap();
            assert_eq!(booked.get(&("default".to_owned(), "r".to_owned())), Some(&used), "every call is booked once");
            // What the others gave back at their end is free for who goes on.
            let last = workers[0].clone();
            used = used.plus(spend(last, account, bound, actual).await.1);
            assert!(used.nano_usd <= 1_000_000_000 && used.nano_usd > 1_000_000_000 - bound.nano_usd, "{used:?}");
        }
    }

    on_both_databases! {
        calls_and_tokens_are_limited_without_a_price(database) {
            let budget = Arc::new(SharedBudget::new(database.store.clone()));
            let call = Amounts::of_call(0.0, 100.0);
            let by_calls = account(Limits::new(None, None, Some(10)));
            assert_eq!(spend(Arc::clone(&budget), by_calls, call, call).await.0, 10);
            let by_tokens = Account { judge: "other".into(), ..account(Limits::new(None, Some(450), None)) };
            assert_eq!(spend(budget, by_tokens, call, call).await.0, 4);
        }
    }

    on_both_databases! {
        what_a_worker_that_died_set_aside_stays_set_aside(database) {
            let account = account(Limits::new(None, None, Some(100)));
            let call = Amounts::of_call(0.0, 0.0);
            let dies = SharedBudget::new(database.store.clone());
            dies.reserve(&account, call, now()).await.unwrap();
            drop(dies);
            let lives = Arc::new(SharedBudget::new(database.another_worker().await));
            let (calls, _) = spend(Arc::clone(&lives), account.clone(), call, call).await;
            assert!((80..100).contains(&calls), "an eighth may be lost: {calls}");
            let tomorrow = now() + jiff::SignedDuration::from_hours(24);
            assert_eq!(lives.reserve(&account, call, tomorrow).await, Ok(()));
        }
    }

    on_both_databases! {
        what_workers_of_earlier_releases_spent_counts(database) {
            let budget = Arc::new(SharedBudget::new(database.store.clone()));
            let spent = Amounts { nano_usd: 900_000_000, ..Amounts::default() };
            budget.elsewhere("default", spent, spent);
            let (bound, account) = (Amounts::of_call(0.05, 0.0), account(Limits::new(Some(1.0), None, None)));
            assert_eq!(spend(Arc::clone(&budget), account.clone(), bound, bound).await.0, 2);
            let refused = budget.reserve(&account, bound, now()).await.unwrap_err();
            assert_eq!(refused.renews_in, Duration::from_hours(14));
        }
    }
}
