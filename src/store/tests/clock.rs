//! A clock that jumps a day ahead and back stops nothing.

use crate::store::{SettleTimes, WaitBound};
use crate::testing::on_both_databases;
use crate::testing::records::{batch, kept_span};

const TIMES: SettleTimes = SettleTimes { settle_ms: 10_000, max_wait_ms: 120_000 };
const MINUTE_MS: i64 = 60_000;
const BOUND: WaitBound = WaitBound { longest_ms: 60 * MINUTE_MS, wait_ms: 2 * MINUTE_MS };
const DAY_MS: i64 = 86_400_000;

on_both_databases! {
    a_duty_taken_while_the_clock_was_ahead_is_free(database) {
        let (first, second) = (&database.store, database.another_worker().await);
        database.clock.advance(DAY_MS);
        assert!(first.take_lead("calibration", 2 * MINUTE_MS).await.unwrap());
        database.clock.advance(-DAY_MS);
        assert!(second.take_lead("calibration", 2 * MINUTE_MS).await.unwrap());
        assert!(!first.take_lead("calibration", 2 * MINUTE_MS).await.unwrap());
    }
}

on_both_databases! {
    a_trace_that_came_or_was_leased_while_the_clock_was_ahead_is_assembled(database) {
        let store = &database.store;
        store.commit_intake(&[batch(1, vec![kept_span(1, 1, true)], 0)], TIMES).await.unwrap();
        database.clock.advance(DAY_MS);
        store.commit_intake(&[batch(2, vec![kept_span(2, 2, true)], 0)], TIMES).await.unwrap();
        assert_eq!(store.lease_due_traces(1, MINUTE_MS).await.unwrap().len(), 1);
        database.clock.advance(-DAY_MS);
        database.clock.advance(MINUTE_MS);
        assert_eq!(store.lease_due_traces(9, MINUTE_MS).await.unwrap().len(), 1, "the lease is none");
        assert_eq!(store.mend_due_times(BOUND, BOUND).await.unwrap(), 1);
        assert_eq!(store.lease_due_traces(9, MINUTE_MS).await.unwrap().len(), 0, "more of it may be on its way");
        database.clock.advance(BOUND.wait_ms);
        assert_eq!(store.lease_due_traces(9, MINUTE_MS).await.unwrap().len(), 2, "the other is due as if it had come now");
        assert_eq!(store.mend_due_times(BOUND, BOUND).await.unwrap(), 0);
    }
}
