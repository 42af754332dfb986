//! On both databases: what is gone, what stays, and that nothing is counted otherwise.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::*;
use crate::model::{AccessRole, AccessWay, EvaluationId, Label, LabelStream, Outcome, Score, ScoreForm};
use crate::otlp::{Origin, wire};
use crate::privacy::SharedRedactor;
use crate::store::{
    Conclusion, EvaluationResult, JudgeCall, KeptSpan, LedgerProof, PlannedFrom, PlannedSubject, SettleTimes,
};
use crate::testing::databases::Database;
use crate::testing::on_both_databases;
use crate::testing::records::{attribute, batch, kept_span, planned, span_id, trace_id};

const TIMES: SettleTimes = SettleTimes { settle_ms: 10, max_wait_ms: 100 };
const LEASE_MS: i64 = 60_000;

fn actor() -> Actor {
    Actor { name: "ada".to_owned(), role: AccessRole::Admin, way: AccessWay::Command }
}

/// A call of a model for somebody.
fn call_for(number: u64, user: &str) -> KeptSpan {
    let attributes = [("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "m"), ("user.id", user)];
    let wire = wire::Span {
        trace_id: trace_id(number).as_bytes().to_vec(),
        span_id: span_id(number).as_bytes().to_vec(),
        name: "chat m".into(),
        attributes: attributes.map(|(key, value)| attribute(key, value.to_owned())).into(),
        ..wire::Span::default()
    };
    KeptSpan { body: Origin::default().span_to_bytes(&wire), ..kept_span(number, number, true) }
}

fn session_of(number: u64) -> Option<String> {
    match number {
        1 | 2 => Some("talk-of-anna".to_owned()),
        3 | 4 => Some("talk-of-bert".to_owned()),
        _ => None,
    }
}

/// Traces 1 and 2 are a conversation of Anna, 3 and 4 one of Bert, 5 is Anna's too; 6 waits for a judge and 7 to be assembled. Scores
/// are owed to a sink, one of Anna's was sent.
async fn filled(database: &Database) -> Vec<PlannedSubject> {
    let store = &database.store;
    let anna = SharedRedactor::of_defaults().current().identity("anna@example.org");
    let spans = |numbers: &[u64]| {
        let user = |number: &u64| if [3, 4].contains(number) { "bert" } else { anna.as_str() };
        numbers.iter().map(|number| call_for(*number, user(number))).collect::<Vec<_>>()
    };
    store.commit_intake(&[batch(1, spans(&[1, 2, 3, 4, 5, 6]), 0)], TIMES).await.unwrap();
    database.clock.advance(1_000);
    let due = store.lease_due_traces(10, LEASE_MS).await.unwrap();
    let plans: Vec<PlannedSubject> = (1..=6)
        .map(|number| {
            let mut plan = planned(number, 0, Outcome::Pending, &format!("answer of trace {number}"));
            plan.subject.session_id = session_of(number);
            plan.subject.response_id = Some(format!("response-{number}"));
            plan
        })
        .collect();
    store.commit_plan(PlannedFrom { traces: &due, ..PlannedFrom::default() }, &plans).await.unwrap();
    let of: BTreeMap<EvaluationId, u64> =
        plans.iter().zip(1..).map(|(plan, number)| (plan.evaluations[0].id, number)).collect();
    let leased = store.lease_evaluations("default", 10, LEASE_MS).await.unwrap();
    let results: Vec<EvaluationResult> = leased
        .iter()
        .filter(|one| of[&one.id] != 6)
        .map(|one| {
            let level = of[&one.id] as f64;
            let score = Score::Number { number: level, passes: Some(level >= 3.0), value: (level - 1.0) / 4.0 };
            let rationale = format!("reason of trace {level}");
            let call = JudgeCall { prompt_hash: Some([7; 32]), ..JudgeCall::default() };
            EvaluationResult::Final { id: one.id, conclusion: Conclusion::Scored { score, rationale }, call }
        })
        .collect();
    store.finish_evaluations(&results, &|_| vec![("backend".to_owned(), ScoreForm::Judged)]).await.unwrap();
    let first =
        "SELECT e.id FROM evaluations e JOIN subjects s ON s.id = e.subject_id WHERE s.response_id = 'response-1'";
    database.execute(&format!("UPDATE deliveries SET state = 'sent' WHERE evaluation_id IN ({first})")).await;
    let label = |subject| Label {
        subject,
        rubric: "faithfulness".to_owned(),
        annotator: "ada".to_owned(),
        score: Some(Score::Number { number: 5.0, passes: Some(true), value: 1.0 }),
        rationale: Some("note of ada".to_owned()),
        stream: LabelStream::Uniform,
        probability: None,
        labelled_at_ms: 5,
        via: None,
        instead_of: None,
    };
    store.insert_labels(&[label(plans[0].subject.id)]).await.unwrap();
    store
        .note_action(&actor(), crate::store::AuditAction::Labelled, &plans[0].subject.id.to_string(), "")
        .await
        .unwrap();
    store.commit_intake(&[batch(2, spans(&[7]), 0)], TIMES).await.unwrap();
    fold_all(store).await;
    plans
}

async fn fold_all(store: &Store) {
    while store.fold(100).await.unwrap().is_behind {}
}

async fn cells(store: &Store) -> BTreeMap<String, String> {
    let parts = store.cell_totals().await.unwrap().into_iter().chain(store.cell_hours(i64::MIN, true).await.unwrap());
    let named = |part: crate::store::PartSums| {
        let of = format!("{:?} {:?} {:?}", part.series, part.part, part.hour);
        (of, serde_json::to_string(&part.sums).unwrap())
    };
    parts.map(named).collect()
}

/// Every row of every table as text: bytes and ids in lower-case hexadecimal without hyphens.
async fn everything(database: &Database) -> String {
    let mut all = String::new();
    if database.url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        for table in tables {
            let columns: Vec<String> = sqlx::query_scalar("SELECT 'quote(' || name || ')' FROM pragma_table_info($1)")
                .bind(&table)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let select = format!("SELECT {} FROM {table} ORDER BY 1", columns.join(" || ' ' || "));
            let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&mut connection).await.unwrap();
            all += &rows.join("\n");
        }
    } else {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        for table in tables {
            let select = format!("SELECT CAST(row AS TEXT) FROM {table} row ORDER BY 1");
            let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&mut connection).await.unwrap();
            all += &rows.join("\n");
        }
    }
    all.to_lowercase().replace('-', "")
}

/// What may lead to a trace.
fn traces_of(plan: &PlannedSubject, number: u64) -> Vec<String> {
    let trace = plan.subject.trace_id.to_string();
    let ids = [plan.subject.id.to_string(), plan.evaluations[0].id.to_string(), hex::encode(plan.digest)];
    let said = [format!("answer of trace {number}"), format!("reason of trace {number}"), format!("response{number}")];
    ids.into_iter().chain(said).chain([trace]).map(|text| text.replace('-', "")).collect()
}

async fn forgotten(database: &Database, whose: &Whose, dry_run: bool) -> Forgetting {
    let redactor = SharedRedactor::of_defaults().current();
    forget_now(&database.store, &redactor, whose, &actor(), dry_run).await.unwrap()
}

/// That sums and ledger are what they were, and what the rows come to.
async fn assert_counted_as_before(database: &Database, before: &BTreeMap<String, String>) {
    let store = &database.store;
    fold_all(store).await;
    assert_eq!(&cells(store).await, before);
    assert!(store.ledger(0).await.unwrap().balanced);
    assert!(matches!(store.verify_ledger().await.unwrap(), LedgerProof::Equal { .. }));
    store.rebuild_cells(false).await.unwrap();
    fold_all(store).await;
    assert_eq!(&cells(store).await, before);
}

on_both_databases! {
    a_conversation_is_forgotten_and_nothing_is_counted_otherwise(database) {
        let plans = filled(&database).await;
        let (before, rows) = (cells(&database.store).await, everything(&database).await);
        let whose = Whose::Session("talk-of-anna".to_owned());
        let would = forgotten(&database, &whose, true).await;
        assert_eq!(everything(&database).await, rows, "a dry run changes nothing");
        let done = forgotten(&database, &whose, false).await;
        assert_eq!(done.forgotten, would.forgotten);
        let ForgottenForGood { traces, sessions, subjects, evaluations, labels, owed, pending, .. } = done.forgotten;
        assert_eq!((traces, sessions, subjects, evaluations, labels, owed, pending), (2, 1, 2, 2, 1, 1, 0));
        let sent: Vec<&str> = done.forgotten.in_backends.iter().map(|sent| sent.trace_id.as_str()).collect();
        assert_eq!(sent, [trace_id(1).to_string()]);

        assert_counted_as_before(&database, &before).await;
        let rows = everything(&database).await;
        for (plan, number) in plans.iter().zip(1..) {
            for own in traces_of(plan, number) {
                assert_eq!(rows.contains(&own), number > 2 && (number != 6 || !own.starts_with("reason")), "{number}: {own}");
            }
        }
        assert!(!rows.contains("talkofanna") && !rows.contains("note of ada") && rows.contains("talkofbert"));
        let log = database.store.audit_log(0, None, 1).await.unwrap();
        assert_eq!((log[0].action.as_str(), log[0].target.as_str()), ("forgotten", "session"));
        assert_eq!(forgotten(&database, &whose, false).await.forgotten, ForgottenForGood::default());
    }
}

on_both_databases! {
    a_trace_of_a_conversation_that_stays_is_forgotten_alone(database) {
        let plans = filled(&database).await;
        let before = cells(&database.store).await;
        let done = forgotten(&database, &Whose::Trace(trace_id(3)), false).await.forgotten;
        assert_eq!((done.traces, done.sessions, done.sessions_in_part, done.evaluations), (1, 0, 1, 1));
        assert_counted_as_before(&database, &before).await;
        let rows = everything(&database).await;
        assert!(traces_of(&plans[2], 3).iter().all(|own| !rows.contains(own)));
        assert!(traces_of(&plans[3], 4).iter().all(|own| rows.contains(own)));
        assert!(rows.contains("talkofbert"));
        let places = database.store.subject_places(0).await.unwrap();
        assert!(places.len() == 6 && places.iter().all(|(_, span, _)| *span != span_id(3)), "{places:?}");
    }
}

on_both_databases! {
    a_person_is_found_by_what_redaction_made_of_the_id(database) {
        let plans = filled(&database).await;
        let before = cells(&database.store).await;
        let done = forgotten(&database, &Whose::User("anna@example.org".to_owned()), false).await;
        assert_eq!((done.forgotten.traces, done.forgotten.sessions, done.forgotten.pending), (5, 1, 1));
        assert_eq!(done.unknown, Some(Unknown::default()));
        assert_counted_as_before(&database, &before).await;
        let rows = everything(&database).await;
        for number in [1, 2, 5, 6, 7] {
            assert!(!rows.contains(&trace_id(number).to_string()), "{number}");
        }
        assert!(!rows.contains("talkofanna") && traces_of(&plans[3], 4).iter().all(|own| rows.contains(own)));
        assert_eq!(database.store.lease_evaluations("default", 10, 2 * LEASE_MS).await.unwrap().len(), 0);
        database.clock.advance(3_600_000);
        assert!(database.store.lease_due_traces(10, LEASE_MS).await.unwrap().is_empty());

        let after = forgotten(&database, &Whose::User("anna@example.org".to_owned()), false).await;
        assert_eq!((after.forgotten.traces, after.unknown), (0, Some(Unknown { emptied: 5, unreadable: 0 })));
    }
}

/// Lets a future run for so many polls and drops it then, as a process does that dies.
async fn killed_after<T>(polls: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

on_both_databases! {
    whoever_dies_on_the_way_has_forgotten_nothing(database) {
        filled(&database).await;
        let rows = everything(&database).await;
        let redactor = SharedRedactor::of_defaults().current();
        let whose = Whose::User("bert".to_owned());
        for polls in (1..).step_by(5) {
            let died = killed_after(polls, forget_now(&database.store, &redactor, &whose, &actor(), false)).await;
            if let Some(done) = died {
                assert!(polls > 1, "it had no time to die");
                assert_eq!(done.unwrap().forgotten.traces, 2);
                break;
            }
            assert_eq!(everything(&database).await, rows, "{polls}");
        }
        assert_ne!(everything(&database).await, rows);
    }
}
