//! Histories with a known story.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use serde_json::Value;

use super::replay;
use super::*;
use crate::agreement::{Declaration, Label};
use crate::statistics::Estimate;

mod causes;
mod promises;
mod watched;

struct Story {
    rng: Xoshiro256PlusPlus,
    lines: Vec<Line>,
}

impl Story {
    fn new(seed: u64) -> Self {
        Self { rng: Xoshiro256PlusPlus::seed_from_u64(seed), lines: Vec::new() }
    }

    fn chance(&mut self, p: f64) -> bool {
        self.rng.random::<f64>() < p
    }

    /// `number` fresh items on which the judge agrees with probability `agreement`.
    fn labels(&mut self, number: usize, agreement: f64, more: Value) {
        for _ in 0..number {
            let human = self.chance(0.7);
            let judge = if self.chance(agreement) { human } else { !human };
            let time = self.lines.len();
            self.push(
                json!({"time": time, "item_id": time, "human": u8::from(human), "judge": u8::from(judge)}),
                &more,
            );
        }
    }

    /// A hundred anchors, of which each verdict is changed with probability `judge` and each label with `human`.
    fn anchors(&mut self, judge: f64, human: f64, more: Value) {
        for anchor in 0..100 {
            let truth = anchor % 3 != 0;
            let (judge, human) = (truth != self.chance(judge), truth != self.chance(human));
            let time = self.lines.len();
            self.push(
                json!({"time": time, "item_id": format!("anchor {anchor}"), "anchor": true,
                       "human": u8::from(human), "judge": u8::from(judge)}),
                &more,
            );
        }
    }

    /// The judge's verdict on an anchor.
    fn judged(&mut self, anchor: u32, verdict: Value) {
        let time = self.lines.len();
        self.push(
            json!({"time": time, "item_id": format!("anchor {anchor}"), "anchor": true, "judge": verdict}),
            &json!({}),
        );
    }

    fn push(&mut self, mut line: Value, more: &Value) {
        let fields = line.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        self.lines.push(Line::parse(&line.to_string()).unwrap());
    }

    fn report(&self) -> Report<Value> {
        self.report_by(None, &Settings::default())
    }

    fn report_by(&self, scale: Option<&Declaration>, settings: &Settings) -> Report<Value> {
        detect_lines(self.lines.clone(), scale, settings)
    }

    fn flags(&self) -> Vec<Flag<Value>> {
        self.report().flags
    }
}

fn five_levels() -> Declaration {
    Declaration::Ordinal((1..=5).map(|level| Label::Text(level.to_string())).collect())
}

fn kinds(flags: &[Flag<Value>]) -> Vec<Kind> {
    flags.iter().map(|flag| flag.kind).collect()
}

#[test]
fn a_fall_to_a_coin_toss_is_found_within_20_labels_at_the_median() {
    let mut delays: Vec<usize> = (0..100)
        .filter_map(|seed| {
            let mut story = Story::new(seed);
            story.labels(300, 0.9, json!({}));
            story.labels(200, 0.5, json!({}));
            let flags = story.flags();
            let flag = flags.iter().find(|flag| flag.kind == Kind::Agreement)?;
            Some((flag.detected_at.as_u64()? as usize).saturating_sub(299))
        })
        .collect();
    assert_eq!(delays.len(), 100, "every fall is found");
    delays.sort_unstable();
    assert!(delays[50] <= 20, "median {}", delays[50]);
}

/// Years of 20 labels a week after the baseline. At its bound the detector promises no more than one false alarm in
/// 1,000 labels; of a judge at its baseline, 1,000 simulated years had 72 alarms of agreement, 25 others.
#[test]
fn healthy_years_alarm_less_than_promised() {
    let alarms = (0..100)
        .filter(|seed| {
            let mut story = Story::new(10_000 + seed);
            story.labels(1_240, 0.9, json!({}));
            let report = story.report();
            !(report.flags.is_empty() && report.recovered.is_empty())
        })
        .count();
    assert!(alarms <= 25, "{alarms} of 100 healthy years had a flag");
}

#[test]
fn anchors_that_moved_with_the_prompt_accuse_the_prompt() {
    let mut story = Story::new(1);
    let (old, new) =
        (json!({"rubric_version": 1, "judge_model": "m"}), json!({"rubric_version": 2, "judge_model": "m"}));
    story.anchors(0.0, 0.0, old.clone());
    story.labels(250, 0.9, old.clone());
    story.anchors(0.02, 0.0, old);
    story.labels(100, 0.6, new.clone());
    story.anchors(0.4, 0.0, new);
    let flags = story.flags();
    assert!(kinds(&flags).contains(&Kind::Agreement) && kinds(&flags).contains(&Kind::Judge));
    let causes =
        flags.iter().filter(|flag| matches!(flag.kind, Kind::Agreement | Kind::Judge)).map(|flag| flag.attribution);
    assert!(causes.into_iter().all(|cause| cause == Attribution::JudgePrompt));
}

#[test]
fn a_silent_change_of_the_model_is_the_models() {
    let mut story = Story::new(2);
    let same = json!({"rubric_version": 1, "judge_model": "m"});
    story.anchors(0.0, 0.0, same.clone());
    story.labels(250, 0.9, same.clone());
    story.anchors(0.4, 0.0, same);
    let flags = story.flags();
    assert_eq!(kinds(&flags), [Kind::Judge]);
    assert_eq!(flags[0].attribution, Attribution::JudgeModel);
}

#[test]
fn humans_who_relabel_the_anchors_otherwise_are_the_cause() {
    let mut story = Story::new(3);
    story.anchors(0.0, 0.0, json!({}));
    story.labels(250, 0.9, json!({}));
    story.labels(100, 0.6, json!({}));
    story.anchors(0.0, 0.5, json!({}));
    let flags = story.flags();
    let agreement = flags.iter().find(|flag| flag.kind == Kind::Agreement).unwrap();
    assert_eq!(agreement.attribution, Attribution::Raters);
    assert!(kinds(&flags).contains(&Kind::Rater));
}

#[test]
fn one_careless_annotator_is_named() {
    let mut story = Story::new(4);
    for _ in 0..100 {
        story.labels(1, 0.9, json!({"annotator": "ann"}));
        story.labels(1, 0.9, json!({"annotator": "bob"}));
    }
    for _ in 0..120 {
        story.labels(1, 0.9, json!({"annotator": "ann"}));
        story.labels(1, 0.4, json!({"annotator": "bob"}));
    }
    let flags = story.flags();
    let rater = flags.iter().find(|flag| flag.kind == Kind::Rater).unwrap();
    assert_eq!(rater.segment.as_deref(), Some("bob"));
}

#[test]
fn a_harder_mix_is_the_mix_and_not_the_judge() {
    let mut story = Story::new(5);
    let phase = |story: &mut Story, number: usize, hard: f64| {
        for _ in 0..number {
            if story.chance(hard) {
                story.labels(1, 0.6, json!({"segment": "hard"}));
            } else {
                story.labels(1, 0.97, json!({"segment": "easy"}));
            }
        }
    };
    phase(&mut story, 300, 0.1);
    phase(&mut story, 300, 0.9);
    let flags = story.flags();
    let mix = flags.iter().find(|flag| flag.kind == Kind::InputMix).unwrap();
    assert_eq!(mix.attribution, Attribution::InputMix);
    let agreement = flags.iter().find(|flag| flag.kind == Kind::Agreement).unwrap();
    assert_eq!(agreement.attribution, Attribution::InputMix);
}

#[test]
fn quiet_anchors_and_less_agreement_mean_new_content() {
    let mut story = Story::new(6);
    story.anchors(0.0, 0.0, json!({}));
    story.labels(250, 0.9, json!({}));
    story.labels(60, 0.5, json!({}));
    story.anchors(0.02, 0.0, json!({}));
    story.labels(60, 0.5, json!({}));
    let flags = story.flags();
    assert_eq!(flags[0].kind, Kind::Agreement);
    assert_eq!(flags[0].attribution, Attribution::NewContent);
    assert!(flags[0].effect.interval().unwrap().high < 0.0);
}

#[test]
fn a_segment_falls_alone() {
    let mut story = Story::new(7);
    for _ in 0..150 {
        story.labels(1, 0.92, json!({"segment": "a"}));
        story.labels(1, 0.92, json!({"segment": "b"}));
    }
    for _ in 0..150 {
        story.labels(1, 0.92, json!({"segment": "a"}));
        story.labels(1, 0.5, json!({"segment": "b"}));
    }
    let flags = story.flags();
    let segments: Vec<Option<&str>> =
        flags.iter().filter(|flag| flag.kind == Kind::Agreement).map(|flag| flag.segment.as_deref()).collect();
    assert!(segments.contains(&Some("b")) && !segments.contains(&Some("a")), "{segments:?}");
}

#[test]
fn too_few_labels_are_no_baseline() {
    let mut story = Story::new(8);
    story.labels(150, 0.9, json!({}));
    let report = story.report();
    assert_eq!(report.baseline.agreement, Estimate::Undefined(Reason::TooFew));
    assert_eq!(report.baseline.until, None);
    assert!(report.flags.is_empty());
    assert_eq!(Story::new(8).report().labels, 0);
}

#[test]
fn a_fall_within_segments_is_not_put_down_to_a_mix_that_moved_as_well() {
    let mut story = Story::new(5);
    story.anchors(0.0, 0.0, json!({}));
    let (web, app) = (json!({"segments": {"channel": "web"}}), json!({"segments": {"channel": "app"}}));
    story.labels(100, 0.9, web.clone());
    story.labels(100, 0.9, app.clone());
    story.anchors(0.0, 0.0, json!({}));
    for _ in 0..30 {
        story.labels(1, 0.55, web.clone());
        story.labels(5, 0.55, app.clone());
    }
    story.anchors(0.0, 0.0, json!({}));
    let flags = story.flags();
    let fall = flags.iter().find(|flag| flag.kind == Kind::Agreement && flag.segment.is_none()).unwrap();
    assert_eq!(fall.attribution, Attribution::NewContent);
    let mix = flags.iter().find(|flag| flag.kind == Kind::InputMix).unwrap();
    assert!(mix.segment.as_deref().is_some_and(|segment| segment.starts_with("channel=")), "{mix:?}");
}

#[test]
fn a_fall_that_is_made_up_for_is_told_as_recovered_and_a_second_one_is_found_on_its_own() {
    let mut story = Story::new(11);
    for (number, agreement) in [(300, 0.9), (120, 0.5), (400, 0.9), (60, 0.5)] {
        story.labels(number, agreement, json!({}));
    }
    let report = story.report();
    let near = |time: &Value, label: u64| time.as_u64().is_some_and(|time| time.abs_diff(label) <= 15);
    let of_agreement = |one: &&Recovered<Value>| one.flag.kind == Kind::Agreement;
    let over: Vec<&Recovered<Value>> = report.recovered.iter().filter(of_agreement).collect();
    let [recovered] = &over[..] else { panic!("{over:?}") };
    assert!(near(&recovered.flag.since, 300) && near(&recovered.recovery.since, 420), "{recovered:?}");
    assert!(recovered.recovery.effect.value().unwrap() > -0.05);
    let second = report.flags.iter().find(|flag| flag.kind == Kind::Agreement).unwrap();
    assert!(near(&second.since, 820), "{second:?}");
    assert!(second.evidence.statistic >= second.evidence.threshold);
}

#[test]
fn a_fall_of_which_half_is_made_up_for_stands() {
    let mut story = Story::new(12);
    for (number, agreement) in [(300, 0.95), (100, 0.4), (400, 0.8)] {
        story.labels(number, agreement, json!({}));
    }
    let report = story.report();
    assert_eq!(report.flags[0].kind, Kind::Agreement);
    assert!(report.recovered.iter().all(|one| one.flag.kind != Kind::Agreement), "{:?}", report.recovered);
}

#[test]
fn the_segment_that_fell_alone_recovers_alone() {
    let mut story = Story::new(13);
    for (number, agreement) in [(150, 0.92), (100, 0.4), (400, 0.92)] {
        for _ in 0..number {
            story.labels(1, 0.92, json!({"segment": "a"}));
            story.labels(1, agreement, json!({"segment": "b"}));
        }
    }
    let report = story.report();
    let over: Vec<Option<&str>> = report.recovered.iter().map(|one| one.flag.segment.as_deref()).collect();
    assert!(over.contains(&Some("b")) && !over.contains(&Some("a")), "{over:?}");
    assert!(report.flags.is_empty(), "{:?}", report.flags);
}

#[test]
fn a_judge_that_returned_to_its_model_is_not_accused_of_what_comes_later() {
    let mut story = Story::new(14);
    story.anchors(0.0, 0.0, json!({}));
    story.labels(250, 0.9, json!({}));
    story.anchors(0.4, 0.0, json!({}));
    story.labels(100, 0.5, json!({}));
    story.anchors(0.01, 0.0, json!({}));
    story.anchors(0.01, 0.0, json!({}));
    story.labels(400, 0.9, json!({}));
    story.labels(120, 0.5, json!({}));
    story.anchors(0.02, 0.0, json!({}));
    story.labels(60, 0.5, json!({}));
    let report = story.report();
    let causes: Vec<(Kind, Attribution)> =
        report.recovered.iter().map(|one| (one.flag.kind, one.flag.attribution)).collect();
    assert_eq!(causes, [(Kind::Agreement, Attribution::JudgeModel), (Kind::Judge, Attribution::JudgeModel)]);
    assert_eq!((kinds(&report.flags), report.flags[0].attribution), (vec![Kind::Agreement], Attribution::NewContent));
}

#[test]
fn scores_and_mix_that_are_what_they_were_are_back_as_well() {
    let mut story = Story::new(15);
    for (number, hard) in [(300, 0.1), (200, 0.8), (400, 0.1)] {
        for _ in 0..number {
            let part = if story.chance(hard) { "hard" } else { "easy" };
            story.labels(1, 0.9, json!({"segment": part}));
        }
    }
    let report = story.report();
    let over: Vec<(Kind, bool)> = report
        .recovered
        .iter()
        .map(|one| (one.flag.kind, one.recovery.effect.value().is_some_and(|remains| remains.abs() < 0.15)))
        .collect();
    assert_eq!((over, report.flags), (vec![(Kind::InputMix, true)], Vec::new()));
}

#[test]
fn the_course_of_the_evidence_goes_over_its_threshold_and_begins_anew() {
    let mut story = Story::new(11);
    let version = |version: u32| json!({"rubric_version": version, "judge_model": "m"});
    for (number, agreement, of) in [(300, 0.9, 1), (120, 0.5, 2), (400, 0.9, 2)] {
        story.labels(number, agreement, version(of));
    }
    let course = story.report().course.unwrap();
    assert!(course.points.len() <= 200 && course.highest().unwrap().statistic >= course.threshold);
    assert!(course.latest().unwrap() < course.threshold, "it is back");
    let starts: Vec<&Value> = course.series.iter().map(|start| &start.time).collect();
    assert_eq!(starts, [&json!(0), &json!(300)]);
}

#[test]
fn segments_that_fell_with_the_whole_are_back_with_it_unless_they_stay_down() {
    let story = |still: f64| {
        let mut story = Story::new(16);
        for (number, a, b) in [(200, 0.92, 0.92), (30, 0.4, 0.4), (300, 0.96, still)] {
            for _ in 0..number {
                story.labels(9, a, json!({"segment": "a"}));
                story.labels(1, b, json!({"segment": "b"}));
            }
        }
        story.report_by(None, &Settings { baseline: 2_000, ..Settings::default() })
    };
    let of_b = |flag: &Flag<Value>| flag.kind == Kind::Agreement && flag.segment.as_deref() == Some("b");
    let mended = story(0.92);
    assert!(mended.recovered.iter().any(|one| of_b(&one.flag)), "{:?}", mended.recovered);
    assert!(!mended.flags.iter().any(of_b), "{:?}", mended.flags);
    let broken = story(0.4);
    let still = broken.flags.iter().find(|flag| of_b(flag)).unwrap();
    assert!(still.since.as_u64() < Some(2_300), "it stands since it fell: {still:?}");
    assert!(!broken.recovered.iter().any(|one| of_b(&one.flag)), "{:?}", broken.recovered);
}

#[test]
fn a_segment_that_had_fallen_before_the_whole_stands_when_the_whole_is_back() {
    let mut story = Story::new(17);
    for (number, others, rare) in [(120, 0.9, 0.9), (120, 0.95, 0.6), (30, 0.6, 0.6), (100, 0.96, 0.6)] {
        for _ in 0..number {
            story.labels(4, others, json!({"segment": "others"}));
            story.labels(1, rare, json!({"segment": "rare"}));
        }
    }
    let report = story.report();
    let of_rare = |flag: &Flag<Value>| flag.kind == Kind::Agreement && flag.segment.as_deref() == Some("rare");
    let whole = |one: &Recovered<Value>| one.flag.kind == Kind::Agreement && one.flag.segment.is_none();
    assert!(report.recovered.iter().any(whole), "{:?}", report.recovered);
    assert!(!report.recovered.iter().any(|one| of_rare(&one.flag)), "{:?}", report.recovered);
    let rare = report.flags.iter().find(|flag| of_rare(flag)).unwrap();
    assert!(rare.since.as_u64().is_some_and(|since| since.abs_diff(600) < 100), "{rare:?}");
}

#[test]
fn an_attribute_whose_shift_is_over_does_not_hide_the_shift_of_another() {
    let mut story = Story::new(18);
    for (number, english, free) in [(300, 0.5, 0.9), (300, 0.9, 0.9), (600, 0.5, 0.9), (300, 0.5, 0.1)] {
        for _ in 0..number {
            let lang = if story.chance(english) { "en" } else { "de" };
            let (tier, agreement) = if story.chance(free) { ("free", 0.97) } else { ("pro", 0.6) };
            story.labels(1, agreement, json!({"segments": {"lang": lang, "tier": tier}}));
        }
    }
    let report = story.report();
    let of_mix = |flag: &&Flag<Value>| flag.kind == Kind::InputMix;
    let over = report.recovered.iter().map(|one| &one.flag).find(of_mix).unwrap();
    let standing = report.flags.iter().find(of_mix).unwrap();
    assert!(over.segment.as_deref().is_some_and(|segment| segment.starts_with("lang=")), "{over:?}");
    assert!(standing.segment.as_deref().is_some_and(|segment| segment.starts_with("tier=")), "{standing:?}");
    let fall = report.flags.iter().find(|flag| flag.kind == Kind::Agreement && flag.segment.is_none()).unwrap();
    assert_eq!(fall.attribution, Attribution::InputMix, "split by the attribute that moved when it fell");
}

#[test]
fn a_judge_that_moved_in_one_direction_is_not_back_while_nothing_changes() {
    let mut story = Story::new(19);
    for round in 0..9 {
        for anchor in 0..200 {
            let harsher = round > 0 && anchor % 20 == 1;
            story.judged(anchor, json!(u8::from(anchor % 2 == 1 && !harsher)));
        }
    }
    let report = story.report();
    assert_eq!((kinds(&report.flags), report.recovered), (vec![Kind::Judge], Vec::new()));
    assert!(report.flags[0].evidence.guarantee.contains("over all replays"));
}

#[test]
fn a_judge_that_is_a_level_harsher_is_not_back_while_nothing_changes() {
    let mut story = Story::new(20);
    for round in 0..6 {
        for anchor in 0..200 {
            let harsher = round > 0 && anchor % 2 == 0;
            story.judged(anchor, json!(anchor % 4 + 2 - u32::from(harsher)));
        }
    }
    let report = story.report_by(Some(&five_levels()), &Settings::default());
    assert_eq!((kinds(&report.flags), report.recovered), (vec![Kind::Judge], Vec::new()));
}

/// Scenario: a judge says something else of one anchor in five whenever it is asked, in both directions. Guarantee: it is flagged where its
/// noise is not known, and is not where that was measured.
#[test]
fn what_a_judge_always_does_is_no_move_once_its_noise_is_known() {
    let mut story = Story::new(22);
    for round in 0..6 {
        for anchor in 0..200 {
            let flips = round > 0 && (7 * anchor + 13 * round) % 5 == 0;
            story.judged(anchor, json!((anchor + u32::from(flips)) % 2));
        }
    }
    assert_eq!(kinds(&story.flags()), [Kind::Judge]);
    let measured = Settings { judge_noise: 0.2, ..Settings::default() };
    assert_eq!(kinds(&story.report_by(None, &measured).flags), []);
}

#[test]
fn what_is_left_of_a_round_after_a_return_is_tested_at_the_next_level() {
    let mut story = Story::new(21);
    for anchor in 0..400 {
        story.judged(anchor, json!(anchor % 2));
    }
    for anchor in 0..400 {
        let changed = anchor < 100 || (anchor >= 250 && anchor % 10 == 1);
        story.judged(anchor, json!(if changed { 1 - anchor % 2 } else { anchor % 2 }));
    }
    let report = story.report();
    assert_eq!((report.recovered.len(), kinds(&report.flags)), (1, vec![Kind::Judge]));
    let threshold = report.flags[0].evidence.threshold;
    assert!((threshold - replay::LEVEL / 6.0).abs() < 1e-12, "the second test, at {threshold}");
}
