//! The gauge that tells whether the ledger balances.
//!
//! The ledger is read from kept totals, and from the rows while these are being built, which takes longer the more there are. So
//! one process of a deployment reads it, and rests in proportion to what it took: it costs a database connection at most one
//! two-hundredth of its time, however much is stored. That the totals are those of the rows is what `judged ledger --verify` proves.

use std::time::{Duration, Instant};

use super::leadership::{LEDGER, give_up, holding, leads};
use crate::store::{Store, StoreError};
use crate::telemetry::StoreGauges;

/// Rest for each second that reading took.
const REST: u32 = 200;

/// The longest rest: an account that does not balance is heard of within the hour.
const LONGEST_REST: Duration = Duration::from_hours(1);

/// Reads the ledger at intervals, while no other process does.
pub(super) struct LedgerWatch {
    store: Store,
    next: Instant,
}

impl LedgerWatch {
    pub(super) fn new(store: Store) -> Self {
        Self { store, next: Instant::now() }
    }

    /// Leaves it to another process.
    pub(super) async fn give_up(&self) {
        give_up(&self.store, LEDGER).await;
    }

    /// Reads it, if it is time to and this process's duty.
    pub(super) async fn look(&mut self, gauges: &StoreGauges) -> Result<(), StoreError> {
        // The duty is kept through the rest: otherwise every process would read in turn.
        if !leads(&self.store, LEDGER).await? || Instant::now() < self.next {
            return Ok(());
        }
        let start = Instant::now();
        let ledger = holding(&self.store, LEDGER, self.store.ledger(0)).await?;
        self.next = Instant::now() + rest(start.elapsed());
        if !ledger.balanced {
            tracing::error!("the ledger does not balance; `judged ledger` shows where");
        }
        gauges.balanced(ledger.balanced);
        Ok(())
    }
}

fn rest(took: Duration) -> Duration {
    took.saturating_mul(REST).min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_takes_longer_is_read_less_often() {
        assert_eq!(rest(Duration::from_millis(2)), Duration::from_millis(400));
        assert_eq!(rest(Duration::from_secs(6)), Duration::from_mins(20));
        assert_eq!(rest(Duration::from_mins(10)), LONGEST_REST);
    }
}
