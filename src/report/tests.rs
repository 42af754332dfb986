//! The report over ten days of a support assistant, read from the store.

use crate::cells::SeriesKey;
use crate::drift;
use crate::model::{Label, LabelStream, Moment, Probability, Revisions};
use crate::report::{Flag, ReportData, ReportInput, ReportOptions, Traffic, Verdict, html, json, markdown};
use crate::statistics::{Estimate, Interval};
use crate::store::SeriesScore;
use tokio::sync::OnceCell;

use crate::testing::databases::Database;
use crate::testing::evaluated::{rubric_facts, ten_days};
use crate::testing::markup::{assert_self_contained, assert_well_formed};

/// The ten days, read once for all tests.
async fn input() -> ReportInput {
    static INPUT: OnceCell<ReportInput> = OnceCell::const_new();
    INPUT.get_or_init(|| async { read(&Database::sqlite().await).await }).await.clone()
}

async fn read(database: &Database) -> ReportInput {
    ten_days(database).await;
    let read = ReportInput::read(&database.store, rubric_facts(), Vec::new(), ReportOptions::default()).await;
    under_one_revision(read.unwrap())
}

/// As of the first revision, so that reports stay the same when a release raises one.
fn under_one_revision(mut input: ReportInput) -> ReportInput {
    for evaluation in &mut input.scored {
        evaluation.revisions = Revisions::FIRST;
    }
    for course in input.drift_watches.iter_mut().filter_map(|watched| watched.report.course.as_mut()) {
        for start in &mut course.series {
            start.series.revision = Some(Revisions::FIRST.to_string().into());
        }
    }
    let traffic = std::mem::take(&mut input.traffic.0).into_iter();
    input.traffic.0 = traffic
        .map(|(key, traffic)| (SeriesKey { revisions: key.revisions.map(|_| Revisions::FIRST), ..key }, traffic))
        .collect();
    for watched in input.watched.values_mut() {
        watched.series.revisions = Revisions::FIRST;
    }
    for count in &mut input.outcomes {
        count.revisions = count.revisions.map(|_| Revisions::FIRST);
    }
    input
}

/// Only one rubric: quicker, and small enough to be read.
fn only(mut input: ReportInput, rubric: &str) -> ReportInput {
    input.scored.retain(|evaluation| evaluation.rubric == rubric);
    input.traffic.0.retain(|key, _| key.rubric == rubric);
    input.watched.retain(|name, _| name == rubric);
    input.outcomes.retain(|count| count.rubric == rubric);
    input.labels.retain(|label| label.rubric == rubric);
    input
}

/// Where the rendered twins are left for a look.
fn keep(name: &str, text: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tmp");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn the_twins_of_one_report() {
    let report = ReportData::build(&input().await);
    let page = html::render(&report).unwrap();
    let text = markdown::render(&report);
    keep("report.html", &page);
    keep("report.md", &text);
    keep("report.json", &json::render(&report).unwrap());
    assert!(assert_well_formed(&page) > 500);
    assert_self_contained(&page);
    insta::assert_snapshot!("report.md", text);
    let verdicts: Vec<(&str, Verdict)> =
        report.rubrics.iter().map(|rubric| (rubric.name.as_str(), rubric.verdict.verdict)).collect();
    assert_eq!(
        verdicts,
        [
            ("faithfulness", Verdict::DoNotTrust),
            ("harmfulness", Verdict::TooFewLabels),
            ("answer_relevance", Verdict::Trust)
        ]
    );
}

#[tokio::test]
async fn the_json_twin_is_stable() {
    let report = ReportData::build(&only(input().await, "harmfulness"));
    insta::assert_snapshot!("report.json", json::render(&report).unwrap());
}

#[tokio::test]
async fn scores_of_two_revisions_are_two_series_with_a_break_in_the_chart() {
    let mut input = only(input().await, "harmfulness");
    let reread = Revisions { reading: 2, ..Revisions::FIRST };
    let half = input.scored.len() / 2;
    for evaluation in &mut input.scored[half..] {
        evaluation.revisions = reread;
    }
    input.traffic = Traffic::of_rows(&input.scored);
    let report = ReportData::build(&input);
    let own = report.rubrics[0].series.iter().filter(|series| !series.baseline && series.scored > 0);
    // The judge changed its model too, so that the first revision has two series.
    let revisions: Vec<Revisions> = own.map(|series| series.revisions).collect();
    assert_eq!(revisions, [reread, Revisions::FIRST, Revisions::FIRST]);
    let told: u64 = report.rubrics[0].series.iter().flat_map(|series| series.outcomes.values()).sum();
    assert_eq!(told, input.outcomes.iter().map(|count| count.count).sum::<u64>(), "each outcome is told once");
    let page = html::render(&report).unwrap();
    assert!(page.contains("class=\"break\"") && page.contains(", revision 2.1"));
}

#[tokio::test]
async fn the_same_rows_give_the_same_report() {
    let sqlite = only(read(&Database::sqlite().await).await, "harmfulness");
    let postgres = only(read(&Database::postgres().await).await, "harmfulness");
    let render = |input: &ReportInput| json::render(&ReportData::build(input)).unwrap();
    assert_eq!(render(&sqlite), render(&sqlite));
    assert_eq!(render(&sqlite), render(&postgres));
}

#[tokio::test]
async fn an_empty_store_has_an_honest_report() {
    let database = Database::sqlite().await;
    let input = ReportInput::read(&database.store, Vec::new(), Vec::new(), ReportOptions::default()).await.unwrap();
    let report = ReportData::build(&input);
    let page = html::render(&report).unwrap();
    assert_well_formed(&page);
    assert!(page.contains("Nothing has been judged yet."));
    assert!(markdown::render(&report).contains("Nothing has been judged yet."));
    assert_eq!(report.generated_at, None);
}

#[tokio::test]
async fn labels_of_unknown_selection_prove_nothing_of_the_others() {
    let mut input = only(input().await, "answer_relevance");
    for label in &mut input.labels {
        label.stream = LabelStream::Unknown;
        label.probability = None;
    }
    let report = ReportData::build(&input);
    let rubric = &report.rubrics[0];
    assert_eq!(rubric.verdict.verdict, Verdict::TooFewLabels);
    let series = &rubric.series[rubric.current.unwrap()];
    assert_eq!(series.agreement.items, 0);
    assert!(series.agreement_unknown.as_ref().unwrap().items > 100);
    assert_eq!(series.quality.labels, 0);
}

#[tokio::test]
async fn who_could_not_judge_is_not_a_verdict() {
    let mut input = only(input().await, "harmfulness");
    let before = ReportData::build(&input).rubrics[0].series[0].agreement.items;
    let skipped: Vec<Label> = input
        .labels
        .iter()
        .map(|label| Label {
            annotator: "carol".into(),
            score: None,
            labelled_at_ms: label.labelled_at_ms + 1,
            via: None,
            instead_of: None,
            ..label.clone()
        })
        .collect();
    let number = skipped.len() as u64;
    input.labels.extend(skipped);
    let report = ReportData::build(&input);
    assert_eq!(report.rubrics[0].series[0].agreement.items, before);
    assert_eq!(report.labels.abstained, number);
    assert!(!report.labels.annotators.contains_key("carol"));
}

#[tokio::test]
async fn answers_of_a_segment_that_got_worse_are_flagged_and_the_judge_stays_as_it_was() {
    let mut input = only(input().await, "answer_relevance");
    let before = ReportData::build(&input).rubrics[0].verdict.verdict;
    let watched = input.watched.get_mut("answer_relevance").unwrap();
    let (judge, last) = (watched.series.judge.clone(), watched.scores.last().unwrap().clone());
    // Two segments by turns; every other answer on returns is bad from some day on.
    watched.scores = (0..3_000)
        .map(|number| {
            let intent = if number % 2 == 0 { "returns" } else { "orders" };
            let bad = if intent == "returns" && number >= 2_000 { number % 4 == 0 } else { number % 20 < 2 };
            SeriesScore {
                value: if bad { 0.0 } else { 1.0 },
                inclusion_probability: Probability::try_from(0.2).unwrap(),
                observed_at_ms: last.observed_at_ms + number * 60_000,
                segments: [("intent".to_owned(), intent.to_owned())].into(),
                ..last.clone()
            }
        })
        .collect();
    let report = ReportData::build(&input);
    let flag = report.drift.flags.iter().find(|flag| flag.flag.kind == drift::Kind::Quality).unwrap();
    let seen = std::iter::once(&flag.flag).chain(&flag.also).find(|flag| flag.segment.is_some()).unwrap();
    assert_eq!(seen.segment.as_deref(), Some("intent=returns"));
    assert_eq!(flag.judge.as_deref(), Some(judge.as_str()));
    assert_eq!(report.rubrics[0].verdict.verdict, before);
    let page = html::render(&report).unwrap();
    assert_well_formed(&page);
    assert!(page.contains("quality of answer_relevance"), "the page names it");
    assert!(markdown::render(&report).contains("quality"));
}

#[tokio::test]
async fn a_flag_is_shown_and_outweighs_the_labels() {
    let mut input = only(input().await, "answer_relevance");
    let moment = |time: &str| Moment::from(time.parse::<jiff::Timestamp>().unwrap());
    let flag = drift::Flag {
        kind: drift::Kind::Agreement,
        segment: Some("intent=returns".into()),
        since: moment("2026-01-07T00:00:00Z"),
        detected_at: moment("2026-01-09T00:00:00Z"),
        labels_to_detection: 16,
        effect: Estimate::Interval(-0.2, Interval { low: -0.3, high: -0.1 }),
        evidence: drift::Strength {
            statistic: 1200.0,
            threshold: 1000.0,
            guarantee: "one false alarm in 1,000".into(),
        },
        attribution: drift::Attribution::JudgeModel,
        advice: "Replay the anchors.".into(),
        algorithm: drift::ALGORITHM,
        since_range: None,
        provisional: false,
        pending: false,
        candidates: Vec::new(),
    };
    input.drift = vec![Flag { rubric: Some("answer_relevance".into()), judge: None, flag, also: Vec::new() }];
    let report = ReportData::build(&input);
    assert_eq!(report.rubrics[0].verdict.verdict, Verdict::DoNotTrust);
    let page = html::render(&report).unwrap();
    assert_well_formed(&page);
    assert!(page.contains("Replay the anchors."));
    assert!(markdown::render(&report).contains("Replay the anchors."));
}

/// Scenario: nothing of the traffic is summed up in a way that this release knows. Guarantee: labelled answers are not told as
/// the traffic, agreement and the watch on answers stand, and the report says what is missing.
#[tokio::test]
async fn labelled_answers_are_not_told_as_the_traffic() {
    let database = Database::sqlite().await;
    ten_days(&database).await;
    database.execute("UPDATE cell_state SET algorithm = 1000").await;
    let input = ReportInput::read(&database.store, rubric_facts(), Vec::new(), ReportOptions::default()).await.unwrap();
    assert!(!input.watched.is_empty());
    let report = ReportData::build(&input);
    let series = || report.rubrics.iter().flat_map(|rubric| &rubric.series);
    assert!(series().count() > 2 && series().all(|series| series.scored == 0 && series.mean_value.value().is_none()));
    assert!(series().any(|series| series.agreement.raw_agreement().interval().is_some()));
    assert!(series().all(|series| series.quality.method == crate::statistics::ppi::Method::LabelsOnly));
    assert!(report.complete_since.is_some());
    assert!(
        report.actions.iter().any(|action| action.text.contains("A newer release of judged")),
        "{:?}",
        report.actions
    );
}
