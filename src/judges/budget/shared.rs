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
    /// What the database was last told of that.
    told: Amounts,
    /// The part of it that calls under way may use up.
    reserved: Amounts,
    /// Used up and not yet in the database, by rubric and day.
    unbooked: BTreeMap<(String, i64), Amounts>,
    elsewhere: Elsewhere,
    idle_rounds: u32,
}

/// Used up by workers that book nothing, as it was last summed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Elsewhere {
    /// The day, in days since the Unix epoch, UTC, and what it was of that day.
    pub day: (i64, Amounts),
    /// The first day of the month, and what it was of that month.
    pub month: (i64, Amounts),
}

impl Elsewhere {
    /// What of it counts now: a day or month that is over takes nothing from the next one.
    fn at(self, now: Timestamp) -> (Amounts, Amounts) {
        let of = |(date, amounts): (i64, Amounts), present| if date == present { amounts } else { Amounts::default() };
        (of(self.day, calendar::day(now)), of(self.month, calendar::first_of_month(now)))
    }
}

impl Part {
    fn turn_page(&mut self, day: i64) {
        if self.day != day {
            // What is reserved for calls under way has to be set aside of the new day as well.
            (self.day, self.allotted, self.told) = (day, Amounts::default(), Amounts::default());
        }
    }

    /// Adds what was set aside of `day`. A day that is over meanwhile has nothing left for the next one.
    fn grant(&mut self, day: i64, granted: Amounts) {
        if self.day == day {
            (self.allotted, self.told) = (self.allotted.plus(granted), self.told.plus(granted));
        }
    }

    fn reserve(&mut self, amounts: Amounts) {
        self.reserved = self.reserved.plus(amounts);
        self.idle_rounds = 0;
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

/// What is reserved for a call: given back when nobody keeps it.
struct Reservation {
    purse: Arc<Purse>,
    amounts: Amounts,
}

impl Reservation {
    fn of(purse: &Arc<Purse>, amounts: Amounts) -> Self {
        purse.part().reserve(amounts);
        Self { purse: Arc::clone(purse), amounts }
    }

    /// Where what is set aside covers it.
    fn of_allotted(purse: &Arc<Purse>, amounts: Amounts, day: i64) -> Option<Self> {
        let mut part = purse.part();
        part.turn_page(day);
        if !part.allotted.minus(part.reserved).covers(amounts) {
            return None;
        }
        part.reserve(amounts);
        Some(Self { purse: Arc::clone(purse), amounts })
    }

    /// The call that it was made for settles it.
    fn keep(mut self) {
        self.amounts = Amounts::default();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut part = self.purse.part();
        part.reserved = part.reserved.minus(self.amounts);
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

    /// Tells what was used up on `judge` by workers of earlier releases, which book nothing.
    pub fn elsewhere(&self, judge: &str, spent: Elsewhere) {
        self.purse(judge).part().elsewhere = spent;
    }

    async fn book_all(&self, ends: bool) {
        let judges: Vec<String> = self.locked().keys().cloned().collect();
        for judge in judges {
            let teller = self.teller(&judge);
            let booked = finished(async move {
                let _changing = teller.purse.changing.lock().await;
                teller.book(ends).await
            });
            if let Some(Err(error)) = booked.await {
                tracing::warn!(judge, error = crate::error_chain::causes(&error), "spending could not be booked");
            }
        }
    }

    async fn take(&self, account: &Account, amounts: Amounts, now: Timestamp) -> Result<(), Exhausted> {
        let teller = self.teller(&account.judge);
        if let Some(reservation) = Reservation::of_allotted(&teller.purse, amounts, calendar::day(now)) {
            reservation.keep();
            return Ok(());
        }
        let account = account.clone();
        match finished(async move { teller.widened(&account, amounts, now).await }).await {
            Some(reservation) => reservation.map(Reservation::keep),
            None => Err(Exhausted { renews_in: DATABASE_AWAY }),
        }
    }

    fn teller(&self, judge: &str) -> Teller {
        Teller { store: self.store.clone(), judge: judge.to_owned(), purse: self.purse(judge) }
    }

    fn purse(&self, judge: &str) -> Arc<Purse> {
        let mut purses = self.locked();
        if let Some(purse) = purses.get(judge) {
            return Arc::clone(purse);
        }
        Arc::clone(purses.entry(judge.to_owned()).or_default())
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Arc<Purse>>> {
        self.purses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `work` comes to, which goes on to its end also when nobody waits for it any more: a call may be given up at any
/// moment, and what the database was told is then known here nevertheless. `None` when it panicked.
async fn finished<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    tokio::spawn(work).await.ok()
}

/// Who tells the database of one judge's budget.
struct Teller {
    store: Store,
    judge: String,
    purse: Arc<Purse>,
}

impl Teller {
    /// Books what was used up, and gives back what is set aside and has not been needed for some rounds. Whoever calls this
    /// holds `purse.changing`.
    async fn book(&self, ends: bool) -> Result<(), StoreError> {
        let (spent, day, kept) = {
            let mut part = self.purse.part();
            part.idle_rounds = part.idle_rounds.saturating_add(1);
            if ends || part.idle_rounds >= IDLE_ROUNDS {
                part.allotted = part.allotted.least(part.reserved);
            }
            let kept = part.allotted.most(Amounts::default());
            if part.unbooked.is_empty() && kept == part.told {
                return Ok(());
            }
            (std::mem::take(&mut part.unbooked), part.day, kept)
        };
        let booked = self.store.book_spending(&self.judge, &spent, day, kept).await;
        let mut part = self.purse.part();
        match &booked {
            Ok(()) if part.day == day => part.told = kept,
            Ok(()) => {}
            Err(_) => {
                for (key, amounts) in spent {
                    let sum = part.unbooked.entry(key).or_default();
                    *sum = sum.plus(amounts);
                }
            }
        }
        booked
    }

    /// A reservation of what is set aside already, else of what is set aside for it.
    async fn widened(&self, account: &Account, amounts: Amounts, now: Timestamp) -> Result<Reservation, Exhausted> {
        let _changing = self.purse.changing.lock().await;
        if let Some(reservation) = Reservation::of_allotted(&self.purse, amounts, calendar::day(now)) {
            return Ok(reservation);
        }
        // Reserved first, so that nobody else takes what is there meanwhile.
        let reservation = Reservation::of(&self.purse, amounts);
        match self.widen(account, amounts, now).await {
            Ok(Allotted::Granted(granted)) => {
                self.purse.part().grant(calendar::day(now), granted);
                Ok(reservation)
            }
            Ok(Allotted::DayUsedUp) => Err(Exhausted { renews_in: calendar::until_tomorrow(now) }),
            Ok(Allotted::MonthUsedUp) => Err(Exhausted { renews_in: calendar::until_next_month(now) }),
            Err(error) => {
                tracing::warn!(
                    judge = self.judge,
                    error = crate::error_chain::causes(&error),
                    "nothing can be set aside of the judge's budget; no call is made meanwhile"
                );
                Err(Exhausted { renews_in: DATABASE_AWAY })
            }
        }
    }

    /// Sets more aside. Whoever calls this holds `purse.changing`.
    async fn widen(&self, account: &Account, amounts: Amounts, now: Timestamp) -> Result<Allotted, StoreError> {
        // First what is known to be used up, so that nothing that is free stays set aside.
        self.book(false).await?;
        let (short, elsewhere) = {
            let part = self.purse.part();
            let short = part.reserved.minus(part.allotted).most(Amounts::default());
            (short, part.elsewhere.at(now))
        };
        let ceiling = Ceiling {
            day: calendar::day(now),
            month: calendar::first_of_month(now),
            daily: account.daily,
            monthly: account.monthly,
            elsewhere,
        };
        self.store.allot(&self.judge, ceiling, amounts.times(CALLS_AHEAD), short).await
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
        async move {
            self.purse(&account.judge).part().reserve(amounts);
            Ok(())
        }
        .boxed()
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
            assert_eq!(calls, 88, "an eighth of the budget is lost for the day");
            let tomorrow = now() + jiff::SignedDuration::from_hours(24);
            assert_eq!(lives.reserve(&account, call, tomorrow).await, Ok(()));
        }
    }

    on_both_databases! {
        what_workers_of_earlier_releases_spent_counts(database) {
            let budget = Arc::new(SharedBudget::new(database.store.clone()));
            let spent = Amounts { nano_usd: 900_000_000, ..Amounts::default() };
            let (day, month) = (calendar::day(now()), calendar::first_of_month(now()));
            budget.elsewhere("default", Elsewhere { day: (day, spent), month: (month, spent) });
            let (bound, account) = (Amounts::of_call(0.05, 0.0), account(Limits::new(Some(1.0), None, None)));
            assert_eq!(spend(Arc::clone(&budget), account.clone(), bound, bound).await.0, 2);
            let refused = budget.reserve(&account, bound, now()).await.unwrap_err();
            assert_eq!(refused.renews_in, Duration::from_hours(14));
        }
    }

    on_both_databases! {
        a_call_that_is_given_up_while_it_reserves_loses_and_leaks_nothing(database) {
            let budget = SharedBudget::new(database.store.clone());
            let call = Amounts::of_call(0.0, 0.0);
            let account = account(Limits::new(None, None, Some(8)));
            budget.reserve(&account, call, now()).await.unwrap();
            budget.settle(&account, "r", call, call, now());
            // What was set aside is used up, so that this one books and asks for more.
            assert!(budget.reserve(&account, call, now()).now_or_never().is_none(), "it waits for the database");
            let purse = budget.purse("default");
            while budget.store.spending(calendar::day(now()), calendar::day(now())).await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            drop(purse.changing.lock().await);
            assert_eq!(purse.part().reserved, Amounts::default());
            let budget = Arc::new(budget);
            assert_eq!(spend(Arc::clone(&budget), account, call, call).await.0, 7);
            budget.book_all(true).await;
            let booked = database.store.spending(calendar::day(now()), calendar::day(now())).await.unwrap();
            assert_eq!(booked.values().map(|sum| sum.calls).collect::<Vec<_>>(), [8]);
        }
    }

    on_both_databases! {
        what_was_set_aside_of_a_day_that_is_over_counts_for_no_other(database) {
            let budget = SharedBudget::new(database.store.clone());
            let account = account(Limits::new(None, None, Some(1_000)));
            let call = Amounts::of_call(0.0, 0.0);
            assert!(budget.reserve(&account, call, now()).now_or_never().is_none(), "it waits for the database");
            let purse = budget.purse("default");
            // Under way, or answered already: either way the day ends behind it.
            let untouched = |part: &Part| part.reserved == Amounts::default() && part.told == Amounts::default();
            while untouched(&purse.part()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // Midnight passes while the database is asked.
            let tomorrow = now() + jiff::SignedDuration::from_hours(24);
            purse.part().turn_page(calendar::day(tomorrow));
            drop(purse.changing.lock().await);
            assert_eq!(purse.part().allotted, Amounts::default());
            assert_eq!(purse.part().told, Amounts::default());
            assert_eq!(budget.reserve(&account, call, tomorrow).await, Ok(()));
        }
    }

    on_both_databases! {
        what_a_long_call_did_not_use_up_is_given_back_when_it_ends(database) {
            let budget = Arc::new(SharedBudget::new(database.store.clone()));
            let account = account(Limits::new(None, Some(1_000), None));
            let (bound, actual) = (Amounts::of_call(0.0, 900.0), Amounts::of_call(0.0, 100.0));
            budget.reserve(&account, bound, now()).await.unwrap();
            for _ in 0..2 * IDLE_ROUNDS {
                budget.book_all(false).await;
            }
            budget.settle(&account, "r", bound, actual, now());
            budget.book_all(false).await;
            let other = SharedBudget::new(database.another_worker().await);
            assert_eq!(other.reserve(&account, bound, now()).await, Ok(()), "900 of 1,000 tokens are free");
        }
    }

    on_both_databases! {
        what_was_spent_elsewhere_ends_with_its_month(database) {
            let budget = SharedBudget::new(database.store.clone());
            let spent = Amounts { nano_usd: 1_000_000_000, ..Amounts::default() };
            let (day, month) = (calendar::day(now()), calendar::first_of_month(now()));
            budget.elsewhere("default", Elsewhere { day: (day, spent), month: (month, spent) });
            let limit = Limits::new(Some(1.0), None, None);
            let account = Account { monthly: limit, ..account(limit) };
            let bound = Amounts::of_call(0.5, 0.0);
            assert!(budget.reserve(&account, bound, now()).await.is_err());
            let tomorrow = now() + jiff::SignedDuration::from_hours(24);
            assert!(budget.reserve(&account, bound, tomorrow).await.is_err(), "it is the same month");
            let next_month = now() + jiff::SignedDuration::from_hours(4 * 24);
            assert_eq!(budget.reserve(&account, bound, next_month).await, Ok(()));
        }
    }
}
