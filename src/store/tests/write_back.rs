//! What the store keeps for the record of a score in a backend.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::handover::{LEASE_MS, faithfulness, sink};
use crate::model::{EvaluationId, JudgedSpan, Outcome, Resource, ScoreForm};
use crate::store::{OwedDelivery, PlannedFrom, Store};
use crate::testing::databases::Database;
use crate::testing::on_both_databases;
use crate::testing::records::planned;

const SPAN_END: u64 = 1_767_225_600_123_456_789;

fn judged_span(service: &str) -> JudgedSpan {
    let pairs = [("service.name".to_owned(), service.into()), ("process.pid".to_owned(), 17_i64.into())];
    JudgedSpan { resource: Arc::new(Resource { attributes: pairs.into_iter().collect() }), end: SPAN_END }
}

/// Plans and scores a revision of one generation, and gives what is owed of it.
async fn scored(database: &Database, revision: u32, answer: &str, span: Option<JudgedSpan>) -> EvaluationId {
    let store = &database.store;
    let mut plan = planned(1, revision, Outcome::Pending, answer);
    plan.subject.judged_span = span;
    store.commit_plan(PlannedFrom::default(), &[plan]).await.unwrap();
    let leased = store.lease_evaluations("default", 10, LEASE_MS).await.unwrap().remove(0);
    let result = super::handover::scored(leased.id);
    assert!(store.finish_evaluations(&[result], &sink).await.unwrap().contains(&leased.id));
    leased.id
}

async fn owed(store: &Store) -> OwedDelivery {
    store.lease_deliveries("otel", 10, LEASE_MS, &faithfulness).await.unwrap().remove(0)
}

/// Decides what is found out otherwise: the earliest release whose worker is connected.
fn earliest_is(store: &Store, release: u32) {
    store.earlier_workers.earliest.store(release, Ordering::Relaxed);
    store.earlier_workers.asked_at_ms.store(store.now_ms(), Ordering::Relaxed);
}

on_both_databases! {
    /// Scenario: a score is delivered after its spans are gone. Guarantee: resource and end of the judged span are exact.
    the_span_that_was_judged_is_known_after_its_content_is_forgotten(database) {
        earliest_is(&database.store, 3);
        scored(&database, 0, "yes", Some(judged_span("shop"))).await;
        database.execute("DELETE FROM spans").await;
        database.execute("UPDATE subjects SET content = NULL").await;
        let owed = owed(&database.store).await;
        assert_eq!(owed.score.judged_span, Some(judged_span("shop")));
        assert_eq!(owed.score.replaces, None);
    }
}

on_both_databases! {
    /// Scenario: late spans change an answer after its score was delivered. Guarantee: the new score names the old one; a
    /// score that no sink was given is not named.
    the_score_that_is_replaced_is_named(database) {
        let store = &database.store;
        earliest_is(store, 3);
        scored(&database, 0, "yes", Some(judged_span("shop"))).await;
        scored(&database, 1, "no", Some(judged_span("shop"))).await;
        let replacement = owed(store).await;
        assert_eq!(replacement.score.replaces, None, "the first was never sent");

        let id = replacement.score.evaluation.id;
        store.finish_deliveries("otel", &[(id, crate::store::DeliveryOutcome::Sent)]).await.unwrap();
        scored(&database, 2, "perhaps", Some(judged_span("shop"))).await;
        assert_eq!(owed(store).await.score.replaces, Some(id));
    }
}

on_both_databases! {
    /// Scenario: the subject was planned by a worker that did not keep its span. Guarantee: its score goes out all the same,
    /// in the form that needs none.
    a_subject_without_its_span_is_written_in_the_form_that_needs_none(database) {
        earliest_is(&database.store, 3);
        scored(&database, 0, "yes", None).await;
        assert_eq!(owed(&database.store).await.score.judged_span, None);
    }
}

#[tokio::test]
async fn while_an_earlier_worker_is_connected_scores_are_owed_in_the_form_that_it_writes_and_keep_it() {
    let database = Database::postgres().await;
    earliest_is(&database.store, 2);
    scored(&database, 0, "yes", Some(judged_span("shop"))).await;
    earliest_is(&database.store, 3);
    assert_eq!(owed(&database.store).await.score.judged_span, None, "it may have been sent in that form before");
    assert_eq!(sink(Outcome::Scored)[0].1, ScoreForm::Span);
}
