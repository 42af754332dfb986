//! Have the answers got worse, in all and in each segment? The judge's scores against the segment's own past.
//!
//! A score enters as its value in [0, 1] (binary: pass or fail), drawn with a recorded probability `p`. Each bet multiplies
//! its capital by
//!
//! ```text
//! 1 + L u (m - x),   u = min(1, c / p)
//! ```
//!
//! where `u` is the inverse probability as a fraction of its largest usual value. Over a population of which each
//! item is drawn with probability `p`, the expected surprise is `c (m - mean)`: not positive as long as the mean of
//! the population, not of the drawn sample, is at least `m`; and `u` in (0, 1] keeps every bet solvent. So the weighted stream
//! is as valid as an unweighted one, without asymptotics (betting with importance weights: Waudby-Smith, Wu, Ramdas,
//! Karampatziakis and Mineiro 2022; e-detectors: Shin, Ramdas and Rinaldo 2024). A small `c` costs power, not validity.
//!
//! `c` is known before the bet: all but 2 % of the 200 draws before were likelier. What is rarer is taken for as rare as that:
//! one answer drawn once in ten thousand times would otherwise leave the others no weight.
//!
//! A segment's baseline is its own first scores, which must stand among the first of the series, so that what has fallen for
//! long never becomes the baseline; a segment with too few of them is watched only as part of the whole. Segments are compared
//! by e-BH on their current evidence.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::baseline::Baseline;
use super::recovery::Back;
use super::report::{ALGORITHM, Dates, Flag, Recovered, Recovery, Report, Strength};
use super::stream::{Fall, Rule, Watch, least_evidence};
use super::weights::{Observation, Rarity};
use crate::model::{Attribution, DriftKind as Kind, Moment};

/// Scores, worth so many equally weighted ones, that make up a baseline.
pub const BASELINE: f64 = 500.0;
/// Scores come in thousands where labels come in dozens: the baseline is held to a stricter limit, so that one of many segments
/// with a lucky baseline does not void the promise, and more of them must pass before a false alarm.
const CONFIDENCE: f64 = 0.999;
const RULE: Rule = Rule { tolerance: 0.05, run_length: 100_000.0, least: 30 };

/// A score of the series that is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityScore<T = Moment> {
    /// When the answer was observed.
    pub time: T,
    /// The score, normalised to [0, 1].
    pub value: f64,
    /// The probability with which the answer was drawn.
    pub probability: f64,
    /// The segments it belongs to, as `name=value`.
    pub segments: Vec<String>,
}

/// A stream that first makes up its baseline.
#[derive(Default)]
struct Stream {
    first: Vec<Observation>,
    /// Sum of the weights and of their squares.
    size: (f64, f64),
    watch: Option<Watch>,
}

impl Stream {
    /// `early` scores may still make up the baseline.
    fn observe(&mut self, score: Observation, early: bool) {
        if let Some(watch) = &mut self.watch {
            watch.observe(score, &RULE);
            return;
        }
        if !early {
            return;
        }
        self.first.push(score);
        let (sum, squares) = &mut self.size;
        *sum += score.weight;
        *squares += score.weight * score.weight;
        // Kish's effective size.
        if *sum * *sum >= BASELINE * *squares {
            self.watch = Baseline::at(&self.first, RULE.tolerance, CONFIDENCE).and_then(Watch::new).ok();
        }
    }

    fn falls(self) -> Vec<Fall> {
        self.watch.map_or_else(Vec::new, Watch::falls)
    }
}

impl<T: Copy + Ord> Report<T> {
    /// Adds what the scores of the current series say, in their order; baselines are made up of the `first` ones. What is known
    /// of the judge tells worse answers from a harsher judge.
    #[must_use]
    pub fn with_quality(mut self, scores: &[QualityScore<T>], first: usize) -> Self {
        let (mut flags, mut recovered) = (Vec::new(), Vec::new());
        for (segment, fall) in falls(scores, first) {
            let flag = self.quality_flag(scores, segment, &fall);
            match fall.back {
                None => flags.push(flag),
                Some(back) => recovered.push(Recovered { flag, recovery: recovery(scores, &back) }),
            }
        }
        self.flags.extend(flags);
        self.recovered.extend(recovered);
        self
    }

    fn quality_flag(&self, scores: &[QualityScore<T>], segment: Option<String>, fall: &Fall) -> Flag<T> {
        let time = |index: usize| scores[index].time;
        let dates = fall.dates();
        let since = dates.map_or(fall.alarm.since, |dates| dates.likeliest);
        let period = (time(since), time(fall.alarm.detected));
        let (effect, provisional) = fall.size();
        let (attribution, advice) = self.why_quality_fell(segment.as_deref(), &period);
        let many = if fall.alarm.threshold > RULE.run_length {
            ", error over patience controlled over segments (e-BH)"
        } else {
            ""
        };
        Flag {
            kind: Kind::Quality,
            segment,
            since: period.0,
            detected_at: period.1,
            labels_to_detection: fall.alarm.labels,
            effect,
            evidence: Strength {
                statistic: fall.alarm.statistic,
                threshold: fall.alarm.threshold,
                guarantee: format!("on average at least {} scores pass before a false alarm{many}", RULE.run_length),
            },
            attribution,
            advice: Cow::Borrowed(advice),
            algorithm: ALGORITHM,
            since_range: dates.map(|dates| Dates { from: time(dates.first), until: time(dates.last) }),
            provisional,
            pending: false,
            candidates: Vec::new(),
        }
    }

    /// It is the answers where the judge is known to have stood still, and not known where nobody watches it. What began only
    /// after the fall was noticed, or was over before it began, is not its cause.
    fn why_quality_fell(&self, segment: Option<&str>, period: &Period<T>) -> (Attribution, &'static str) {
        let standing = self.flags.iter().filter(|flag| may_cause(flag, None, period));
        let over = self.recovered.iter().filter(|one| may_cause(&one.flag, Some(&one.recovery), period));
        let causes: Vec<&Flag<T>> = standing.chain(over.map(|one| &one.flag)).collect();
        let moved = |kind: Kind| causes.iter().find(|flag| flag.kind == kind);
        let disagrees = causes
            .iter()
            .any(|flag| flag.kind == Kind::Agreement && (flag.segment.is_none() || flag.segment.as_deref() == segment));
        let cause = match (moved(Kind::Judge), moved(Kind::InputMix)) {
            (Some(judge), _) => judge.attribution,
            (None, _) if disagrees => Attribution::Ambiguous,
            (None, Some(_)) if segment.is_none() => Attribution::InputMix,
            (None, _) if self.course.is_some() => Attribution::Answers,
            (None, _) => {
                return (
                    Attribution::Ambiguous,
                    "label answers from before and since: only people can tell worse answers from a harsher judge",
                );
            }
        };
        (cause, cause.advice())
    }
}

/// When a fall began, and when it was noticed.
type Period<T> = (T, T);

/// Whether a flag may be what made answers look worse.
fn may_cause<T: Ord>(flag: &Flag<T>, recovery: Option<&Recovery<T>>, (since, detected): &Period<T>) -> bool {
    flag.since <= *detected && recovery.is_none_or(|recovery| *since <= recovery.since)
}

/// The segments that may come to a baseline. An attribute of which every answer has another value makes as many segments as
/// there are scores, and none of them is ever watched.
fn watchable<T>(scores: &[QualityScore<T>], first: usize) -> BTreeMap<&str, Stream> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for segment in scores.iter().take(first).flat_map(|score| &score.segments) {
        *counts.entry(segment).or_default() += 1;
    }
    // So many scores are worth at most as many equally weighted ones.
    counts.retain(|_, count| *count as f64 >= BASELINE);
    counts.into_keys().map(|segment| (segment, Stream::default())).collect()
}

/// Falls of the whole (no name) and of segments.
fn falls<T>(scores: &[QualityScore<T>], first: usize) -> Vec<(Option<String>, Fall)> {
    let mut rarity = Rarity::default();
    let (mut whole, mut parts) = (Stream::default(), watchable(scores, first));
    for (index, score) in scores.iter().enumerate() {
        let rarest = rarity.next(score.probability);
        let observed = Observation::drawn(index, score.value, score.probability, rarest);
        let early = index < first;
        whole.observe(observed, early);
        if let Some(watch) = &mut whole.watch {
            watch.raise(RULE.run_length, &RULE);
        }
        let returned = whole.watch.as_ref().and_then(Watch::latest_return).filter(|back| back.detected == index);
        for segment in &score.segments {
            if let Some(part) = parts.get_mut(segment.as_str()) {
                part.observe(observed, early);
            }
        }
        let watches = || parts.values().filter_map(|part| part.watch.as_ref());
        if let Some(threshold) = least_evidence(watches(), RULE.run_length) {
            for watch in parts.values_mut().filter_map(|part| part.watch.as_mut()) {
                watch.raise(threshold, &RULE);
            }
        }
        if let Some(back) = returned {
            for watch in parts.values_mut().filter_map(|part| part.watch.as_mut()) {
                watch.end_with(&back);
            }
        }
    }
    let of_whole = whole.falls().into_iter().map(|fall| (None, fall));
    let of_parts = parts
        .into_iter()
        .flat_map(|(name, part)| part.falls().into_iter().map(move |fall| (Some(name.to_owned()), fall)));
    of_whole.chain(of_parts).collect()
}

fn recovery<T: Copy>(scores: &[QualityScore<T>], back: &Back) -> Recovery<T> {
    let whole = if back.of_whole { "as the whole is: " } else { "" };
    let guarantee = format!(
        "{whole}while the mean score stays at or below {:.3}, on average at least {} scores pass before it is called recovered",
        back.level, RULE.run_length
    );
    Recovery {
        since: scores[back.since].time,
        detected_at: scores[back.detected].time,
        labels_to_detection: back.labels,
        effect: back.effect,
        evidence: Strength { statistic: back.statistic, threshold: back.threshold, guarantee },
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::{Entry, Series};
    use super::super::{DriftScale, History, Settings, detect};
    use super::*;
    use crate::agreement::{Kind as ScaleKind, Place};
    use crate::model::Probability;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    /// Scores of two intents; passing is drawn with `returns` for the one and 0.8 for the other. Failing answers are
    /// drawn for judging four times as often, as a rule on thumbs-down does.
    fn scores(rng: &mut Xoshiro256PlusPlus, number: usize, returns: f64, from: usize) -> Vec<QualityScore<usize>> {
        let mut drawn = Vec::new();
        while drawn.len() < number {
            let intent = if rng.random::<f64>() < 0.3 { "returns" } else { "orders" };
            let pass = rng.random::<f64>() < if intent == "returns" { returns } else { 0.8 };
            let probability = if pass { 0.2 } else { 0.8 };
            if rng.random::<f64>() < probability {
                drawn.push(QualityScore {
                    time: from + drawn.len(),
                    value: f64::from(u8::from(pass)),
                    probability,
                    segments: vec![format!("intent={intent}")],
                });
            }
        }
        drawn
    }

    fn story(phases: &[(usize, f64)]) -> Vec<QualityScore<usize>> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut all = Vec::new();
        for (number, returns) in phases {
            all.extend(scores(&mut rng, *number, *returns, all.len()));
        }
        all
    }

    /// A report on so many labels on which judge and people agree nine times of ten.
    fn agreeing(labels: usize) -> Report<usize> {
        let place = |pass: bool| Some(Place { category: usize::from(pass), number: f64::from(u8::from(pass)) });
        let entry = |label: usize| Entry {
            item: label.to_string(),
            human: place(label % 2 == 1),
            judge: place((label % 2 == 1) != label.is_multiple_of(10)),
            annotator: None,
            is_anchor: false,
            segments: BTreeMap::new(),
            probability: Probability::ONE,
            session: None,
            content: None,
            observed: None,
            seen: None,
            series: Series::default(),
        };
        let kind = ScaleKind::Binary;
        let scale = DriftScale { kind, levels: 2, low: 0.0, high: 1.0, name: "binary:1".to_owned(), inferred: false };
        detect(&History::of((0..labels).map(entry).collect(), scale), &Settings::default())
    }

    #[test]
    fn a_segment_whose_answers_got_worse_is_named_and_the_judge_is_not_blamed() {
        let report = agreeing(300).with_quality(&story(&[(8_000, 0.8), (4_000, 0.5)]), usize::MAX);
        let flag = report.flags.iter().find(|flag| flag.segment.is_some()).unwrap();
        assert_eq!((flag.kind, flag.segment.as_deref()), (Kind::Quality, Some("intent=returns")));
        assert!(flag.since.abs_diff(8_000) < 400, "{flag:?}");
        assert!(flag.effect.interval().is_some_and(|effect| effect.high < -0.1), "{flag:?}");
        assert_eq!(flag.attribution, Attribution::Answers);
        assert!(report.flags.iter().all(|flag| flag.segment.as_deref() != Some("intent=orders")), "{:?}", report.flags);
    }

    #[test]
    fn without_labels_nobody_can_tell_worse_answers_from_a_harsher_judge() {
        let report = agreeing(50).with_quality(&story(&[(8_000, 0.8), (4_000, 0.4)]), usize::MAX);
        assert_eq!(report.flags[0].attribution, Attribution::Ambiguous);
        assert!(report.flags[0].advice.contains("label answers"));
    }

    #[test]
    fn answers_that_are_good_again_are_told_as_recovered() {
        let report = agreeing(300).with_quality(&story(&[(8_000, 0.8), (4_000, 0.4), (8_000, 0.8)]), usize::MAX);
        assert!(report.flags.is_empty(), "{:?}", report.flags);
        let one = report.recovered.iter().find(|one| one.flag.segment.as_deref() == Some("intent=returns")).unwrap();
        assert!(one.recovery.since.abs_diff(12_000) < 600, "{one:?}");
    }

    #[test]
    fn another_mix_of_probabilities_is_no_fall() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        let mut all = Vec::new();
        // First all answers are judged, then bad ones four times as often as good ones: the share of passes among judged
        // answers falls from 80 % to 50 %, that among all answers does not.
        for index in 0..12_000 {
            let probability = |pass: bool| {
                if index < 4_000 {
                    0.8
                } else if pass {
                    0.2
                } else {
                    0.8
                }
            };
            let pass = rng.random::<f64>() < 0.8;
            if rng.random::<f64>() < probability(pass) {
                let value = f64::from(u8::from(pass));
                all.push(QualityScore { time: index, value, probability: probability(pass), segments: vec![] });
            }
        }
        let report = agreeing(300).with_quality(&all, usize::MAX);
        assert!(report.flags.is_empty(), "{:?}", report.flags);
    }

    #[test]
    fn one_answer_drawn_very_rarely_does_not_switch_the_watch_off() {
        let mut all = story(&[(8_000, 0.8), (4_000, 0.4)]);
        all[11_000].probability = 1e-6;
        assert!(agreeing(300).with_quality(&all, usize::MAX).flags.iter().any(|flag| flag.segment.is_some()));
    }

    #[test]
    fn a_baseline_is_made_of_the_first_scores_only() {
        let all = story(&[(8_000, 0.8), (4_000, 0.4)]);
        // As many scores in the middle are left out as a long series has: the fall stands against the same baseline.
        let long: Vec<QualityScore<usize>> = [&all[..5_000], &all[9_000..]].concat();
        assert!(agreeing(300).with_quality(&long, 5_000).flags.iter().any(|flag| flag.segment.is_some()));
        // Without scores of its own among the first, a segment is not held against what may have fallen already.
        assert!(agreeing(300).with_quality(&all, 300).flags.is_empty());
    }

    #[test]
    fn a_judge_that_moved_in_another_year_is_not_the_cause() {
        let dated = |day: usize| day;
        let mut all = story(&[(8_000, 0.8), (4_000, 0.4)]);
        for (index, score) in all.iter_mut().enumerate() {
            score.time = dated(index / 50);
        }
        let moved = |since: usize| {
            let mut report = agreeing(300);
            let flag = agreeing(300).with_quality(&all, usize::MAX).flags.remove(0);
            report.flags.push(Flag {
                kind: Kind::Judge,
                since: dated(since),
                attribution: Attribution::JudgeModel,
                ..flag
            });
            report.with_quality(&all, usize::MAX).flags.pop().unwrap().attribution
        };
        assert_eq!(moved(155), Attribution::JudgeModel);
        assert_eq!(moved(230), Attribution::Answers, "it moved long after the answers fell");
    }

    #[test]
    fn only_segments_that_can_come_to_a_baseline_are_followed() {
        let mut all = story(&[(2_000, 0.8)]);
        for (index, score) in all.iter_mut().enumerate() {
            score.segments.push(format!("user={index}"));
        }
        assert!(watchable(&all, usize::MAX).keys().all(|segment| segment.starts_with("intent=")));
        assert!(watchable(&all, 400).is_empty());
    }
}
