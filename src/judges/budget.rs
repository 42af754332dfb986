//! Hard spending limits: reserve before the call, settle after it.
//!
//! [`Budget`] is the seam: [`MemoryBudget`] serves one process, and is told at start what was spent before.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// Whose money, and how much of it. Amounts are US dollars.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Account {
    /// The judge's name.
    pub judge: String,
    /// The limit of a UTC day.
    pub daily: Option<f64>,
    /// The limit of a UTC month.
    pub monthly: Option<f64>,
}

/// The limit does not cover the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// When the limit that stands in the way renews.
    pub renews_in: Duration,
}

/// Where spending is counted. Must not block: an implementation on a database takes amounts in advance.
pub trait Budget: Send + Sync + fmt::Debug {
    /// Sets `amount` aside before a call, or refuses. Every success must be followed by one [`Budget::settle`].
    fn reserve(&self, account: &Account, amount: f64, now: Timestamp) -> Result<(), Exhausted>;

    /// Replaces what was reserved by what the call really cost.
    fn settle(&self, account: &Account, reserved: f64, actual: f64, now: Timestamp);
}

/// Money in whole billionths of a dollar, so that a million small sums add up exactly.
fn billionths(usd: f64) -> u64 {
    (usd.max(0.0) * 1e9).round() as u64
}

#[derive(Debug, Default)]
struct Book {
    /// (year, month, day) that `today` belongs to.
    date: Option<(i16, i8, i8)>,
    today: u64,
    this_month: u64,
    /// Set aside for calls under way; survives midnight with them.
    reserved: u64,
}

impl Book {
    fn turn_page(&mut self, now: &Zoned) {
        let date = (now.year(), now.month(), now.day());
        if let Some((year, month, day)) = self.date {
            if (year, month) != (date.0, date.1) {
                self.this_month = 0;
            }
            if (year, month, day) != date {
                self.today = 0;
            }
        }
        self.date = Some(date);
    }
}

/// Spending of this process, kept in memory.
#[derive(Debug, Default)]
pub struct MemoryBudget {
    books: Mutex<BTreeMap<String, Book>>,
}

impl MemoryBudget {
    /// Tells what was spent on `judge` in the present UTC day and month, also by others; the larger sum counts.
    pub fn restore(&self, judge: &str, today_usd: f64, month_usd: f64, now: Timestamp) {
        self.with_book(judge, now, |book, _| {
            book.today = book.today.max(billionths(today_usd));
            book.this_month = book.this_month.max(billionths(month_usd)).max(book.today);
        });
    }

    /// What `judge` has spent in the present UTC day and month, in US dollars.
    #[cfg(test)]
    pub fn spent(&self, judge: &str, now: Timestamp) -> (f64, f64) {
        self.with_book(judge, now, |book, _| (book.today as f64 / 1e9, book.this_month as f64 / 1e9))
    }

    fn with_book<T>(&self, judge: &str, now: Timestamp, act: impl FnOnce(&mut Book, &Zoned) -> T) -> T {
        let mut books = self.books.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = now.to_zoned(TimeZone::UTC);
        let book = books.entry(judge.to_owned()).or_default();
        book.turn_page(&now);
        act(book, &now)
    }
}

impl Budget for MemoryBudget {
    fn reserve(&self, account: &Account, amount: f64, now: Timestamp) -> Result<(), Exhausted> {
        let amount = billionths(amount);
        self.with_book(&account.judge, now, |book, now| {
            let fits = |limit: Option<f64>, spent: u64| {
                limit
                    .is_none_or(|limit| spent.saturating_add(book.reserved).saturating_add(amount) <= billionths(limit))
            };
            if !fits(account.monthly, book.this_month) {
                return Err(Exhausted { renews_in: until_next_month(now) });
            }
            if !fits(account.daily, book.today) {
                return Err(Exhausted { renews_in: until_tomorrow(now) });
            }
            book.reserved = book.reserved.saturating_add(amount);
            Ok(())
        })
    }

    fn settle(&self, account: &Account, reserved: f64, actual: f64, now: Timestamp) {
        let (reserved, actual) = (billionths(reserved), billionths(actual));
        self.with_book(&account.judge, now, |book, _| {
            book.reserved = book.reserved.saturating_sub(reserved);
            book.today = book.today.saturating_add(actual);
            book.this_month = book.this_month.saturating_add(actual);
        });
    }
}

/// A limit that money under way stands in the way of may have room again before it renews.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

fn until_tomorrow(now: &Zoned) -> Duration {
    wait_until(now, now.start_of_day().and_then(|midnight| midnight.checked_add(1.day())))
}

fn until_next_month(now: &Zoned) -> Duration {
    let first = now.first_of_month().and_then(|first| first.start_of_day());
    wait_until(now, first.and_then(|first| first.checked_add(1.month())))
}

fn wait_until(now: &Zoned, moment: Result<Zoned, jiff::Error>) -> Duration {
    // The calendar ends in the year 9999; before that there is always a next day.
    moment.ok().and_then(|moment| Duration::try_from(now.duration_until(&moment)).ok()).unwrap_or(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_others_spent_counts_and_what_is_not_stored_yet_is_not_forgotten() {
        let (budget, now) = (MemoryBudget::default(), Timestamp::from_second(1_767_225_600).unwrap());
        budget.restore("default", 2.0, 5.0, now);
        budget.restore("default", 1.0, 6.0, now);
        assert_eq!(budget.spent("default", now), (2.0, 6.0));
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn account(daily: f64, monthly: f64) -> Account {
        Account { judge: "default".into(), daily: Some(daily), monthly: Some(monthly) }
    }

    #[test]
    fn a_call_that_might_exceed_the_day_is_not_made_until_the_next_one() {
        let (budget, account) = (MemoryBudget::default(), account(1.0, 100.0));
        let evening = at("2026-11-22T23:00:00Z");
        budget.reserve(&account, 0.7, evening).unwrap();
        assert_eq!(
            budget.reserve(&account, 0.4, evening),
            Err(Exhausted { renews_in: Duration::from_hours(1) }),
            "money under way counts"
        );
        budget.settle(&account, 0.7, 0.2, evening);
        assert_eq!(budget.reserve(&account, 0.8, evening), Ok(()), "to the cent");
        budget.settle(&account, 0.8, 0.8, evening);
        assert!(budget.reserve(&account, 0.01, evening).is_err());
        assert_eq!(budget.reserve(&account, 1.0, at("2026-11-23T00:00:00Z")), Ok(()));
    }

    #[test]
    fn the_month_has_its_own_limit() {
        let (budget, account) = (MemoryBudget::default(), account(1.0, 1.5));
        for day in ["2026-11-29T12:00:00Z", "2026-11-30T12:00:00Z"] {
            let spend = if day.contains("-29") { 1.0 } else { 0.5 };
            budget.reserve(&account, spend, at(day)).unwrap();
            budget.settle(&account, spend, spend, at(day));
        }
        let refused = budget.reserve(&account, 0.1, at("2026-11-30T12:00:00Z")).unwrap_err();
        assert_eq!(refused.renews_in, Duration::from_hours(12));
        assert_eq!(budget.reserve(&account, 0.1, at("2026-12-01T00:00:00Z")), Ok(()));
    }

    #[test]
    fn a_call_that_spans_midnight_is_booked_on_the_day_it_ends() {
        let (budget, account) = (MemoryBudget::default(), account(1.0, 100.0));
        budget.reserve(&account, 0.9, at("2026-11-22T23:59:59Z")).unwrap();
        let after = at("2026-11-23T00:00:01Z");
        assert!(budget.reserve(&account, 0.2, after).is_err(), "still under way");
        budget.settle(&account, 0.9, 0.3, after);
        assert_eq!(budget.spent("default", after), (0.3, 0.3));
    }

    #[test]
    fn a_restart_goes_on_from_what_was_spent() {
        let (budget, account) = (MemoryBudget::default(), account(5.0, 100.0));
        let now = at("2026-11-22T10:00:00Z");
        budget.restore("default", 4.9, 60.0, now);
        assert!(budget.reserve(&account, 0.2, now).is_err());
        assert_eq!(budget.spent("default", now), (4.9, 60.0));
    }

    proptest! {
        /// Calls that cost at most what was reserved never exceed the limit, in whatever order they end.
        #[test]
        fn the_limit_holds(calls in proptest::collection::vec((0.0..0.2f64, 0.0..1.0f64, any::<bool>()), 1..200)) {
            let (budget, account) = (MemoryBudget::default(), account(1.0, 1.0));
            let now = at("2026-11-22T10:00:00Z");
            let mut under_way = Vec::new();
            for (bound, share, end_one) in calls {
                if budget.reserve(&account, bound, now).is_ok() {
                    under_way.push((bound, bound * share));
                }
                if end_one && let Some((reserved, actual)) = under_way.pop() {
                    budget.settle(&account, reserved, actual, now);
                }
            }
            for (reserved, actual) in under_way {
                budget.settle(&account, reserved, actual, now);
            }
            prop_assert!(budget.spent("default", now).0 <= 1.0 + 1e-6);
        }
    }
}
