//! The watch on the store: in the order in which judged first saw labels, and the same however often it looks.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::drift::Kind;
use crate::drift::watch::{ScaleOf, keep, read};
use crate::labels::file::{LabelFile, Reading};
use crate::labels::{ExportedLabel, LabelledRubric, Terms, import};
use crate::model::{Label, LabelStream, LabelWay, Outcome, Probability, Scale, Score, SubjectId, SubjectKind};
use crate::secrets::MacKey;
use crate::store::{AnchorReplay, Conclusion, EvaluationResult, JudgeCall, KeptWatch, PlannedFrom, Store};
use crate::testing::databases::{Database, START_MS};
use crate::testing::on_both_databases;
use crate::testing::records::{planned, span_id, trace_id};

const DUTY: &str = "calibration";
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
const RUBRIC: &str = "faithfulness";
const JUDGE: &str = "default";

fn scale() -> Scale {
    Scale::Binary { pass: String::new(), fail: String::new() }
}

fn subject(answer: u64) -> SubjectId {
    SubjectId::of_generation(trace_id(answer), span_id(answer))
}

/// Answers that the judge passes; revision after revision.
async fn judged(store: &Store, answers: std::ops::Range<u64>, revision: u32) {
    let plan = |answer: u64| {
        let mut plan = planned(answer, revision, Outcome::Pending, "an answer");
        plan.subject.end = (START_MS as u64 + answer * 60_000) * 1_000_000;
        plan
    };
    let plans: Vec<_> = answers.map(plan).collect();
    store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
    finished(store, 0).await;
}

/// What waits is judged: the first `failed` fail.
async fn finished(store: &Store, failed: usize) {
    let leased = store.lease_evaluations(JUDGE, 10_000, MINUTE_MS).await.unwrap();
    let result = |(index, id)| EvaluationResult::Final {
        id,
        conclusion: Conclusion::Scored {
            score: Score::of_pass(&scale(), index >= failed).unwrap(),
            rationale: String::new(),
        },
        call: JudgeCall { model: Some("m-1".into()), ..JudgeCall::default() },
    };
    let results: Vec<EvaluationResult> = leased.iter().map(|leased| leased.id).enumerate().map(result).collect();
    store.finish_evaluations(&results, &|_| Vec::new()).await.unwrap();
}

/// A label that agrees with the judge or not.
fn label(answer: u64, agrees: bool, labelled_at_ms: i64) -> Label {
    Label {
        subject: subject(answer),
        rubric: RUBRIC.into(),
        annotator: "ann".into(),
        score: Score::of_pass(&scale(), agrees),
        rationale: None,
        stream: LabelStream::Uniform,
        probability: None,
        labelled_at_ms,
        via: Some(LabelWay::Import),
        instead_of: None,
    }
}

async fn looked(store: &Store) -> KeptWatch {
    let scale = scale();
    let scales = [ScaleOf { rubric: RUBRIC, version: 1, scale: &scale }];
    assert!(store.take_lead(DUTY, MINUTE_MS).await.unwrap());
    keep(store, &scales, &[], DUTY).await.unwrap();
    store.kept_watch(RUBRIC, JUDGE).await.unwrap().unwrap()
}

async fn report(store: &Store) -> crate::drift::Report {
    let scale = scale();
    let scales = [ScaleOf { rubric: RUBRIC, version: 1, scale: &scale }];
    read(store, &scales, &[]).await.unwrap().remove(0).report
}

/// Labels in some order with gaps between them, corrections of earlier ones among them.
fn story(seed: u64) -> Vec<Vec<Label>> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut batches = vec![Vec::new()];
    for answer in 0..420_u64 {
        let agreement = if answer < 260 { 0.95 } else { 0.4 };
        let at_ms = START_MS + (rng.random::<f64>() * 1e9) as i64;
        let known = rng.random_range(0..=answer);
        let said = if rng.random::<f64>() < 0.05 { known } else { answer };
        batches.last_mut().unwrap().push(label(said, rng.random::<f64>() < agreement, at_ms));
        if rng.random::<f64>() < 0.1 {
            batches.push(Vec::new());
        }
    }
    batches
}

on_both_databases! {
    /// However often it looked, whoever was killed before they kept what they saw: it is what one look sees.
    a_watch_that_looked_often_says_what_one_that_looks_once_says(database) {
        let store = &database.store;
        judged(store, 0..420, 0).await;
        for (place, labels) in story(1).into_iter().enumerate() {
            database.clock.advance(MINUTE_MS);
            store.insert_labels(&labels).await.unwrap();
            match place % 3 {
                0 => drop(looked(store).await),
                1 => drop(report(store).await),
                _ => {}
            }
        }
        let often = looked(store).await;
        assert!(!report(store).await.flags.is_empty());
        database.execute("DELETE FROM drift_watches").await;
        assert_eq!(looked(store).await, often, "from the log");
        database.execute("DELETE FROM drift_watches").await;
        database.execute("DELETE FROM drift_log").await;
        assert_eq!(looked(store).await, often, "from the labels");
    }
}

on_both_databases! {
    /// Scenario: an anchor is among the answers that were judged twice to tell the judge's noise. Guarantee: from 100 of them on what
    /// changes is held against that noise, and they are no rounds of anchors.
    noise_is_what_was_measured_once_there_is_enough_of_it(database) {
        let store = &database.store;
        judged(store, 0..100, 0).await;
        store.insert_labels(&[label(0, true, START_MS)]).await.unwrap();
        store.add_anchors(RUBRIC, &[subject(0)]).await.unwrap();
        assert!(!looked(store).await.scale.contains("noise"));
        let replay = |answer| AnchorReplay {
            subject: subject(answer),
            rubric: RUBRIC.into(),
            version: 1,
            judge: JUDGE.into(),
            round: "repeat 2026-01-01T00:00:00Z".into(),
            probability: Probability::ONE,
        };
        let replays: Vec<AnchorReplay> = (0..100).map(replay).collect();
        store.plan_replays(&replays, i64::MAX).await.unwrap();
        finished(store, 20).await;
        let seen = store.drift_log(RUBRIC, JUDGE).await.unwrap().len();
        let kept = looked(store).await;
        assert!(kept.scale.ends_with(", noise 0.2000"), "{}", kept.scale);
        assert_eq!((store.drift_log(RUBRIC, JUDGE).await.unwrap().len(), store.unseen(RUBRIC, JUDGE).await.unwrap().len()), (seen, 0));
    }
}

on_both_databases! {
    nothing_is_written_without_the_duty(database) {
        let (store, other) = (&database.store, database.another_worker().await);
        judged(store, 0..10, 0).await;
        store.insert_labels(&[label(0, true, START_MS)]).await.unwrap();
        assert!(other.take_lead(DUTY, MINUTE_MS).await.unwrap());
        let scale = scale();
        let scales = [ScaleOf { rubric: RUBRIC, version: 1, scale: &scale }];
        keep(store, &scales, &[], DUTY).await.unwrap();
        assert_eq!(store.kept_watch(RUBRIC, JUDGE).await.unwrap(), None);
        assert!(store.drift_log(RUBRIC, JUDGE).await.unwrap().is_empty());
        assert_eq!(report(store).await.labels, 1, "it is read all the same");
    }
}

on_both_databases! {
    a_label_that_comes_a_year_late_is_the_newest_evidence(database) {
        let store = &database.store;
        judged(store, 0..400, 0).await;
        let early: Vec<Label> = (100..400).map(|answer| label(answer, answer % 10 != 0, START_MS)).collect();
        store.insert_labels(&early).await.unwrap();
        let before = looked(store).await;
        database.clock.advance(365 * DAY_MS);
        let late: Vec<Label> = (0..60).map(|answer| label(answer, false, START_MS - DAY_MS)).collect();
        store.insert_labels(&late).await.unwrap();
        let after = looked(store).await;
        assert_eq!((before.position, after.position), (300, 360));
        let report = report(store).await;
        let flag = report.flags.iter().find(|flag| flag.kind == Kind::Agreement).unwrap();
        let newest_ms = START_MS + 399 * MINUTE_MS;
        assert_eq!(flag.detected_at.0, newest_ms, "dated by the scores, and nothing rewinds");
    }
}

on_both_databases! {
    what_was_seen_of_a_score_stays_when_it_is_superseded(database) {
        let store = &database.store;
        judged(store, 0..300, 0).await;
        let labels: Vec<Label> = (0..300).map(|answer| label(answer, answer % 10 != 0, START_MS)).collect();
        store.insert_labels(&labels).await.unwrap();
        let before = looked(store).await;
        database.clock.advance(MINUTE_MS);
        judged(store, 0..150, 1).await;
        assert_eq!(looked(store).await, before);
        database.execute("DELETE FROM drift_watches").await;
        assert_eq!(looked(store).await, before, "a recomputation sees what was seen");
    }
}

on_both_databases! {
    a_watch_outlives_the_version_that_its_labels_were_given_for(database) {
        let store = &database.store;
        judged(store, 0..250, 0).await;
        let labels: Vec<Label> = (0..250).map(|answer| label(answer, true, START_MS)).collect();
        store.insert_labels(&labels).await.unwrap();
        looked(store).await;
        let scale = scale();
        let newer = [ScaleOf { rubric: RUBRIC, version: 7, scale: &scale }];
        assert_eq!(read(store, &newer, &[]).await.unwrap()[0].report.labels, 250);
    }
}

on_both_databases! {
    alarms_of_an_earlier_algorithm_stand_with_its_number(database) {
        let store = &database.store;
        judged(store, 0..300, 0).await;
        let labels: Vec<Label> = (0..300).map(|answer| label(answer, answer % 10 != 0, START_MS)).collect();
        store.insert_labels(&labels).await.unwrap();
        looked(store).await;
        // What an earlier algorithm might have said of the same labels.
        let raised = r#"{"kind":"agreement","segment":null,"since":"2026-01-01T02:00:00Z","detected_at":"2026-01-01T04:00:00Z",
            "labels_to_detection":20,"effect":{"value":-0.2,"low":-0.3,"high":-0.1},
            "evidence":{"statistic":2000.0,"threshold":1000.0,"guarantee":""},"attribution":"ambiguous","advice":"look","algorithm":1}"#;
        let mut said: serde_json::Value = serde_json::from_str(&looked(store).await.said).unwrap();
        said["report"]["flags"] = serde_json::json!([serde_json::from_str::<serde_json::Value>(raised).unwrap()]);
        let earlier = KeptWatch::of(1, 300, String::new(), &said).unwrap();
        assert!(store.keep_watch((RUBRIC, JUDGE), 300, &[], &earlier, DUTY).await.unwrap());
        looked(store).await;
        let flags = report(store).await.flags;
        assert_eq!(flags.iter().map(|flag| flag.algorithm).collect::<Vec<_>>(), [1]);
    }
}

on_both_databases! {
    labels_keep_the_order_in_which_they_were_first_seen_in_another_database(database) {
        let store = &database.store;
        judged(store, 0..4, 0).await;
        for answer in [3, 1, 2] {
            database.clock.advance(MINUTE_MS);
            store.insert_labels(&[label(answer, true, START_MS)]).await.unwrap();
        }
        let seen = store.labels_as_seen().await.unwrap();
        let key = MacKey::of_text("key");
        let exported: Vec<String> = seen
            .iter()
            .map(|(label, first_seen_ms)| serde_json::to_string(&ExportedLabel::of(label, *first_seen_ms, &key)).unwrap())
            .collect();
        let rubric = LabelledRubric { subject: SubjectKind::Generation, scale: scale() };
        let rubrics = std::collections::BTreeMap::from([(RUBRIC.to_owned(), rubric)]);
        let opened =
            |lines: &[String]| LabelFile::open(lines.join("\n").into_bytes(), &Reading::default()).unwrap();
        let lines = || opened(&exported);
        let terms = Terms { rubrics: &rubrics, via: LabelWay::Import, key: &key, trusts_draws: true };
        let other = Database::sqlite().await;
        judged(&other.store, 0..4, 0).await;
        other.clock.advance(DAY_MS);
        let (first, second) = exported.split_at(2);
        for file in [second, first] {
            import(&other.store, &terms, opened(file)).await.unwrap();
        }
        assert_eq!(other.store.labels_as_seen().await.unwrap(), seen, "from several files too");

        let early = Database::sqlite().await;
        judged(&early.store, 0..4, 0).await;
        let refused = import(&early.store, &terms, lines()).await.unwrap().refused;
        assert_eq!(refused.len(), 3, "nothing was seen before it happened");

        let used = Database::sqlite().await;
        judged(&used.store, 0..4, 0).await;
        used.clock.advance(DAY_MS);
        used.store.insert_labels(&[label(0, true, START_MS)]).await.unwrap();
        import(&used.store, &terms, lines()).await.unwrap();
        let found = used.store.labels_as_seen().await.unwrap();
        assert!(found.iter().skip(1).all(|(_, seen_ms)| *seen_ms == START_MS + DAY_MS + 1), "it has seen them now: {found:?}");
    }
}

on_both_databases! {
    labels_of_one_import_count_by_time_then_by_line_and_a_clock_put_back_changes_no_order(database) {
        let store = &database.store;
        judged(store, 0..6, 0).await;
        database.clock.advance(DAY_MS);
        store.insert_labels(&[label(5, true, START_MS)]).await.unwrap();
        database.clock.advance(-DAY_MS);
        let later = START_MS + MINUTE_MS;
        store
            .insert_labels(&[label(4, true, later), label(3, true, START_MS), label(1, true, START_MS), label(2, true, START_MS)])
            .await
            .unwrap();
        let order: Vec<SubjectId> = store.labels_as_seen().await.unwrap().into_iter().map(|(label, _)| label.subject).collect();
        assert_eq!(order, [5, 3, 1, 2, 4].map(subject));
    }
}
