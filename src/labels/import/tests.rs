use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::labels::ExportedLabel;
use crate::labels::file::{LabelFile, Reading, of_json};
use crate::model::Outcome;
use crate::store::PlannedFrom;
use crate::testing::databases::START_MS;
use crate::testing::on_both_databases;
use crate::testing::records::{planned, span_id, trace_id};

const RUBRIC: &str = "faithfulness";

fn five() -> Scale {
    Scale::ordinal((1..=5).map(|level| (level, String::new())).collect(), Some(4)).unwrap()
}

fn key() -> MacKey {
    MacKey::of_text("key")
}

fn rubrics() -> BTreeMap<String, LabelledRubric> {
    [(RUBRIC.to_owned(), LabelledRubric { subject: SubjectKind::Generation, scale: five() })].into()
}

fn subject(answer: u64) -> SubjectId {
    SubjectId::of_generation(trace_id(answer), span_id(answer))
}

async fn answers(store: &Store, number: u64) {
    let plans: Vec<_> = (0..number).map(|answer| planned(answer, 0, Outcome::Pending, "an answer")).collect();
    store.commit_plan(PlannedFrom::default(), &plans).await.unwrap();
}

fn line(answer: u64, annotator: &str, more: Value) -> Value {
    let mut line = json!({ "trace_id": trace_id(answer).to_string(), "rubric": RUBRIC, "annotator": annotator });
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line
}

async fn imported(store: &Store, via: LabelWay, lines: &[Value]) -> Import {
    let (rubrics, key) = (rubrics(), key());
    let trusts_draws = via == LabelWay::Import;
    let terms = Terms { rubrics: &rubrics, via, key: &key, trusts_draws };
    let entries = || lines.iter().enumerate().map(|(index, line)| of_json(Place::Item(index), line.clone()).0);
    let preview = preview(store, &terms, entries()).await.unwrap();
    let import = import(store, &terms, entries()).await.unwrap();
    let counts = |one: &Import| (one.stored, one.known, one.empty, one.replaced, one.unsealed, one.refused.len());
    assert_eq!(counts(&preview), counts(&import), "a dry run says what an import does");
    import
}

fn counts(import: &Import) -> (u64, u64, u64, usize) {
    (import.stored, import.known, import.replaced, import.refused.len())
}

async fn last_scores(store: &Store, answer: u64) -> Vec<(String, Option<f64>)> {
    let labels = store.labels_of(subject(answer), RUBRIC).await.unwrap();
    labels.into_iter().map(|label| (label.annotator, label.score.and_then(|score| score.number()))).collect()
}

on_both_databases! {
    /// Scenario: a file holds two lines of one person on one answer. Guarantee: the later counts, by its time, else by its line.
    the_later_of_two_lines_of_one_person_counts(database) {
        let store = &database.store;
        answers(store, 3).await;
        let without = [line(0, "ann", json!({"score": 3})), line(0, "ann", json!({"score": 1}))];
        assert_eq!(counts(&imported(store, LabelWay::Import, &without).await), (1, 0, 1, 0));
        assert_eq!(last_scores(store, 0).await, [("ann".to_owned(), Some(1.0))]);

        let at = |hour: u8, score: u8| line(1, "ann", json!({"score": score, "labelled_at": format!("2025-12-31T0{hour}:00:00Z")}));
        let dated = [at(9, 2), at(8, 5), at(9, 4)];
        assert_eq!(counts(&imported(store, LabelWay::Import, &dated).await), (2, 0, 1, 0));
        assert_eq!(last_scores(store, 1).await.last().unwrap().1, Some(4.0), "the later line of the same moment");

        assert_eq!(counts(&imported(store, LabelWay::Import, &dated[1..]).await), (0, 2, 0, 0), "and again");
        let otherwise = imported(store, LabelWay::Import, &[at(9, 1)]).await;
        assert!(matches!(otherwise.refused[0].error, LabelError::SameMoment));
    }
}

on_both_databases! {
    /// Scenario: a file without times is filled in further and imported again. Guarantee: what it says anew is later than all
    /// that the person said before, whatever the clock says.
    a_file_without_times_can_be_imported_again(database) {
        let store = &database.store;
        answers(store, 2).await;
        let tomorrow = line(0, "ann", json!({"score": 3, "labelled_at": "2026-01-01T20:00:00Z"}));
        imported(store, LabelWay::Import, &[tomorrow]).await;
        let lines = [line(0, "ann", json!({"score": "5"})), line(1, "ann", json!({"label": ""}))];
        assert_eq!(imported(store, LabelWay::Import, &lines).await.empty, 1);
        assert_eq!(last_scores(store, 0).await.last().unwrap().1, Some(5.0));
        assert_eq!(counts(&imported(store, LabelWay::Import, &lines[..1]).await), (0, 1, 0, 0));
    }
}

on_both_databases! {
    /// Scenario: a file without times holds two lines of one person on one answer and is imported again and again. Guarantee: the
    /// lower one counts each time.
    a_file_that_contradicts_itself_says_the_same_each_time(database) {
        let store = &database.store;
        answers(store, 1).await;
        let lines = [line(0, "ann", json!({"label": "fail"})), line(0, "ann", json!({"label": "pass"}))];
        assert_eq!(counts(&imported(store, LabelWay::Import, &lines).await), (1, 0, 1, 0));
        for _ in 0..2 {
            database.clock.advance(60_000);
            assert_eq!(counts(&imported(store, LabelWay::Import, &lines).await), (0, 1, 1, 0));
        }
        let labels = store.labels_of(subject(0), RUBRIC).await.unwrap();
        assert_eq!(labels.into_iter().map(|label| label.score).collect::<Vec<_>>(), [Some(Score::Pass(true))]);
    }
}

on_both_databases! {
    /// Scenario: somebody changes a verdict, and the file in which it stood without a time is imported again. Guarantee: the change
    /// stands. A request and a line with a time say it anew.
    a_verdict_that_was_changed_is_not_changed_back_by_its_old_file(database) {
        let store = &database.store;
        answers(store, 1).await;
        let said = |score: u8| [line(0, "ann", json!({"score": score}))];
        for (score, expected) in [(2, (1, 0)), (4, (1, 0)), (2, (0, 1))] {
            database.clock.advance(60_000);
            let import = imported(store, LabelWay::Import, &said(score)).await;
            assert_eq!((import.stored, import.outdated), expected, "{score}");
        }
        assert_eq!(last_scores(store, 0).await.last().unwrap().1, Some(4.0));
        for (via, more) in [(LabelWay::Import, json!({"score": 2, "labelled_at": "2026-01-01T20:00:00Z"})), (LabelWay::Api, json!({"score": 4}))] {
            database.clock.advance(60_000);
            assert_eq!(imported(store, via, &[line(0, "ann", more)]).await.stored, 1);
        }
    }
}

on_both_databases! {
    /// Scenario: retention emptied the reasons of labels, and their file without times is imported again. Guarantee: they are known;
    /// another verdict is new, without its reasons.
    labels_whose_reasons_were_emptied_are_known(database) {
        let store = &database.store;
        answers(store, 1).await;
        let said = |score: u8| [line(0, "ann", json!({"score": score, "rationale": "it invents a fee"}))];
        imported(store, LabelWay::Import, &said(2)).await;
        database.execute("UPDATE subjects SET content = NULL").await;
        database.execute("UPDATE labels SET rationale = NULL").await;
        assert_eq!(counts(&imported(store, LabelWay::Import, &said(2)).await), (0, 1, 0, 0));
        database.clock.advance(60_000);
        for stored in [1, 0] {
            assert_eq!(counts(&imported(store, LabelWay::Import, &said(4)).await), (stored, 1 - stored, 0, 0));
        }
        let labels = store.labels_of(subject(0), RUBRIC).await.unwrap();
        assert_eq!(labels.iter().map(|label| label.rationale.as_deref()).collect::<Vec<_>>(), [None, None]);
    }
}

on_both_databases! {
    /// Scenario: people spell a name in several ways. Guarantee: they are one person, under the name that came first, and it is said.
    spellings_of_a_name_are_one_person(database) {
        let store = &database.store;
        answers(store, 2).await;
        imported(store, LabelWay::Import, &[line(0, "Änne", json!({"score": 3}))]).await;
        let import = imported(store, LabelWay::Import, &[line(1, " ÄNNE", json!({"score": 3}))]).await;
        assert_eq!(import.names, [("ÄNNE".to_owned(), "Änne".to_owned())].into());
        assert_eq!(store.annotators().await.unwrap(), ["Änne"]);
    }
}

on_both_databases! {
    /// Scenario: a line says that its answer was drawn uniformly. Guarantee: over HTTP and from tools nothing is proven by it without
    /// the seal; in a file of the operator's own it is taken on his word, and counted.
    a_draw_is_believed_under_a_seal(database) {
        let store = &database.store;
        answers(store, 5).await;
        let claim = |answer: u64, draw: &str| {
            line(answer, "ann", json!({"score": 3, "stream": "uniform", "probability": 1.0, "draw": draw}))
        };
        let half = Probability::try_from(0.5).unwrap();
        let sealed = |answer: u64| seal::sealed(&key(), RUBRIC, subject(answer), LabelStream::Uniform, half);
        let over_http = imported(store, LabelWay::Api, &[claim(0, ""), claim(1, &sealed(1)), claim(2, &sealed(1))]).await;
        assert_eq!((over_http.stored, over_http.unsealed), (3, 2));
        let of_file = imported(store, LabelWay::Import, &[claim(3, "")]).await;
        assert_eq!((of_file.stored, of_file.unsealed), (1, 1));
        let labels: BTreeMap<SubjectId, Label> =
            store.labels().await.unwrap().into_iter().map(|label| (label.subject, label)).collect();
        let drawn = |answer: u64| (labels[&subject(answer)].stream, labels[&subject(answer)].probability);
        assert_eq!(drawn(1), (LabelStream::Uniform, Some(half)), "the seal says how, not the cell beside it");
        assert_eq!((drawn(0), drawn(2)), ((LabelStream::Unknown, None), (LabelStream::Unknown, None)));
        assert_eq!(drawn(3), (LabelStream::Uniform, Some(Probability::ONE)));
        assert_eq!(labels[&subject(0)].via, Some(LabelWay::Api));
    }
}

on_both_databases! {
    /// Scenario: two people disagree and agree with each other later. Guarantee: the verdict they agreed on is stored with what it
    /// stands instead of; where nobody disagreed there is nothing to settle.
    a_verdict_that_settles_says_instead_of_what(database) {
        let store = &database.store;
        answers(store, 2).await;
        imported(store, LabelWay::Import, &[line(0, "ann", json!({"score": 1})), line(0, "bob", json!({"score": 5}))]).await;
        database.clock.advance(60_000);
        let settled = imported(store, LabelWay::Import, &[line(0, "ann", json!({"score": 4, "adjudicates": true}))]).await;
        assert_eq!(settled.stored, 1);
        let labels = store.labels_of(subject(0), RUBRIC).await.unwrap();
        let said = labels.last().unwrap().instead_of.as_ref().unwrap();
        assert_eq!(said.iter().map(|one| one.annotator.as_str()).collect::<Vec<_>>(), ["ann", "bob"]);
        let nothing = imported(store, LabelWay::Import, &[line(1, "ann", json!({"score": 4, "adjudicates": "yes"}))]).await;
        assert!(matches!(nothing.refused[0].error, LabelError::NothingToSettle));
    }
}

on_both_databases! {
    /// Scenario: two people agree on what one of them had said. Guarantee: that verdict settles it, and is stored once.
    a_verdict_that_settles_may_be_what_one_of_them_said(database) {
        let store = &database.store;
        answers(store, 1).await;
        let at = |annotator: &str, score: u8| line(0, annotator, json!({"score": score, "labelled_at": "2025-12-31T09:00:00Z"}));
        imported(store, LabelWay::Import, &[at("ann", 1), at("bob", 5)]).await;
        let settled = [line(0, "ann", json!({"score": 1, "adjudicates": true}))];
        assert_eq!(counts(&imported(store, LabelWay::Import, &settled).await), (1, 0, 0, 0));
        assert_eq!(counts(&imported(store, LabelWay::Import, &settled).await), (0, 1, 0, 0));
        let labels = store.labels_of(subject(0), RUBRIC).await.unwrap();
        assert_eq!(labels.last().unwrap().instead_of.as_ref().map(Vec::len), Some(2));
        let same_moment = json!({"score": 5, "labelled_at": "2025-12-31T09:00:00Z", "adjudicates": true});
        let refused = imported(store, LabelWay::Import, &[line(0, "bob", same_moment)]).await.refused;
        assert!(matches!(refused[0].error, LabelError::SameMoment));
    }
}

on_both_databases! {
    /// Scenario: more lines than are resolved together, some of them wrong. Guarantee: each is right or wrong by itself.
    many_lines_are_resolved_in_groups(database) {
        let store = &database.store;
        answers(store, 50).await;
        let lines: Vec<Value> = (0..2_500_u64)
            .map(|number| {
                let annotator = format!("p{}", number / 50);
                match number % 50 {
                    0 => line(number % 50, &annotator, json!({"score": 9})),
                    1 => line(1_000_000, &annotator, json!({"score": 3})),
                    2 => line(2, "", json!({"score": 3})),
                    3 => json!({"span_id": span_id(3).to_string(), "rubric": RUBRIC, "annotator": annotator, "pass": true}),
                    answer => line(answer, &annotator, json!({"score": 3})),
                }
            })
            .collect();
        let import = imported(store, LabelWay::Import, &lines).await;
        assert_eq!(counts(&import), (2_350, 0, 0, 150));
        let kinds = |wanted: fn(&LabelError) -> bool| import.refused.iter().filter(|one| wanted(&one.error)).count();
        assert_eq!(kinds(|error| matches!(error, LabelError::OffScale { .. })), 50);
        assert_eq!(kinds(LabelError::is_not_kept), 50);
        assert_eq!(kinds(|error| matches!(error, LabelError::Annotator(_) | LabelError::Missing("annotator"))), 50);
        assert_eq!(imported(store, LabelWay::Import, &lines).await.known, 2_350);
    }
}

fn scales() -> Vec<Scale> {
    let labels = || ["polite", "pass", "rude"].map(|label| (label.to_owned(), String::new())).to_vec();
    vec![
        Scale::Binary { pass: "it is grounded".into(), fail: "it is not".into() },
        five(),
        Scale::ordinal(vec![(-1, "bad".into()), (0, "so".into()), (1, "good".into())], None).unwrap(),
        Scale::numeric(-10.0, 10.0, Some(0.5), String::new()).unwrap(),
        Scale::categorical(labels(), vec!["polite".into()]).unwrap(),
        Scale::categorical(labels(), vec![]).unwrap(),
    ]
}

/// What can be said on a scale: a number in hundredths, the name of a category, a side; else nothing.
fn score(scale: &Scale, kind: u8, number: i32) -> Option<Score> {
    let categories = ["polite", "pass", "rude"];
    match kind {
        0 => Score::of_number(scale, f64::from(number) / 100.0)
            .or_else(|| Score::of_number(scale, f64::from(number % 6))),
        1 => Score::of_label(scale, categories[number.unsigned_abs() as usize % 3]),
        _ => Score::of_pass(scale, number % 2 == 0),
    }
}

proptest! {
    /// Scenario: any label of any scale is exported. Guarantee: the line that is written reads back as that label.
    #[test]
    fn what_is_exported_is_what_is_imported(
        scale in 0..6_usize,
        (kind, number) in (0..3_u8, -1_000..1_000_i32),
        annotator in "[a-zäÄ@. -]{1,12}",
        rationale in proptest::option::of("[ a-z=+'\"\n;,ü]{1,12}"),
        at_ms in 0..START_MS,
        is_adjudicated in any::<bool>(),
        probability in proptest::option::of(0.0..1.0_f64),
    ) {
        prop_assume!(!annotator.trim().is_empty());
        let scale = &scales()[scale];
        let of_seal = probability.map(|number| Probability::try_from((number * 1e6).round() / 1e6).unwrap());
        let said = Replaced { annotator: "bob".into(), score: Some(Score::Pass(number % 2 == 0)), labelled_at_ms: 7 };
        let label = Label {
            subject: subject(1),
            rubric: RUBRIC.into(),
            annotator: annotator.trim().to_owned(),
            score: score(scale, kind, number),
            rationale: rationale.filter(|text| !text.trim().is_empty()),
            stream: if of_seal.is_some() { LabelStream::Targeted } else { LabelStream::Unknown },
            probability: of_seal,
            labelled_at_ms: at_ms,
            via: Some(LabelWay::Page),
            instead_of: is_adjudicated.then(|| vec![said]),
        };
        let text = serde_json::to_string(&ExportedLabel::of(&label, at_ms + 1, &key())).unwrap();
        let mut file = LabelFile::open(text.into_bytes(), &Reading::default()).unwrap();
        let line = file.next().unwrap().line.unwrap();
        prop_assert_eq!(file.passed_over(), Vec::<String>::new());
        prop_assert_eq!(verdict::of(scale, RUBRIC, &line).unwrap(), label.score);
        prop_assert_eq!(line.subject_id, Some(label.subject));
        prop_assert_eq!(line.annotator.as_deref(), Some(label.annotator.as_str()));
        prop_assert_eq!(&line.rationale, &label.rationale);
        prop_assert_eq!(line.labelled_at.map(jiff::Timestamp::as_millisecond), Some(at_ms));
        prop_assert_eq!(line.first_seen_at.map(jiff::Timestamp::as_millisecond), Some(at_ms + 1));
        prop_assert_eq!((line.stream, line.probability), (Some(label.stream), of_seal));
        let drawn = line.draw.as_deref().and_then(|draw| seal::opened(&key(), RUBRIC, label.subject, draw));
        prop_assert_eq!(drawn, of_seal.map(|probability| (LabelStream::Targeted, probability)));
        prop_assert_eq!((line.adjudicates, &line.instead_of), (is_adjudicated, &label.instead_of));
    }
}
