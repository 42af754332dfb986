//! What a fall is put down to, and how large it is said to be.

use super::*;
use crate::drift::causes::Standing;

fn agreement(report: &Report<Value>) -> &Flag<Value> {
    report.flags.iter().find(|flag| flag.kind == Kind::Agreement && flag.segment.is_none()).unwrap()
}

fn standing(flag: &Flag<Value>, cause: Attribution) -> Standing {
    flag.candidates.iter().find(|one| one.cause == cause).unwrap().standing
}

/// Labels that are dealt at random to people.
fn dealt(story: &mut Story, number: usize, agreement: f64, names: &[&str]) {
    for _ in 0..number {
        let name = names[(story.rng.random::<f64>() * names.len() as f64) as usize];
        story.labels(1, agreement, json!({"annotator": name}));
    }
}

#[test]
fn a_fall_that_everybody_shares_accuses_nobody() {
    let accused = (0..60).filter(|seed| {
        let mut story = Story::new(30_000 + seed);
        dealt(&mut story, 300, 0.9, &["ann", "bob", "eve"]);
        dealt(&mut story, 200, 0.65, &["ann", "bob", "eve"]);
        let report = story.report();
        assert_eq!(agreement(&report).attribution, Attribution::Ambiguous);
        report.flags.iter().any(|flag| flag.kind == Kind::Rater)
    });
    assert!(accused.count() <= 1);
}

#[test]
fn a_stricter_newcomer_is_held_against_those_who_were_there() {
    let mut story = Story::new(31);
    dealt(&mut story, 300, 0.92, &["ann", "bob"]);
    for _ in 0..150 {
        dealt(&mut story, 2, 0.92, &["ann", "bob"]);
        dealt(&mut story, 1, 0.4, &["new"]);
    }
    let report = story.report();
    let flag = agreement(&report);
    assert_eq!(flag.attribution, Attribution::Raters, "{:?}", flag.candidates);
    let people = flag.candidates.iter().find(|one| one.cause == Attribution::Raters).unwrap();
    assert!(people.why.contains("new, who is new"), "{}", people.why);
}

#[test]
fn a_silent_change_is_not_put_down_to_a_version_of_long_ago() {
    let mut story = Story::new(32);
    let version = |version: u32| json!({"rubric_version": version, "judge_model": "m"});
    story.anchors(0.0, 0.0, version(1));
    story.labels(250, 0.9, version(1));
    story.anchors(0.02, 0.0, version(2));
    story.labels(250, 0.9, version(2));
    story.anchors(0.02, 0.0, version(2));
    story.labels(60, 0.55, version(2));
    story.anchors(0.4, 0.0, version(2));
    story.labels(60, 0.55, version(2));
    let flags = story.flags();
    let causes: Vec<Attribution> = flags
        .iter()
        .filter(|flag| matches!(flag.kind, Kind::Agreement | Kind::Judge))
        .map(|flag| flag.attribution)
        .collect();
    assert_eq!(causes, [Attribution::JudgeModel; 2]);
}

#[test]
fn people_whom_nobody_asked_again_are_not_excluded() {
    let mut story = Story::new(33);
    story.anchors(0.0, 0.0, json!({}));
    story.labels(300, 0.9, json!({}));
    story.labels(60, 0.6, json!({}));
    for anchor in 0..100 {
        story.judged(anchor, json!(u8::from(anchor % 3 != 0)));
    }
    story.labels(60, 0.6, json!({}));
    let report = story.report();
    let flag = agreement(&report);
    assert_eq!((flag.attribution, flag.pending), (Attribution::Ambiguous, false));
    assert_eq!(standing(flag, Attribution::JudgeModel), Standing::Excluded);
    assert_eq!(standing(flag, Attribution::Raters), Standing::Possible);
    assert_eq!(standing(flag, Attribution::NewContent), Standing::Possible);
    assert!(flag.advice.contains("labelled again"), "{}", flag.advice);
}

#[test]
fn the_cause_is_pending_until_a_round_of_known_items_is_over() {
    let mut story = Story::new(34);
    story.anchors(0.0, 0.0, json!({}));
    story.labels(300, 0.9, json!({}));
    story.labels(60, 0.55, json!({}));
    let before = story.report();
    assert!(agreement(&before).pending && agreement(&before).advice.contains("round"));
    assert_eq!(agreement(&before).attribution, Attribution::Ambiguous);
    story.anchors(0.35, 0.0, json!({}));
    let after = story.report();
    assert_eq!((agreement(&after).pending, agreement(&after).attribution), (false, Attribution::JudgeModel));
}

#[test]
fn without_known_items_nothing_is_awaited() {
    let mut story = Story::new(35);
    story.labels(300, 0.9, json!({}));
    story.labels(60, 0.5, json!({}));
    let report = story.report();
    assert_eq!((agreement(&report).attribution, agreement(&report).pending), (Attribution::Ambiguous, false));
    assert!(agreement(&report).advice.contains("choose anchors"));
}

/// The judge passes 97 % of good answers and fails half of the bad ones, of which there are more since.
#[test]
fn more_bad_answers_under_the_same_judge_are_the_answers() {
    let mut story = Story::new(36);
    let mut answers = |number: usize, good: f64| {
        for _ in 0..number {
            let human = story.chance(good);
            let judge = if human { story.chance(0.97) } else { story.chance(0.5) };
            let time = story.lines.len();
            let line = json!({"time": time, "item_id": time, "human": u8::from(human), "judge": u8::from(judge)});
            story.push(line, &json!({}));
        }
    };
    answers(300, 0.9);
    answers(300, 0.35);
    let report = story.report();
    assert_eq!(agreement(&report).attribution, Attribution::Answers, "{:?}", agreement(&report).candidates);
}

#[test]
fn a_size_is_provisional_until_thirty_labels_have_come_after_the_flag() {
    let mut story = Story::new(37);
    story.labels(300, 0.9, json!({}));
    while story.flags().is_empty() {
        story.labels(1, 0.6, json!({}));
    }
    let report = story.report();
    let first = agreement(&report);
    assert!(first.provisional && first.effect.interval().is_none() && first.effect.value().is_some());
    story.labels(30, 0.6, json!({}));
    let report = story.report();
    assert!(!agreement(&report).provisional && agreement(&report).effect.interval().is_some());
}

/// Bars that a thousand streams meet with room: sizes hold in 95 % of them, dates in 95 %.
#[test]
fn sizes_and_dates_hold_the_truth_as_often_as_they_say() {
    let (mut sizes, mut dates, mut all) = (0, 0, 0);
    for seed in 0..100 {
        let mut story = Story::new(38_000 + seed);
        story.labels(500, 0.9, json!({}));
        story.labels(150, 0.7, json!({}));
        let report = story.report();
        let Some(flag) = report.flags.iter().find(|flag| flag.kind == Kind::Agreement) else { continue };
        if flag.detected_at.as_u64() < Some(500) || flag.provisional {
            continue;
        }
        all += 1;
        sizes += usize::from(flag.effect.interval().is_some_and(|held| (held.low..=held.high).contains(&-0.2)));
        let range = flag.since_range.as_ref().unwrap();
        let held = range.from.as_u64() <= Some(500) && Some(500) <= range.until.as_u64();
        dates += usize::from(held);
    }
    assert!(all >= 80, "{all}");
    assert!(sizes * 100 >= all * 88 && dates * 100 >= all * 88, "{sizes} and {dates} of {all}");
}
