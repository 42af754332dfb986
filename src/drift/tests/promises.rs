//! What is promised of streams that are not made of equal, independent labels.

use super::*;

/// Streams of conversations of five answers, all labelled, one after the other: in a share `c` of answers the judge is
/// right or wrong as the whole conversation goes, so that the intraclass correlation is `c²`.
fn conversations(story: &mut Story, number: usize, agreement: f64, icc: f64) {
    for conversation in 0..number {
        let (common, c) = (story.chance(agreement), icc.sqrt());
        let topic = if story.chance(0.5) { "orders" } else { "returns" };
        let session = format!("{} {conversation}", story.lines.len());
        for _ in 0..5 {
            let agrees = if story.chance(c) { common } else { story.chance(agreement) };
            let more = json!({"session_id": session, "segments": {"topic": topic}});
            story.labels(1, f64::from(u8::from(agrees)), more);
        }
    }
}

/// Streams with anything flagged, now or before.
fn flagged(report: &Report<Value>) -> bool {
    !(report.flags.is_empty() && report.recovered.is_empty())
}

#[test]
fn healthy_conversations_keep_the_promised_rate_of_false_alarms() {
    for icc in [0.2, 0.5] {
        let alarms = (0..100)
            .filter(|seed| {
                let mut story = Story::new(20_000 + seed);
                conversations(&mut story, 240, 0.9, icc);
                flagged(&story.report())
            })
            .count();
        assert!(alarms <= 10, "{alarms} of 100 healthy streams with a correlation of {icc} had a flag in 1,000 labels");
    }
}

#[test]
fn conversations_that_fall_to_a_coin_toss_are_found() {
    for icc in [0.2, 0.5] {
        let found = (0..40).filter(|seed| {
            let mut story = Story::new(21_000 + seed);
            conversations(&mut story, 60, 0.9, icc);
            conversations(&mut story, 60, 0.5, icc);
            story.flags().iter().any(|flag| flag.kind == Kind::Agreement && flag.segment.is_none())
        });
        let found = found.count();
        assert!(found >= 36, "{found} of 40 with a correlation of {icc}");
    }
}

#[test]
fn copies_of_one_answer_are_one_vote() {
    let mut story = Story::new(22);
    for copy in 0..400 {
        story.labels(1, 0.9, json!({"content_digest": format!("answer {}", copy % 40)}));
    }
    assert_eq!(story.report().labels, 40);
}

#[test]
fn one_rare_label_takes_back_nothing() {
    let mut story = Story::new(23);
    story.labels(300, 0.9, json!({}));
    story.labels(60, 0.5, json!({}));
    let before = story.flags();
    assert!(kinds(&before).contains(&Kind::Agreement), "{before:?}");
    story.labels(1, 1.0, json!({"probability": 0.001}));
    let raised = |flags: &[Flag<Value>]| -> Vec<(Kind, Value, f64)> {
        flags.iter().map(|flag| (flag.kind, flag.detected_at.clone(), flag.evidence.statistic)).collect()
    };
    assert_eq!(raised(&story.flags()), raised(&before));
}

/// Whatever comes later, what was raised stands or is over.
#[test]
fn an_alarm_of_a_beginning_is_an_alarm_of_the_whole() {
    let raised = |report: &Report<Value>| -> Vec<(Option<String>, Value)> {
        let over = report.recovered.iter().map(|one| &one.flag);
        let all = over.chain(&report.flags).filter(|flag| flag.kind == Kind::Agreement);
        all.map(|flag| (flag.segment.clone(), flag.detected_at.clone())).collect()
    };
    for seed in 0..10 {
        let mut story = Story::new(24_000 + seed);
        for (number, agreement) in [(250, 0.9), (60, 0.55), (200, 0.9), (60, 0.5)] {
            for _ in 0..number {
                let part = if story.chance(0.4) { "a" } else { "b" };
                let probability = [0.001, 0.1, 0.5, 1.0][(story.rng.random::<f64>() * 4.0) as usize];
                story.labels(1, agreement, json!({"segment": part, "probability": probability}));
            }
        }
        let whole = raised(&story.report());
        for end in (200..story.lines.len()).step_by(30) {
            let beginning = raised(&detect_lines(story.lines[..end].to_vec(), None, &Settings::default()));
            assert!(beginning.iter().all(|alarm| whole.contains(alarm)), "{beginning:?} of {whole:?}");
        }
    }
}

/// From a day on every answer with a thumbs-down is judged, and one in ten of the others as before: the judged answers are
/// harder, the answers are not.
#[test]
fn judging_every_thumbs_down_from_now_on_is_no_fall() {
    let alarms = (0..40)
        .filter(|seed| {
            let mut story = Story::new(25_000 + seed);
            for label in 0..850 {
                let share = if label < 250 { 0.08 } else { 0.08 / (0.08 + 0.92 * 0.1) };
                let is_down = story.chance(share);
                let probability = if is_down && label >= 250 { 1.0 } else { 0.1 };
                let thumbs = if is_down { "down" } else { "none" };
                let more = json!({"inclusion_probability": probability, "segments": {"thumbs": thumbs}});
                story.labels(1, if is_down { 0.5 } else { 0.95 }, more);
            }
            flagged(&story.report())
        })
        .count();
    assert!(alarms <= 3, "{alarms} of 40");
}

/// Ten answers a day; the hard fifth of them is labelled two weeks later than the others.
#[test]
fn hard_answers_that_are_always_labelled_late_are_no_fall() {
    let alarms = (0..60)
        .filter(|seed| {
            let mut story = Story::new(26_000 + seed);
            let mut labels = Vec::new();
            for answer in 0..1_400_i64 {
                let is_hard = story.chance(0.2);
                labels.push((answer + if is_hard { 140 } else { 0 }, answer, is_hard));
            }
            labels.sort_unstable();
            // The labels of the last answers have not come yet.
            labels.retain(|(labelled, _, _)| *labelled < 1_400);
            for (_, answer, is_hard) in labels {
                let observed = jiff::Timestamp::from_second(1_767_225_600 + answer * 8_640).unwrap();
                story.labels(1, if is_hard { 0.55 } else { 0.97 }, json!({"observed_at": observed}));
            }
            story.flags().iter().any(|flag| flag.kind == Kind::Agreement)
        })
        .count();
    assert!(alarms <= 4, "{alarms} of 60 healthy streams");
}

#[test]
fn labels_taken_back_are_new_observations() {
    let mut story = Story::new(27);
    story.labels(300, 0.95, json!({"annotator": "ann"}));
    assert!(story.flags().is_empty());
    let wrong: Vec<Value> =
        (200..300).map(|item| json!({"time": 300, "item_id": item, "annotator": "ann", "human": 2})).collect();
    for line in wrong {
        story.push(line, &json!({}));
    }
    let flags = detect_lines(story.lines.clone(), Some(&five_levels()), &Settings::default()).flags;
    assert!(kinds(&flags).contains(&Kind::Agreement), "{flags:?}");
}
