//! The watch on answers: false alarms over many segments, and how soon the fall of one is seen.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use super::delays_of;
use crate::drift::{Flag, QualityScore, Report};

/// Segments of equal size; the first one falls.
const SEGMENTS: usize = 8;
/// Scores in each stream: those of eight baselines among them.
const SCORES: usize = 20_000;
/// Scores after which a segment falls.
const CHANGE: usize = 8_000;
const GOOD: f64 = 0.8;

/// What happens to the answers of one of eight segments, of which 80 % are good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Nothing.
    Healthy,
    /// Nothing, and bad answers are judged four times as often as good ones.
    HealthyAndTargeted,
    /// So many remain good.
    FallTo(f64),
    /// The same where bad answers are judged four times as often.
    TargetedFallTo(f64),
}

impl Answers {
    /// Those that the documents speak of.
    pub const ALL: [Self; 6] = [
        Self::Healthy,
        Self::HealthyAndTargeted,
        Self::FallTo(0.7),
        Self::FallTo(0.6),
        Self::FallTo(0.4),
        Self::TargetedFallTo(0.6),
    ];

    /// In words.
    pub fn describe(self) -> String {
        match self {
            Self::Healthy => "nothing moves".to_owned(),
            Self::HealthyAndTargeted => "nothing moves; bad answers are judged four times as often".to_owned(),
            Self::FallTo(to) => format!("one of eight falls from 80 % to {:.0} %", to * 100.0),
            Self::TargetedFallTo(to) => {
                format!("the same to {:.0} %; bad answers are judged four times as often", to * 100.0)
            }
        }
    }

    /// Whether nothing moves.
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Healthy | Self::HealthyAndTargeted)
    }

    fn fallen(self) -> f64 {
        match self {
            Self::Healthy | Self::HealthyAndTargeted => GOOD,
            Self::FallTo(to) | Self::TargetedFallTo(to) => to,
        }
    }

    /// The probability with which an answer is judged.
    fn probability(self, good: bool) -> f64 {
        match self {
            Self::HealthyAndTargeted | Self::TargetedFallTo(_) if good => 0.2,
            Self::HealthyAndTargeted | Self::TargetedFallTo(_) => 0.8,
            Self::Healthy | Self::FallTo(_) => 0.15,
        }
    }
}

/// What the watch made of many streams of scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityCharacteristics {
    /// What happened.
    pub answers: Answers,
    /// Streams.
    pub streams: usize,
    /// Streams in which something was flagged that had not moved: anything before the change, another segment after it.
    pub false_alarms: usize,
    /// Streams in which the segment that fell was flagged.
    pub found: usize,
    /// Scores of that segment from the fall to the flag: median and 90th percentile.
    pub delay: Option<(f64, f64)>,
}

/// Makes `streams` streams of scores and looks at each with the shipped settings.
pub fn quality_characteristics(answers: Answers, streams: usize, seed: u64) -> QualityCharacteristics {
    let (mut false_alarms, mut found, mut delays) = (0, 0, Vec::new());
    for stream in 0..streams {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(stream as u64));
        let scores = scores(answers, &mut rng);
        let report = Report::default().with_quality(&scores, SCORES);
        let over = report.recovered.into_iter().map(|one| one.flag);
        let flags: Vec<Flag<usize>> = over.chain(report.flags).collect();
        let at = |flag: &Flag<usize>| flag.detected_at;
        let is_right = |flag: &Flag<usize>| {
            let moved = flag.segment.as_deref().is_none_or(|segment| segment == name(0));
            !answers.is_healthy() && moved && at(flag) >= CHANGE
        };
        false_alarms += usize::from(flags.iter().any(|flag| !is_right(flag)));
        let seen = flags.iter().find(|flag| is_right(flag) && flag.segment.is_some());
        if let Some(seen) = seen {
            found += 1;
            let own = scores[CHANGE..=at(seen)].iter().filter(|score| score.segments[0] == name(0));
            delays.push(own.count() as f64);
        }
    }
    QualityCharacteristics { answers, streams, false_alarms, found, delay: delays_of(delays) }
}

fn name(segment: usize) -> String {
    format!("intent={segment}")
}

/// Judged answers; `time` counts them.
fn scores(answers: Answers, rng: &mut Xoshiro256PlusPlus) -> Vec<QualityScore<usize>> {
    let mut scores = Vec::with_capacity(SCORES);
    while scores.len() < SCORES {
        let segment = rng.random_range(0..SEGMENTS);
        let rate = if segment == 0 && scores.len() >= CHANGE { answers.fallen() } else { GOOD };
        let good = rng.random::<f64>() < rate;
        let probability = answers.probability(good);
        if rng.random::<f64>() < probability {
            let (time, value) = (scores.len(), f64::from(u8::from(good)));
            scores.push(QualityScore { time, value, probability, segments: vec![name(segment)] });
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_segment_that_fell_is_found_and_healthy_ones_are_left_alone() {
        let fall = quality_characteristics(Answers::FallTo(0.4), 4, 2);
        assert_eq!((fall.found, fall.false_alarms), (4, 0), "{fall:?}");
        assert!(fall.delay.unwrap().0 < 150.0, "{fall:?}");
        let healthy = quality_characteristics(Answers::HealthyAndTargeted, 4, 2);
        assert_eq!(healthy.false_alarms, 0, "{healthy:?}");
    }
}
