//! The operating characteristics of the shipped defaults, measured on made-up histories in which the truth is known: how
//! often nothing is flagged as something, how soon a drop is seen, whether the cause is named, and how often intervals
//! cover.

mod causes;
mod coverage;
mod quality;
mod rearming;

pub use causes::{Anchors, Causes, Situation, causes};
pub use coverage::{Coverage, coverage};
pub use quality::{Answers, QualityCharacteristics, quality_characteristics};
pub use rearming::{Rearming, rearming};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use crate::agreement::Place;
use crate::drift::{Attribution, DriftScale, Entry, History, Kind, Report, Series, Settings, detect};
use crate::model::{Probability, Scale};
use crate::statistics::bca;

/// Labels of a watched year after the baseline: 20 a week.
const YEAR: usize = 1_040;
/// Labels after the baseline at which things change.
const CHANGE: usize = 200;
/// Items of the fixed set, judged again and labelled again after every so many labels.
const ANCHORS: usize = 40;
const ANCHORS_EVERY: usize = 100;
/// How often judge and humans contradict themselves on a known item while nothing moves.
const NOISE: f64 = 0.03;
/// How often an answer is good.
const GOOD: f64 = 0.8;
/// Answers of a conversation, and the share of them that go as the whole conversation goes: the square root of the
/// correlation within one.
const TURNS: usize = 5;
const TOGETHER: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// What happens in a made-up history. The judge agrees with people on 90 % of labels until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// Nothing.
    Healthy,
    /// Agreement falls to a coin toss, with no anchors to tell why.
    CoinToss,
    /// Agreement falls by 20 points.
    DropOf20,
    /// Agreement falls by 10 points.
    DropOf10,
    /// Agreement falls by 20 points over 400 labels.
    SlowDrop,
    /// The judge is swapped silently: it falls by 30 points, on anchors as well.
    JudgeSwap,
    /// A segment that the judge is worse at becomes the larger one; within segments nothing moves.
    InputShift,
    /// People change their minds, on anchors as well; the judge stands still.
    RaterDrift,
    /// Nothing; labels are those of whole conversations, in which the judge is often right or wrong throughout.
    Conversations,
    /// Agreement on whole conversations falls to a coin toss.
    ConversationsToCoinToss,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Healthy,
        Self::CoinToss,
        Self::DropOf20,
        Self::DropOf10,
        Self::SlowDrop,
        Self::JudgeSwap,
        Self::InputShift,
        Self::RaterDrift,
        Self::Conversations,
        Self::ConversationsToCoinToss,
    ];

    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Healthy => "nothing moves",
            Self::CoinToss => "agreement falls from 90 % to a coin toss",
            Self::DropOf20 => "agreement falls from 90 % to 70 %",
            Self::DropOf10 => "agreement falls from 90 % to 80 %",
            Self::SlowDrop => "agreement falls from 90 % to 70 % over 400 labels",
            Self::JudgeSwap => "the judge model is swapped silently, 90 % to 60 %",
            Self::InputShift => "a segment judged at 70 % grows from 20 % to 80 % of traffic",
            Self::RaterDrift => "people change their minds about 30 % of answers",
            Self::Conversations => "nothing moves; conversations of 5 answers, correlation 0.5",
            Self::ConversationsToCoinToss => "conversations of 5 answers, correlation 0.5, fall to a coin toss",
        }
    }

    /// The attribution that is right; none where nothing moves, or where nothing recorded could tell.
    fn truth(self) -> Option<Attribution> {
        match self {
            Self::JudgeSwap => Some(Attribution::JudgeModel),
            Self::InputShift => Some(Attribution::InputMix),
            Self::RaterDrift => Some(Attribution::Raters),
            Self::Healthy
            | Self::CoinToss
            | Self::DropOf20
            | Self::DropOf10
            | Self::SlowDrop
            | Self::Conversations
            | Self::ConversationsToCoinToss => None,
        }
    }

    /// Whether nothing moves.
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Healthy | Self::Conversations)
    }

    fn is_of_conversations(self) -> bool {
        matches!(self, Self::Conversations | Self::ConversationsToCoinToss)
    }

    fn has_anchors(self) -> bool {
        matches!(self, Self::Healthy | Self::JudgeSwap | Self::InputShift | Self::RaterDrift)
    }

    /// The share of labels on which judge and people agree, `at` labels after the baseline.
    fn agreement(self, at: Option<usize>, hard_segment: bool) -> f64 {
        let since = at.and_then(|at| at.checked_sub(CHANGE));
        match (self, since) {
            (Self::InputShift, _) => {
                if hard_segment {
                    0.7
                } else {
                    0.95
                }
            }
            (Self::Healthy | Self::Conversations, _) | (_, None) => 0.9,
            (Self::CoinToss | Self::ConversationsToCoinToss, _) => 0.5,
            (Self::DropOf20, _) => 0.7,
            (Self::DropOf10, _) => 0.8,
            (Self::SlowDrop, Some(since)) => 0.9 - 0.2 * (since as f64 / 400.0).min(1.0),
            (Self::JudgeSwap | Self::RaterDrift, _) => 0.6,
        }
    }
}

/// What the detectors made of many histories of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Characteristics {
    /// What happened in them.
    pub scenario: Scenario,
    /// How many there were.
    pub streams: usize,
    /// Labels watched in all of them together while nothing had moved.
    pub healthy_labels: usize,
    /// Flags of agreement raised while nothing had moved.
    pub false_alarms: usize,
    /// Streams in which agreement was flagged after the change.
    pub found: usize,
    /// Labels from the change to the flag, of those found: median and 90th percentile.
    pub delay: Option<(f64, f64)>,
    /// Streams whose flag named the right cause.
    pub right: usize,
    /// Streams whose flag said that the evidence does not single out a cause.
    pub ambiguous: usize,
    /// Streams whose flag named another cause.
    pub wrong: usize,
}

/// Makes `streams` histories of a scenario and looks at each with the shipped settings.
pub fn characteristics(scenario: Scenario, streams: usize, seed: u64) -> Characteristics {
    let mut all = Characteristics {
        scenario,
        streams,
        healthy_labels: 0,
        false_alarms: 0,
        found: 0,
        delay: None,
        right: 0,
        ambiguous: 0,
        wrong: 0,
    };
    let mut delays = Vec::new();
    for stream in 0..streams {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(stream as u64));
        let (entries, labels) = history(scenario, &mut rng);
        all.count(&found(entries, &labels), &mut delays);
    }
    Characteristics { delay: delays_of(delays), ..all }
}

/// Median and 90th percentile.
fn delays_of(mut delays: Vec<f64>) -> Option<(f64, f64)> {
    delays.sort_by(f64::total_cmp);
    bca::quantile(&delays, 0.5).zip(bca::quantile(&delays, 0.9))
}

fn settings() -> Settings {
    Settings::default()
}

/// What is found in a history; moments count labels.
fn found(entries: Vec<Entry>, labels: &[usize]) -> Report<usize> {
    let scale = DriftScale::of(&Scale::Binary { pass: String::new(), fail: String::new() });
    detect(&History::of(entries, scale), &settings()).dated(|index| labels.get(index).copied().unwrap_or(usize::MAX))
}

impl Characteristics {
    fn count(&mut self, report: &Report<usize>, delays: &mut Vec<f64>) {
        let change = settings().baseline + CHANGE;
        // The first alarm counts, whether or not it was taken back later.
        let over = report.recovered.iter().map(|one| &one.flag);
        let whole = over.chain(&report.flags).find(|flag| flag.kind == Kind::Agreement && flag.segment.is_none());
        let detected = whole.map(|flag| flag.detected_at);
        let healthy_until = if self.scenario.is_healthy() { usize::MAX } else { change };
        let watched = detected.unwrap_or(usize::MAX).min(healthy_until).min(settings().baseline + YEAR);
        self.healthy_labels += watched.saturating_sub(settings().baseline);
        match (whole, detected) {
            (Some(_), Some(label)) if label < healthy_until => self.false_alarms += 1,
            (Some(flag), Some(label)) => {
                self.found += 1;
                delays.push((label - change) as f64);
                match self.scenario.truth() {
                    None => {}
                    Some(truth) if truth == flag.attribution => self.right += 1,
                    Some(_) if flag.attribution == Attribution::Ambiguous => self.ambiguous += 1,
                    Some(_) => self.wrong += 1,
                }
            }
            _ => {}
        }
    }
}

/// A year of labels after the baseline, and of each entry how many labels came before it.
fn history(scenario: Scenario, rng: &mut Xoshiro256PlusPlus) -> (Vec<Entry>, Vec<usize>) {
    let baseline = settings().baseline;
    let anchors: Vec<(bool, bool)> = (0..ANCHORS).map(|_| pair(scenario.agreement(None, false), rng)).collect();
    let (mut entries, mut labels, mut common) = (Vec::new(), Vec::new(), true);
    for label in 0..baseline + YEAR {
        if scenario.has_anchors() && label.is_multiple_of(ANCHORS_EVERY) {
            entries.extend(anchors_at(scenario, label, &anchors, rng));
        }
        labels.resize(entries.len() + 1, label);
        let at = label.checked_sub(baseline);
        let changed = at.is_some_and(|at| at >= CHANGE);
        let hard_share = if scenario == Scenario::InputShift && changed { 0.8 } else { 0.2 };
        let hard = rng.random::<f64>() < hard_share;
        let (human, mut judge) = pair(scenario.agreement(at, hard), rng);
        let conversation = scenario.is_of_conversations().then_some(label / TURNS);
        if conversation.is_some() {
            if label.is_multiple_of(TURNS) {
                common = rng.random::<f64>() < scenario.agreement(at, hard);
            }
            if rng.random::<f64>() < TOGETHER {
                judge = human == common;
            }
        }
        let kind = (scenario == Scenario::InputShift).then(|| if hard { "hard" } else { "easy" }.to_owned());
        entries.push(Entry {
            segments: kind.map(|kind| (String::new(), kind)).into_iter().collect(),
            session: conversation.map(|number| number.to_string()),
            ..entry(&format!("item {label}"), Some(human), Some(judge))
        });
    }
    (entries, labels)
}

/// The fixed set: at first label and verdict, later the same items judged and labelled again.
fn anchors_at(scenario: Scenario, label: usize, anchors: &[(bool, bool)], rng: &mut Xoshiro256PlusPlus) -> Vec<Entry> {
    let changed = label >= settings().baseline + CHANGE;
    let moved = |rng: &mut Xoshiro256PlusPlus, by: bool| rng.random::<f64>() < if by && changed { 0.3 } else { NOISE };
    let mut entries = Vec::new();
    for (index, (human, judge)) in anchors.iter().enumerate() {
        let name = format!("anchor {index}");
        let again = |first: bool, by: bool, rng: &mut Xoshiro256PlusPlus| first ^ (label > 0 && moved(rng, by));
        let judge = again(*judge, scenario == Scenario::JudgeSwap, rng);
        let human = again(*human, scenario == Scenario::RaterDrift, rng);
        if label == 0 {
            entries.push(Entry { is_anchor: true, ..entry(&name, Some(human), Some(judge)) });
        } else {
            entries.push(Entry { is_anchor: true, ..entry(&name, None, Some(judge)) });
            entries.push(Entry { is_anchor: true, ..entry(&name, Some(human), None) });
        }
    }
    entries
}

/// A human verdict and a judge's that agrees with the given probability.
fn pair(agreement: f64, rng: &mut Xoshiro256PlusPlus) -> (bool, bool) {
    let human = rng.random::<f64>() < GOOD;
    (human, human ^ (rng.random::<f64>() >= agreement))
}

fn entry(item: &str, human: Option<bool>, judge: Option<bool>) -> Entry {
    let place = |pass: bool| Place { category: usize::from(pass), number: f64::from(u8::from(pass)) };
    Entry {
        item: item.to_owned(),
        human: human.map(place),
        judge: judge.map(place),
        annotator: None,
        is_anchor: false,
        segments: std::collections::BTreeMap::new(),
        probability: Probability::ONE,
        session: None,
        content: None,
        observed: None,
        seen: None,
        series: Series::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collapse_is_found_soon_and_health_is_left_alone() {
        let collapse = characteristics(Scenario::CoinToss, 30, 7);
        assert_eq!(collapse.found + collapse.false_alarms, 30);
        assert!(collapse.delay.unwrap().0 <= 25.0, "{collapse:?}");
        let healthy = characteristics(Scenario::Healthy, 30, 7);
        assert!(healthy.false_alarms * 1_000 <= healthy.healthy_labels * 2, "{healthy:?}");
    }

    #[test]
    fn a_cause_is_named_rightly_or_not_at_all() {
        // A wrong cause is promised in at most 2 of 100 flags, not in none.
        let (mut found, mut wrong) = (0, 0);
        for scenario in [Scenario::JudgeSwap, Scenario::RaterDrift, Scenario::InputShift] {
            let own = characteristics(scenario, 20, 11);
            assert!(own.found >= 15, "{own:?}");
            (found, wrong) = (found + own.found, wrong + own.wrong);
        }
        assert!(wrong * 50 <= found, "{wrong} of {found}");
    }
}
