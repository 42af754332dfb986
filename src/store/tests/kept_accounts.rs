//! The ledger's traces and deliveries are what the rows come to, whatever happened.

use crate::model::{Outcome, ScoreForm};
use crate::store::{
    Conclusion, DeliveryOutcome, EvaluationResult, JudgeCall, LedgerProof, PlannedFrom, SettleTimes, Store,
};
use crate::testing::databases::Database;
use crate::testing::on_both_databases;
use crate::testing::records::{batch, kept_span, planned};

const LEASE_MS: i64 = 60_000;
const TIMES: SettleTimes = SettleTimes { settle_ms: 100, max_wait_ms: 120_000 };

fn sinks(_: Outcome) -> Vec<(String, ScoreForm)> {
    vec![("otel".to_owned(), ScoreForm::Span), ("stream".to_owned(), ScoreForm::Span)]
}

fn abstained(id: crate::model::EvaluationId) -> EvaluationResult {
    let conclusion = Conclusion::Abstained { rationale: "unclear".into() };
    EvaluationResult::Final { id, conclusion, call: JudgeCall::default() }
}

/// Two traces of which one is assembled, and what is owed of it to two sinks: accepted by one, replaced at the other.
async fn traffic(database: &Database, from: u64) {
    let store = &database.store;
    let spans = vec![kept_span(from, 1, true), kept_span(from + 1, 2, false)];
    store.commit_intake(&[batch(from as u8, spans, 0)], TIMES).await.unwrap();
    database.clock.advance(1_000);
    let due = store.lease_due_traces(10, LEASE_MS).await.unwrap();
    let plan = planned(from, 0, Outcome::Pending, "an answer");
    store.commit_plan(PlannedFrom { traces: &due, ..PlannedFrom::default() }, &[plan]).await.unwrap();
    let leased = store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
    let results: Vec<EvaluationResult> = leased.iter().map(|one| abstained(one.id)).collect();
    store.finish_evaluations(&results, &sinks).await.unwrap();
    database.execute("UPDATE deliveries SET state = 'sent' WHERE sink = 'otel' AND state = 'owed'").await;
    let newer = planned(from, 1, Outcome::Filtered, "another answer");
    store.commit_plan(PlannedFrom::default(), &[newer]).await.unwrap();
    database.clock.advance(3_600_000);
}

async fn is_proved(store: &Store) -> bool {
    matches!(store.verify_ledger().await.unwrap(), LedgerProof::Equal { .. })
}

on_both_databases! {
    /// Guarantee: totals equal a scan before, between and after folds, and the account of an hour is that hour's.
    traces_and_deliveries_are_told_by_totals_that_equal_a_scan(database) {
        let store = &database.store;
        let half_ms = {
            traffic(&database, 1).await;
            while store.fold(10).await.unwrap().is_behind {}
            assert!(is_proved(store).await);
            store.now_ms()
        };
        traffic(&database, 11).await;
        assert!(is_proved(store).await, "with changes that are not folded yet");
        store.fold(10).await.unwrap();
        assert!(is_proved(store).await);
        let ledger = store.ledger(0).await.unwrap();
        assert_eq!((ledger.traces.kept, ledger.traces.waiting, ledger.traces.assembled), (4, 1, 3));
        assert!(ledger.balanced);
        let since = store.ledger(half_ms).await.unwrap();
        assert_eq!((since.traces.kept, since.traces.assembled), (2, 1));
        let otel = ledger.deliveries["otel"];
        assert_eq!((otel.owed, otel.sent, otel.given_up), (0, 2, 0));
        assert_eq!(since.deliveries["otel"].sent, 1);
        assert_eq!(ledger.deliveries["stream"].owed, 0, "what is replaced is owed no more");
    }
}

on_both_databases! {
    /// Scenario: a total is wrong. Guarantee: the proof names it, and a rebuild mends it.
    a_total_of_traces_or_deliveries_that_is_wrong_is_named_and_mended(database) {
        let store = &database.store;
        traffic(&database, 1).await;
        store.fold(10).await.unwrap();
        database.execute("UPDATE trace_totals SET kept = kept + 1").await;
        database.execute("UPDATE delivery_totals SET sent = sent + 1 WHERE sink = 'otel'").await;
        store.fold(10).await.unwrap();
        let LedgerProof::Differs { traces_and_deliveries, .. } = store.verify_ledger().await.unwrap() else { panic!("equal") };
        let named: Vec<_> = traces_and_deliveries.iter().map(|one| (one.sink.as_deref(), one.total, one.kept - one.stored)).collect();
        assert_eq!(named, [(None, "kept", 1), (Some("otel"), "sent", 1)]);
        assert!(!store.ledger(0).await.unwrap().balanced);
        store.rebuild_cells(false).await.unwrap();
        while store.fold(10).await.unwrap().is_behind {}
        assert!(is_proved(store).await);
    }
}

on_both_databases! {
    /// Scenario: a receiver refuses for good what another accepted. Guarantee: each stands in its own account.
    what_is_given_up_leaves_what_is_owed(database) {
        let store = &database.store;
        store.commit_plan(PlannedFrom::default(), &[planned(1, 0, Outcome::Pending, "an answer")]).await.unwrap();
        let id = store.lease_evaluations("default", 10, LEASE_MS).await.unwrap()[0].id;
        store.finish_evaluations(&[abstained(id)], &sinks).await.unwrap();
        let owed = store.ledger(0).await.unwrap().deliveries;
        assert_eq!((owed["otel"].owed, owed["stream"].owed), (1, 1));
        let known = |_: &str, _: u32| {
            let scale = crate::model::Scale::Binary { pass: "yes".into(), fail: "no".into() };
            Some((crate::model::ContentHash::of("abc"), scale))
        };
        assert_eq!(store.lease_deliveries("otel", 10, LEASE_MS, &known).await.unwrap().len(), 1);
        let refused = DeliveryOutcome::GivenUp { error: "400".into() };
        store.finish_deliveries("otel", &[(id, refused)]).await.unwrap();
        let otel = store.ledger(0).await.unwrap().deliveries["otel"];
        assert_eq!((otel.owed, otel.sent, otel.given_up), (0, 0, 1));
        store.fold(10).await.unwrap();
        assert!(is_proved(store).await);
    }
}
