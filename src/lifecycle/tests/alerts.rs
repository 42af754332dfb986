//! Alerts from the flag to the webhook: one worker at a time, one alert for each episode, no message lost or doubled.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::alerts::reconcile;
use crate::config::{AlertsConfig, Config};
use crate::lifecycle::{Lifecycle, Role, Service};
use crate::model::{
    Alert, AlertEvent, AlertFinding, AlertId, AlertState, DeliveryStatus, DriftKind, HOUR_MS, Label, LabelStream,
    Outcome, Scale, Score, SubjectId,
};
use crate::pipeline::delivery::webhooks::{Notification, Webhook, WebhookConfigError, sample};
use crate::store::{
    AlertCursor, AlertRoute, AlertWrite, CalibrationSnapshot, Conclusion, DeliveryOutcome, EvaluationResult, JudgeCall,
    PlannedFrom, Stage, Store,
};
use crate::telemetry::Metrics;
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::testing::databases::{Database, START_MS};
use crate::testing::fake_api::{Asked, FakeApi};
use crate::testing::on_both_databases;
use crate::testing::records::{planned, span_id, trace_id};

const DUTY: &str = "calibration";
const LEASE_MS: i64 = 60_000;

fn finding(kind: DriftKind) -> AlertFinding {
    AlertFinding { kind, ..sample(START_MS - HOUR_MS).finding }
}

fn routes() -> Vec<AlertRoute> {
    let route = |webhook: &str, events: &[AlertEvent]| AlertRoute {
        webhook: webhook.to_owned(),
        events: events.iter().copied().collect(),
    };
    vec![route("chat", &[AlertEvent::Opened, AlertEvent::Resolved]), route("log", &[AlertEvent::Acknowledged])]
}

/// What one look of the leading worker does.
async fn look(store: &Store, findings: &[AlertFinding]) -> AlertWrite {
    let now_ms = store.now_ms();
    let decide = |known: &[Alert]| reconcile(known, findings, now_ms, HOUR_MS);
    store.reconcile_alerts(DUTY, &routes(), &decide).await.unwrap()
}

async fn owed(store: &Store, webhook: &str) -> i64 {
    store.owed_by_webhook().await.unwrap().get(webhook).map_or(0, |(number, _)| *number)
}

on_both_databases! {
    one_worker_leads_until_it_lets_go_or_dies(database) {
        let (first, second) = (&database.store, database.another_worker().await);
        assert!(first.take_lead(DUTY, LEASE_MS).await.unwrap());
        assert!(!second.take_lead(DUTY, LEASE_MS).await.unwrap());
        assert!(second.take_lead("retention", LEASE_MS).await.unwrap(), "another duty is free");
        database.clock.advance(LEASE_MS - 1);
        assert!(first.take_lead(DUTY, LEASE_MS).await.unwrap(), "renewed");
        database.clock.advance(LEASE_MS - 1);
        assert!(!second.take_lead(DUTY, LEASE_MS).await.unwrap());
        database.clock.advance(1);
        assert!(second.take_lead(DUTY, LEASE_MS).await.unwrap(), "taken over");
        assert!(!first.take_lead(DUTY, LEASE_MS).await.unwrap());
        first.give_up_lead(DUTY).await.unwrap();
        assert!(!first.take_lead(DUTY, LEASE_MS).await.unwrap(), "only its holder gives a duty up");
        second.give_up_lead(DUTY).await.unwrap();
        assert!(first.take_lead(DUTY, LEASE_MS).await.unwrap());
    }
}

on_both_databases! {
    a_worker_that_was_taken_over_changes_no_alert(database) {
        let (stalled, other) = (&database.store, database.another_worker().await);
        assert!(stalled.take_lead(DUTY, LEASE_MS).await.unwrap());
        database.clock.advance(LEASE_MS);
        assert!(other.take_lead(DUTY, LEASE_MS).await.unwrap());
        assert_eq!(look(stalled, &[finding(DriftKind::Agreement)]).await, AlertWrite::NotLeading);
        assert!(stalled.alerts().await.unwrap().is_empty());
        assert!(matches!(look(&other, &[finding(DriftKind::Agreement)]).await, AlertWrite::Written(_)));
        assert_eq!(stalled.alerts().await.unwrap().len(), 1);
    }
}

on_both_databases! {
    a_flag_is_one_alert_and_one_message_whoever_looks(database) {
        let (first, second) = (&database.store, database.another_worker().await);
        assert!(first.take_lead(DUTY, LEASE_MS).await.unwrap());
        look(first, &[finding(DriftKind::Agreement)]).await;
        look(first, &[finding(DriftKind::Agreement)]).await;
        first.give_up_lead(DUTY).await.unwrap();
        assert!(second.take_lead(DUTY, LEASE_MS).await.unwrap());
        look(&second, &[finding(DriftKind::Agreement), finding(DriftKind::Judge)]).await;
        let alerts = first.unresolved_alerts().await.unwrap();
        assert_eq!(alerts.iter().map(|alert| alert.finding.kind).collect::<BTreeSet<_>>(), [DriftKind::Agreement, DriftKind::Judge].into());
        assert_eq!((owed(first, "chat").await, owed(first, "log").await), (2, 0));
        let stored = alerts.into_iter().find(|alert| alert.finding.kind == DriftKind::Agreement).unwrap();
        assert_eq!(stored.finding, finding(DriftKind::Agreement), "it is read as it was written");
        assert_eq!(first.alert_counts().await.unwrap()[&("test".into(), DriftKind::Judge, AlertState::Open)], 1);
    }
}

on_both_databases! {
    what_happens_to_an_alert_is_told_in_order(database) {
        let store = &database.store;
        assert!(store.take_lead(DUTY, LEASE_MS).await.unwrap());
        look(store, &[finding(DriftKind::Agreement)]).await;
        let id = store.alerts().await.unwrap()[0].id;
        let now_ms = store.now_ms();
        let acknowledged = store.change_alert(id, &routes(), &|alert| alert.acknowledged("ada", now_ms)).await.unwrap();
        assert!(acknowledged.is_some_and(|(alert, changed)| changed && alert.acknowledged_by.as_deref() == Some("ada")));
        let again = store.change_alert(id, &routes(), &|alert| alert.acknowledged("bob", now_ms)).await.unwrap();
        assert!(again.is_some_and(|(alert, changed)| !changed && alert.acknowledged_by.as_deref() == Some("ada")));
        store.change_alert(id, &routes(), &|alert| alert.resolved(Some("ada"), now_ms)).await.unwrap();
        assert!(store.unresolved_alerts().await.unwrap().is_empty());
        assert_eq!(owed(store, "log").await, 1);

        let lease = async |limit| store.lease_alert_deliveries("chat", limit, LEASE_MS).await.unwrap();
        let opened = lease(10).await;
        assert_eq!(opened.iter().map(|owed| owed.event).collect::<Vec<_>>(), [AlertEvent::Opened]);
        assert_eq!(opened[0].alert.state, AlertState::Open, "the message holds the alert as it was then");
        let retry = DeliveryOutcome::Retry { due_at_ms: now_ms + 1_000, error: "503".into() };
        store.finish_alert_deliveries("chat", &[(opened[0].id, retry)]).await.unwrap();
        assert!(lease(10).await.is_empty(), "the end is not told before the beginning");
        database.clock.advance(1_000);
        assert_eq!(lease(10).await[0].id, opened[0].id);
        store.finish_alert_deliveries("chat", &[(opened[0].id, DeliveryOutcome::Sent)]).await.unwrap();
        let resolved = lease(10).await;
        assert_eq!(resolved.iter().map(|owed| owed.event).collect::<Vec<_>>(), [AlertEvent::Resolved]);
        store.finish_alert_deliveries("chat", &[(resolved[0].id, DeliveryOutcome::Sent)]).await.unwrap();

        look(store, &[finding(DriftKind::Agreement)]).await;
        assert!(store.unresolved_alerts().await.unwrap().is_empty(), "what a person resolved stays resolved");
        let states = store.alert_delivery_states(&store.alerts().await.unwrap()).await.unwrap();
        assert_eq!(states[&id].iter().filter(|state| state.state == DeliveryStatus::Sent).count(), 2);
    }
}

on_both_databases! {
    a_message_of_a_worker_that_died_is_sent_by_another_under_the_same_id(database) {
        let other = database.another_worker().await;
        assert!(database.store.take_lead(DUTY, LEASE_MS).await.unwrap());
        look(&database.store, &[finding(DriftKind::Agreement)]).await;
        let mine = database.store.lease_alert_deliveries("chat", 10, LEASE_MS).await.unwrap();
        assert!(other.lease_alert_deliveries("chat", 10, LEASE_MS).await.unwrap().is_empty());
        database.clock.advance(LEASE_MS);
        let theirs = other.lease_alert_deliveries("chat", 10, LEASE_MS).await.unwrap();
        assert_eq!(mine[0].id, theirs[0].id);
        database.store.finish_alert_deliveries("chat", &[(mine[0].id, DeliveryOutcome::Sent)]).await.unwrap();
        assert_eq!(owed(&other, "chat").await, 1, "a lease that was lost records nothing");
        other.finish_alert_deliveries("chat", &[(theirs[0].id, DeliveryOutcome::Sent)]).await.unwrap();
        assert_eq!(owed(&other, "chat").await, 0);
    }
}

fn webhooks(text: &str) -> Result<Vec<Arc<Webhook>>, WebhookConfigError> {
    let config: AlertsConfig = toml::from_str(text).unwrap();
    Webhook::all(&config, &|name| (name == "SECRET").then(|| "hush".to_owned()))
}

/// The generic webhook hears of what begins.
fn generic() -> [AlertRoute; 1] {
    [AlertRoute { webhook: "generic".to_owned(), events: [AlertEvent::Opened].into() }]
}

/// Runs the outbox until the API has been asked `times` and nothing is owed, with the clock going on by `step_ms`.
async fn until_asked(database: &Database, webhooks: Vec<Arc<Webhook>>, api: &FakeApi, times: usize, step_ms: i64) {
    let notification = Notification {
        store: database.store.clone(),
        webhooks,
        lease: Duration::from_mins(2),
        metrics: Metrics::default(),
    };
    let soft = CancellationToken::new();
    let running = tokio::spawn(notification.run(soft.clone()));
    let asked = async {
        while api.asked().len() < times || owed(&database.store, "generic").await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            database.clock.advance(step_ms);
            database.store.wakeups().ring(Stage::Notify);
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asked).await.expect("the webhook is asked");
    soft.cancel();
    running.await.unwrap().unwrap();
}

fn header<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.headers[name].to_str().unwrap()
}

on_both_databases! {
    a_webhook_that_fails_is_asked_again_until_it_accepts(database) {
        let number = AtomicUsize::new(0);
        let api = FakeApi::start(move |_| {
            let status = [503, 500, 204][number.fetch_add(1, Ordering::SeqCst).min(2)];
            (status, json!({}))
        })
        .await;
        let webhooks = webhooks(&format!(
            "public_url = \"https://judged.example\"\n[[webhook]]\nkind = \"generic\"\nurl = \"{}/hook?a=1\"\nsecret_env = \"SECRET\"",
            api.url
        ))
        .unwrap();
        assert!(database.store.take_lead(DUTY, LEASE_MS).await.unwrap());
        let decide = |known: &[Alert]| reconcile(known, &[finding(DriftKind::Agreement)], START_MS, HOUR_MS);
        database.store.reconcile_alerts(DUTY, &generic(), &decide).await.unwrap();
        until_asked(&database, webhooks, &api, 3, 60_000).await;

        let asked = api.asked();
        assert_eq!(asked.len(), 3, "never again after it was accepted");
        assert_eq!((asked[0].path.as_str(), asked[0].query.as_str()), ("/hook", "a=1"));
        let ids: BTreeSet<&str> = asked.iter().map(|asked| header(asked, "webhook-id")).collect();
        assert_eq!(ids.len(), 1, "every attempt has the same id");
        assert_eq!(asked[2].body["type"], "alert.opened");
        assert_eq!(asked[2].body["data"]["alert"]["kind"], "agreement");
        assert!(asked[2].body["data"]["url"].as_str().unwrap().starts_with("https://judged.example/alerts#"));

        let signed = format!("{}.{}.{}", header(&asked[2], "webhook-id"), header(&asked[2], "webhook-timestamp"), asked[2].body);
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"hush").unwrap();
        mac.update(signed.as_bytes());
        let expected = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(header(&asked[2], "webhook-signature"), format!("v1,{expected}"));
    }
}

on_both_databases! {
    a_message_is_given_up_when_it_is_refused_or_after_three_days(database) {
        for (status, times) in [(422, 1), (503, 2)] {
            let api = FakeApi::start(move |_| (status, json!({ "error": "no" }))).await;
            let webhooks = webhooks(&format!("[[webhook]]\nkind = \"generic\"\nurl = \"{}\"", api.url)).unwrap();
            assert!(database.store.take_lead(DUTY, i64::MAX / 4).await.unwrap());
                let (now_ms, rubric) = (database.store.now_ms(), format!("rubric {status}"));
            let decide = |known: &[Alert]| reconcile(known, &[AlertFinding { rubric: rubric.clone(), ..finding(DriftKind::Agreement) }], now_ms, i64::MAX);
            database.store.reconcile_alerts(DUTY, &generic(), &decide).await.unwrap();
            until_asked(&database, webhooks, &api, times, HOUR_MS).await;
            let alerts = database.store.alerts().await.unwrap();
            let states = database.store.alert_delivery_states(&alerts).await.unwrap();
            let state = states.values().flatten().find(|state| state.attempts as usize == api.asked().len()).unwrap();
            assert_eq!(state.state, DeliveryStatus::GivenUp);
            assert!(state.last_error.as_deref().unwrap().contains(&status.to_string()), "{state:?}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_webhook_is_said_without_its_address() {
    let wrong = |text: &str| webhooks(&format!("[[webhook]]\n{text}")).unwrap_err().to_string();
    assert!(wrong("kind = \"slack\"").contains("`url` is missing"));
    assert!(!wrong("kind = \"slack\"\nurl = \"hooks.slack.com/services/hush\"").contains("hush"));
    assert!(wrong("kind = \"slack\"\nurl_env = \"ABSENT\"").contains("the environment variable `ABSENT` is not set"));
    assert!(
        wrong("kind = \"slack\"\nurl = \"http://a\"\nsecret_env = \"SECRET\"").contains("`secret_env` means nothing")
    );
    assert!(wrong("kind = \"generic\"\nurl = \"http://a\"\nurl_env = \"SECRET\"").contains("keep one of"));
    assert!(
        wrong("kind = \"slack\"\nurl = \"http://a\"\n[[webhook]]\nkind = \"slack\"\nurl = \"http://b\"")
            .contains("two webhooks are named `slack`")
    );
    assert!(webhooks("public_url = \"judged.example\"").unwrap_err().to_string().contains("public_url"));
}

/// Labels of a judge that agrees with people on 200 answers and on none of the 60 after them.
async fn with_a_judge_that_broke(store: &Store) {
    let plan = |number: u64| {
        let mut plan = planned(number, 0, Outcome::Pending, "an answer");
        plan.subject.end = (START_MS as u64 + number * 60_000) * 1_000_000;
        plan
    };
    let plans: Vec<_> = (0..260).map(plan).collect();
    store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
    let scale = Scale::ordinal((1..=5).map(|level| (level, format!("level {level}"))).collect(), Some(4)).unwrap();
    let leased = store.lease_evaluations("default", 1_000, LEASE_MS).await.unwrap();
    let results: Vec<EvaluationResult> = leased
        .iter()
        .map(|leased| EvaluationResult::Final {
            id: leased.id,
            conclusion: Conclusion::Scored { score: Score::of_number(&scale, 5.0).unwrap(), rationale: String::new() },
            call: JudgeCall { model: Some("m-1".into()), ..JudgeCall::default() },
        })
        .collect();
    store.finish_evaluations(&results, &|_| Vec::new()).await.unwrap();
    let labels: Vec<Label> = (0..260)
        .map(|number| Label {
            subject: SubjectId::of_generation(trace_id(number), span_id(number)),
            rubric: "faithfulness".into(),
            annotator: "ann".into(),
            score: Score::of_number(&scale, if number < 200 { 5.0 } else { 1.0 }),
            rationale: None,
            stream: LabelStream::Uniform,
            probability: None,
            labelled_at_ms: START_MS + number as i64 * 60_000,
            via: None,
            instead_of: None,
        })
        .collect();
    store.insert_labels(&labels).await.unwrap();
}

on_both_databases! {
    a_judge_that_breaks_reaches_the_webhook(database) {
        with_a_judge_that_broke(&database.store).await;
        let api = FakeApi::start(|_| (200, json!({}))).await;
        let config: Config = toml::from_str(&format!(
            "rubrics.enabled = [\"faithfulness\"]\n[[alerts.webhook]]\nkind = \"alertmanager\"\nurl = \"{}/prefix/\"",
            api.url
        ))
        .unwrap();
        let lifecycle = Lifecycle::new();
        let roles = [Role::Calibrate, Role::Deliver].into();
        Service::build(config, roles, database.store.clone()).await.unwrap().start(&lifecycle);
        let told = async {
            while api.asked().is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), told).await.expect("somebody is told");
        lifecycle.stop();
        lifecycle.drain(Duration::from_secs(20)).await;

        let asked = api.asked();
        assert_eq!((asked.len(), asked[0].path.as_str()), (1, "/prefix/api/v2/alerts"));
        assert_eq!(asked[0].body[0]["labels"]["rubric"], "faithfulness");
        assert_eq!(asked[0].body[0]["labels"]["kind"], "agreement");
        let alerts = database.store.unresolved_alerts().await.unwrap();
        assert_eq!(alerts.len(), 1);
        let effect = serde_json::to_value(&alerts[0].finding.effect).unwrap();
        assert!(effect["high"].as_f64().unwrap() < 0.0, "{effect}");
        assert_eq!(alerts[0].finding.since_ms, START_MS + 200 * 60_000);
        let kept = database.store.snapshots(0).await.unwrap();
        assert_eq!((kept.len(), kept[0].rubric.as_str()), (1, "faithfulness"));
        let said: serde_json::Value = serde_json::from_str(&kept[0].content).unwrap();
        assert_eq!((said["labels"].as_u64(), said["watch"]["labels"].as_u64()), (Some(260), Some(260)));
        assert_eq!(said["watch"]["baseline_until"], "2026-01-01T03:19:00Z");
        assert_eq!(said["flags"][0]["kind"], "agreement");
        let next = database.another_worker().await;
        assert!(next.take_lead(DUTY, LEASE_MS).await.unwrap(), "a worker that stops lets go");
    }
}

on_both_databases! {
    what_calibration_said_is_kept_when_it_is_new_and_once_a_day(database) {
        let store = &database.store;
        let said = |labels: u8| CalibrationSnapshot {
            rubric: "faithfulness".into(),
            version: 1,
            judge: "default".into(),
            digest: [labels; 32],
            content: format!("{{\"labels\":{labels}}}"),
        };
        let keep = async |labels| store.keep_snapshots(&[said(labels)]).await.unwrap();
        assert_eq!(keep(1).await, 1);
        database.clock.advance(HOUR_MS - 1);
        assert_eq!(keep(2).await, 0, "at most once an hour");
        database.clock.advance(1);
        assert_eq!(keep(1).await, 0, "nothing new");
        assert_eq!(keep(2).await, 1);
        database.clock.advance(24 * HOUR_MS);
        assert_eq!(keep(2).await, 1, "once a day nevertheless");
        let kept: Vec<String> = store.snapshots(0).await.unwrap().into_iter().map(|taken| taken.content).collect();
        assert_eq!(kept, ["{\"labels\":1}", "{\"labels\":2}", "{\"labels\":2}"]);
        assert_eq!(store.snapshots(START_MS + 1).await.unwrap().len(), 2);
    }
}

on_both_databases! {
    alerts_come_a_page_at_a_time(database) {
        let store = &database.store;
        assert!(store.take_lead(DUTY, HOUR_MS).await.unwrap());
        for kind in [DriftKind::Agreement, DriftKind::Judge, DriftKind::Rater] {
            database.clock.advance(1_000);
            look(store, &[finding(kind)]).await;
        }
        let all = store.alerts().await.unwrap();
        let mut paged: Vec<Alert> = Vec::new();
        while paged.len() < all.len() {
            let page = store.alert_page(false, paged.last().map(AlertCursor::after), 2).await.unwrap();
            assert!((1..=2).contains(&page.len()));
            paged.extend(page);
        }
        assert_eq!((all.len(), &paged), (3, &all));
        store.change_alert(all[1].id, &routes(), &|alert| alert.resolved(Some("ada"), START_MS)).await.unwrap();
        let over: Vec<AlertId> = store.alert_page(true, None, 10).await.unwrap().iter().map(|alert| alert.id).collect();
        assert_eq!(over, [all[1].id]);
        let states = store.alert_delivery_states(&all[1..2]).await.unwrap();
        assert_eq!(states.keys().copied().collect::<Vec<_>>(), over);
    }
}
