//! A budget of one process, which forgets when the process ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{Account, Budget, Exhausted, calendar};
use crate::model::Amounts;

#[derive(Debug, Default)]
struct Book {
    day: i64,
    month: i64,
    today: Amounts,
    this_month: Amounts,
    /// Set aside for calls under way; survives midnight with them.
    reserved: Amounts,
}

impl Book {
    fn turn_page(&mut self, now: Timestamp) {
        let (day, month) = (calendar::day(now), calendar::first_of_month(now));
        if self.month != month {
            self.this_month = Amounts::default();
        }
        if self.day != day {
            self.today = Amounts::default();
        }
        (self.day, self.month) = (day, month);
    }
}

/// What this process used up, kept in memory.
#[derive(Debug, Default)]
pub struct MemoryBudget {
    books: Mutex<BTreeMap<String, Book>>,
}

impl MemoryBudget {
    /// What `judge` has used up in the present UTC day and month.
    #[cfg(test)]
    pub fn spent(&self, judge: &str, now: Timestamp) -> (Amounts, Amounts) {
        self.with_book(judge, now, |book| (book.today, book.this_month))
    }

    fn with_book<T>(&self, judge: &str, now: Timestamp, act: impl FnOnce(&mut Book) -> T) -> T {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let book = books.entry(judge.to_owned()).or_default();
        book.turn_page(now);
        act(book)
    }

    fn set_aside(&self, account: &Account, amounts: Amounts, now: Timestamp) -> Result<(), Exhausted> {
        self.with_book(&account.judge, now, |book| {
            if !account.monthly.left(book.this_month.plus(book.reserved)).covers(amounts) {
                return Err(Exhausted { renews_in: calendar::until_next_month(now) });
            }
            if !account.daily.left(book.today.plus(book.reserved)).covers(amounts) {
                return Err(Exhausted { renews_in: calendar::until_tomorrow(now) });
            }
            book.reserved = book.reserved.plus(amounts);
            Ok(())
        })
    }
}

impl Budget for MemoryBudget {
    fn reserve<'a>(
        &'a self,
        account: &'a Account,
        amounts: Amounts,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Exhausted>> {
        std::future::ready(self.set_aside(account, amounts, now)).boxed()
    }

    fn settle(&self, account: &Account, _rubric: &str, reserved: Amounts, actual: Amounts, now: Timestamp) {
        self.with_book(&account.judge, now, |book| {
            book.reserved = book.reserved.minus(reserved);
            book.today = book.today.plus(actual);
            book.this_month = book.this_month.plus(actual);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Limits;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn account(daily: f64, monthly: f64) -> Account {
        let limit = |usd| Limits::new(Some(usd), None, None);
        Account { judge: "default".into(), daily: limit(daily), monthly: limit(monthly) }
    }

    fn usd(amount: f64) -> Amounts {
        Amounts::of_call(amount, 0.0)
    }

    fn settle(budget: &MemoryBudget, account: &Account, reserved: f64, actual: f64, now: Timestamp) {
        budget.settle(account, "r", usd(reserved), usd(actual), now);
    }

    #[test]
    fn a_call_that_might_exceed_the_day_is_not_made_until_the_next_one() {
        let (budget, account) = (MemoryBudget::default(), account(1.0, 100.0));
        let evening = at("2026-11-22T23:00:00Z");
        budget.set_aside(&account, usd(0.7), evening).unwrap();
        assert_eq!(
            budget.set_aside(&account, usd(0.4), evening),
            Err(Exhausted { renews_in: Duration::from_hours(1) }),
            "money under way counts"
        );
        settle(&budget, &account, 0.7, 0.2, evening);
        assert_eq!(budget.set_aside(&account, usd(0.8), evening), Ok(()), "to the cent");
        settle(&budget, &account, 0.8, 0.8, evening);
        assert!(budget.set_aside(&account, usd(0.01), evening).is_err());
        assert_eq!(budget.set_aside(&account, usd(1.0), at("2026-11-23T00:00:00Z")), Ok(()));
    }

    #[test]
    fn the_month_has_its_own_limit() {
        let (budget, account) = (MemoryBudget::default(), account(1.0, 1.5));
        for (day, spend) in [("2026-11-29T12:00:00Z", 1.0), ("2026-11-30T12:00:00Z", 0.5)] {
            budget.set_aside(&account, usd(spend), at(day)).unwrap();
            settle(&budget, &account, spend, spend, at(day));
        }
        let refused = budget.set_aside(&account, usd(0.1), at("2026-11-30T12:00:00Z")).unwrap_err();
        assert_eq!(refused.renews_in, Duration::from_hours(12));
        assert_eq!(budget.set_aside(&account, usd(0.1), at("2026-12-01T00:00:00Z")), Ok(()));
    }

    #[test]
    fn a_call_that_spans_midnight_is_booked_on_the_day_it_ends() {
        let (budget, account) = (MemoryBudget::default(), account(1.0, 100.0));
        budget.set_aside(&account, usd(0.9), at("2026-11-22T23:59:59Z")).unwrap();
        let after = at("2026-11-23T00:00:01Z");
        assert!(budget.set_aside(&account, usd(0.2), after).is_err(), "still under way");
        settle(&budget, &account, 0.9, 0.3, after);
        assert_eq!(budget.spent("default", after), (usd(0.3), usd(0.3)));
    }

    #[test]
    fn tokens_and_calls_have_limits_of_their_own() {
        let daily = Limits::new(None, Some(100), Some(3));
        let account = Account { judge: "default".into(), daily, monthly: Limits::default() };
        let (budget, now) = (MemoryBudget::default(), at("2026-11-22T10:00:00Z"));
        let call = |tokens| Amounts::of_call(0.0, tokens);
        assert!(budget.set_aside(&account, call(101.0), now).is_err());
        for _ in 0..3 {
            budget.set_aside(&account, call(10.0), now).unwrap();
        }
        assert!(budget.set_aside(&account, call(10.0), now).is_err(), "three calls");
    }

    proptest! {
        /// Calls that cost at most what was reserved never exceed the limit, in whatever order they end.
        #[test]
        fn the_limit_holds(calls in proptest::collection::vec((0.0..0.2f64, 0.0..1.0f64, any::<bool>()), 1..200)) {
            let (budget, account) = (MemoryBudget::default(), account(1.0, 1.0));
            let now = at("2026-11-22T10:00:00Z");
            let mut under_way = Vec::new();
            for (bound, share, end_one) in calls {
                if budget.set_aside(&account, usd(bound), now).is_ok() {
                    under_way.push((bound, bound * share));
                }
                if end_one && let Some((reserved, actual)) = under_way.pop() {
                    settle(&budget, &account, reserved, actual, now);
                }
            }
            for (reserved, actual) in under_way {
                settle(&budget, &account, reserved, actual, now);
            }
            prop_assert!(budget.spent("default", now).0.usd() <= 1.0 + 1e-6);
        }
    }
}
