//! What the database and the sink say when all is over, held against what was published.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Instant;

use sqlx::{PgPool, Row};

use crate::cluster::Death;
use crate::sink::{Sink, text};
use crate::traffic::{SpanKey, Traffic};

/// What still keeps the workers busy; empty when everything has come to its end.
pub async fn unfinished(database: &PgPool, traffic: &Traffic) -> Result<Vec<String>, sqlx::Error> {
    let mut open = Vec::new();
    let intake = intake(database).await?;
    for (what, seen, wanted) in [
        ("spans kept", intake["kept"], traffic.spans.len() as i64),
        ("spans of evaluators", intake["own"], traffic.own),
        ("spans rejected", intake["rejected"], traffic.rejected),
    ] {
        if seen < wanted {
            open.push(format!("{seen} of {wanted} {what}"));
        }
    }
    for (what, query) in [
        ("traces to assemble", "SELECT count(*) FROM traces WHERE due_at_ms IS NOT NULL"),
        ("evaluations pending", "SELECT count(*) FROM evaluations WHERE outcome = 'pending'"),
        ("deliveries owed", "SELECT count(*) FROM deliveries WHERE state = 'owed'"),
    ] {
        let number: i64 = sqlx::query_scalar(query).fetch_one(database).await?;
        if number > 0 {
            open.push(format!("{number} {what}"));
        }
    }
    Ok(open)
}

/// The intake account, column by column.
pub async fn intake(database: &PgPool) -> Result<BTreeMap<&'static str, i64>, sqlx::Error> {
    let columns = ["received", "kept", "sampled_out", "duplicate", "own", "rejected"];
    let sums = "SELECT sum(received)::bigint, sum(kept)::bigint, sum(sampled_out)::bigint, sum(duplicate)::bigint, \
                sum(own)::bigint, sum(rejected)::bigint FROM intake_account";
    let row = sqlx::query(sums).fetch_one(database).await?;
    let value = |index| row.get::<Option<i64>, _>(index).unwrap_or(0);
    Ok(columns.into_iter().enumerate().map(|(index, column)| (column, value(index))).collect())
}

/// Every span that was published is stored, and nothing else; the account says so too.
pub async fn spans_are_accounted_for(database: &PgPool, traffic: &Traffic) {
    let stored: HashSet<SpanKey> =
        sqlx::query_as("SELECT trace_id, span_id FROM spans").fetch_all(database).await.unwrap().into_iter().collect();
    assert_eq!(stored.len(), traffic.spans.len());
    assert!(stored == traffic.spans, "what is stored is not what was published");
    let intake = intake(database).await.unwrap();
    let explained: i64 = ["kept", "sampled_out", "duplicate", "own", "rejected"].iter().map(|part| intake[part]).sum();
    assert_eq!(intake["received"], explained, "{intake:?}");
    assert_eq!(intake["kept"], traffic.spans.len() as i64, "{intake:?}");
    assert_eq!((intake["own"], intake["rejected"]), (traffic.own, traffic.rejected), "{intake:?}");
    assert_eq!(intake["sampled_out"], 0, "the rate is 1");
    assert!(intake["received"] >= traffic.sent, "{intake:?}");
}

/// Every generation has one evaluation in force by each rubric, with a final outcome. Returns how many of each outcome.
pub async fn evaluations_are_final(database: &PgPool, traffic: &Traffic) -> BTreeMap<String, usize> {
    type Found = (Vec<u8>, Vec<u8>, String, String, bool, bool);
    let found: Vec<Found> = sqlx::query_as(
        "SELECT s.trace_id, s.span_id, e.rubric, e.outcome, e.revision = s.revision, e.score IS NOT NULL OR e.label IS NOT NULL \
         FROM evaluations e JOIN subjects s ON s.id = e.subject_id WHERE s.kind = 'generation'",
    )
    .fetch_all(database)
    .await
    .unwrap();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut in_force: BTreeMap<(SpanKey, String), Vec<String>> = BTreeMap::new();
    for (trace_id, span_id, rubric, outcome, newest, has_score) in found {
        assert!(outcome != "scored" || has_score, "scored without a score");
        if newest {
            in_force.entry(((trace_id, span_id), rubric)).or_default().push(outcome.clone());
        } else {
            assert_eq!(outcome, "superseded", "an earlier revision");
        }
        *outcomes.entry(outcome).or_default() += 1;
    }
    let judged: BTreeSet<SpanKey> = in_force.keys().map(|(span, _)| span.clone()).collect();
    assert_eq!(judged, traffic.generations.iter().cloned().collect());
    assert_eq!(in_force.len(), traffic.generations.len() * 2, "two rubrics judge each");
    for (about, outcomes) in in_force {
        let is_final = |outcome: &str| ["scored", "abstained", "failed"].contains(&outcome);
        assert!(outcomes.len() == 1 && is_final(&outcomes[0]), "{about:?}: {outcomes:?}");
    }
    outcomes
}

/// The sink has one effect of every evaluation that was owed to it. Returns how many events it was sent again.
pub async fn deliveries_are_done(
    database: &PgPool,
    sink: &Sink,
    killed: &[Death],
    database_broke: &[Instant],
) -> usize {
    let (events, spans) = (sink.events(), sink.spans());
    let stored: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT e.id::text, d.state, e.outcome FROM deliveries d JOIN evaluations e ON e.id = d.evaluation_id",
    )
    .fetch_all(database)
    .await
    .unwrap();
    let told: i64 =
        sqlx::query_scalar("SELECT count(*) FROM evaluations WHERE outcome IN ('scored', 'abstained', 'failed')")
            .fetch_one(database)
            .await
            .unwrap();
    let in_force = stored.iter().filter(|(_, _, outcome)| outcome != "superseded").count();
    assert_eq!(in_force as i64, told, "every outcome is owed once");
    for (id, state, outcome) in &stored {
        let expected = if outcome == "superseded" { &["sent", "superseded"][..] } else { &["sent"] };
        assert!(expected.contains(&state.as_str()), "{id} ({outcome}) is {state}");
        assert!(state != "sent" || events.contains_key(id), "{id} is said to be sent and never came");
        if let Some(events) = events.get(id).filter(|_| outcome != "superseded") {
            let said = text(&events[0].event.attributes, "judged.outcome");
            assert_eq!(said.as_deref(), Some(outcome.as_str()), "{id}");
        }
    }
    let known: BTreeSet<&String> = stored.iter().map(|(id, ..)| id).collect();
    let strangers: Vec<&String> = events.keys().filter(|id| !known.contains(id)).collect();
    assert!(strangers.is_empty(), "scores that are stored nowhere: {strangers:?}");

    let replaced: BTreeSet<&String> =
        stored.iter().filter(|(_, state, _)| state == "superseded").map(|(id, ..)| id).collect();
    for (id, spans) in &spans {
        assert_eq!(spans.len(), 1, "{id} has several EVALUATOR spans");
        // Spans go first: the sender may die before the event goes, and late spans replace the evaluation before it is
        // sent again.
        assert!(events.contains_key(id) || replaced.contains(id), "{id} has an EVALUATOR span and no event");
    }
    assert!(events.keys().all(|id| spans.contains_key(id)), "an event without its EVALUATOR span");

    let mut sent_again = 0;
    for (id, times) in &events {
        for pair in times.windows(2) {
            let [first, second] = pair else { continue };
            sent_again += 1;
            assert_eq!(first.event, second.event, "{id} was sent twice and is not the same");
            let died =
                killed.iter().any(|death| death.life == first.life && death.at >= first.at && death.at <= second.at);
            let broke = database_broke.iter().any(|at| *at >= first.at && *at <= second.at);
            assert!(died || broke, "{id} was sent twice, and nothing had happened to its sender");
        }
    }
    sent_again
}
