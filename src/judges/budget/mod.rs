//! Hard limits on what judges use up: set aside before a call, settled after it.
//!
//! [`Budget`] is the seam: [`SharedBudget`] counts for all workers in the database, [`MemoryBudget`] for one process alone.

mod calendar;
mod memory;
mod shared;

pub use calendar::{day, first_of_month};
pub use memory::MemoryBudget;
pub use shared::{Elsewhere, SharedBudget};

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::model::{Amounts, Limits};

/// Whose limits, and how much they are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Account {
    /// The judge's name.
    pub judge: String,
    /// The limits of a UTC day.
    pub daily: Limits,
    /// The limits of a UTC month.
    pub monthly: Limits,
}

impl Account {
    /// Whether the limits cover a call that uses up `amounts` when nothing is used up: else they never do.
    pub fn ever_covers(&self, amounts: Amounts) -> bool {
        [self.daily, self.monthly].into_iter().all(|limits| limits.left(Amounts::default()).covers(amounts))
    }

    fn has_limits(&self) -> bool {
        !(self.daily.are_none() && self.monthly.are_none())
    }
}

/// The limits do not cover the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// When the limit that stands in the way renews.
    pub renews_in: Duration,
}

/// Where it is counted what judges use up.
pub trait Budget: Send + Sync + fmt::Debug {
    /// Sets `amounts` aside before a call, or refuses. Every success must be followed by one [`Budget::settle`].
    fn reserve<'a>(
        &'a self,
        account: &'a Account,
        amounts: Amounts,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Exhausted>>;

    /// Replaces what was set aside by what the call for `rubric` really used up. Does not block: calls are settled where
    /// their future is dropped.
    fn settle(&self, account: &Account, rubric: &str, reserved: Amounts, actual: Amounts, now: Timestamp);
}
