//! What a trace costs that goes on growing.

use crate::clock::Clock;
use crate::store::{PlannedFrom, SettleTimes, Store};
use crate::testing::on_both_databases;
use crate::testing::records::{batch, kept_span};

const LEASE_MS: i64 = 60_000;
const TIMES: SettleTimes = SettleTimes { settle_ms: 100, max_wait_ms: 120_000 };

/// The spans that assembly reads in all while a trace grows by a span in each of `waves`, a second apart.
async fn spans_read_in(store: &Store, clock: &Clock, trace: u64, waves: u64) -> usize {
    let mut read = 0;
    for wave in 0..waves {
        let digest = (trace as u8) * 100 + wave as u8;
        store.commit_intake(&[batch(digest, vec![kept_span(trace, wave, wave == 0)], 0)], TIMES).await.unwrap();
        clock.advance(1_000);
        let due = store.lease_due_traces(10, LEASE_MS).await.unwrap();
        if due.is_empty() {
            continue;
        }
        let ids: Vec<_> = due.iter().map(|due| due.trace_id).collect();
        read += store.trace_records(&ids).await.unwrap().iter().map(|records| records.spans.len()).sum::<usize>();
        store.commit_plan(PlannedFrom { traces: &due, ..PlannedFrom::default() }, &[]).await.unwrap();
    }
    read
}

on_both_databases! {
    /// Scenario: a trace goes on for a long time. Guarantee: what it costs grows with its spans, not with their square.
    a_trace_that_grows_in_many_waves_costs_in_proportion(database) {
        let (store, clock) = (&database.store, &database.clock);
        let (few, many) = (spans_read_in(store, clock, 1, 20).await, spans_read_in(store, clock, 2, 40).await);
        assert!(few >= 20 && many >= 40, "{few}, {many}: late spans are read");
        assert!(many * 10 < few * 26, "{few} spans read for 20 waves, {many} for 40");

        // The root of a trace that had waited for it, and what comes late to one that is long over, settle as usual.
        clock.advance(3_600_000);
        store.commit_intake(&[batch(250, vec![kept_span(2, 90, false)], 0)], TIMES).await.unwrap();
        clock.advance(200);
        assert_eq!(store.lease_due_traces(10, LEASE_MS).await.unwrap().len(), 1);
    }
}
