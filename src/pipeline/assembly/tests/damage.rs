//! Traces that harm themselves only.

use super::*;
use crate::pipeline::assembly::poison::{Poison, poison};
use crate::store::DamagedTrace;

/// Kept, waiting, assembled and damaged traces.
async fn traces(store: &Store) -> (i64, i64, i64, i64) {
    let ledger = store.ledger(0).await.unwrap();
    assert!(ledger.balanced, "{ledger:?}");
    (ledger.traces.kept, ledger.traces.waiting, ledger.traces.assembled, ledger.traces.damaged)
}

async fn damaged(store: &Store) -> Vec<DamagedTrace> {
    store.ledger(0).await.unwrap().damaged_traces
}

/// A number for traces of one test on one database.
fn number(database: &Database, of_test: u64) -> u64 {
    0xdead_0000 + of_test * 100 + u64::from(database.url.starts_with("postgres")) * 10
}

on_both_databases! {
    a_trace_that_panics_is_set_aside_after_two_tries_and_the_others_are_assembled(database) {
        let (store, first) = (&database.store, number(&database, 1));
        poison(trace_id(first), Some(Poison::Panic));
        let assembly = assembly(store, 1.0);
        store.commit_intake(&[batch(1, vec![turn(first, "s"), turn(first + 1, "s")], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assert_eq!(assembly.assemble_due().await.unwrap(), 2);
        assert_eq!(traces(store).await, (2, 1, 1, 0), "it is tried once more");
        assert_eq!(assembly.assemble_due().await.unwrap(), 0, "not at once");
        database.clock.advance(60_000);
        assert_eq!(assembly.assemble_due().await.unwrap(), 1);
        assert_eq!(traces(store).await, (2, 0, 1, 1));
        let named = damaged(store).await;
        assert_eq!((named.len(), &named[0].trace_id), (1, &trace_id(first).to_string()));
        assert!(named[0].why.starts_with("it panicked"), "{named:?}");

        // More of it changes nothing, and retention takes it like any other.
        store.commit_intake(&[batch(2, vec![KeptSpan { span_id: span_id(7), ..turn(first, "s") }], 0)], TIMES).await.unwrap();
        database.clock.advance(60_000);
        assert_eq!(assembly.assemble_due().await.unwrap(), 0);
        assert_eq!(traces(store).await, (2, 0, 1, 1));
        assert_eq!(store.forget_content(i64::MAX, 10).await.unwrap().traces, 2);
        database.execute("UPDATE traces SET damaged_by = 'an earlier release' WHERE damaged IS NOT NULL").await;
        assert_eq!(store.retry_damaged_traces().await.unwrap(), 0, "nothing is left of it");
    }
}

on_both_databases! {
    another_release_tries_again_what_was_set_aside(database) {
        let (store, first) = (&database.store, number(&database, 2));
        poison(trace_id(first), Some(Poison::Panic));
        let assembly = assembly(store, 1.0);
        store.commit_intake(&[batch(1, vec![turn(first, "s")], 0)], TIMES).await.unwrap();
        for _ in 0..2 {
            database.clock.advance(60_000);
            assert_eq!(assembly.assemble_due().await.unwrap(), 1);
        }
        assert_eq!(store.retry_damaged_traces().await.unwrap(), 0, "the same release would fail again");
        database.execute("UPDATE traces SET damaged_by = 'an earlier release'").await;
        poison(trace_id(first), None);
        assert_eq!(store.retry_damaged_traces().await.unwrap(), 1);
        assert_eq!(traces(store).await, (1, 1, 0, 0));
        assert_eq!(assembly.assemble_due().await.unwrap(), 1);
        assert_eq!((traces(store).await, damaged(store).await), ((1, 0, 1, 0), Vec::new()));
    }
}

on_both_databases! {
    a_trace_that_does_not_end_is_left_behind_and_the_others_are_assembled(database) {
        let (store, first) = (&database.store, number(&database, 3));
        let held = Arc::new(());
        poison(trace_id(first), Some(Poison::Hang(Arc::downgrade(&held))));
        let assembly = Assembly { lease: Duration::from_secs(9), ..assembly(store, 1.0) };
        store.commit_intake(&[batch(1, vec![turn(first, "s"), turn(first + 1, "s")], 0)], TIMES).await.unwrap();
        for _ in 0..2 {
            database.clock.advance(60_000);
            assembly.assemble_due().await.unwrap();
        }
        assert_eq!(traces(store).await, (2, 0, 1, 1));
        assert_eq!(damaged(store).await[0].why, "it was not done within 3 s");
        drop(held);
    }
}

on_both_databases! {
    a_session_that_panics_is_not_judged_and_holds_up_no_other(database) {
        let (store, first) = (&database.store, number(&database, 4));
        let assembly = assembly(store, 1.0);
        store.commit_intake(&[batch(1, vec![turn(first, "sick"), turn(first + 1, "well")], 0)], TIMES).await.unwrap();
        database.clock.advance(100);
        assert_eq!(assembly.assemble_due().await.unwrap(), 2);
        poison(trace_id(first), Some(Poison::Panic));
        database.clock.advance(IDLE.as_millis() as i64);
        assert_eq!(assembly.assemble_due_sessions().await.unwrap(), 2);
        assert_eq!(account(store).await.pending, 1);
        assert_eq!(assembly.assemble_due_sessions().await.unwrap(), 0);
    }
}
