//! What a history says: what moved, what is back, and how sure that is.
//!
//! `T` is how moments are told: ordinals of entries in the detectors, moments where they are known, the file's own words in
//! `judged drift FILE`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::causes::Candidate;
use super::course::Course;
use crate::model::{Attribution, DriftKind as Kind, Moment};
use crate::statistics::{Estimate, Reason};

/// The number of the algorithm that raises flags: what was seen is looked at anew when it changes. 1 is the one that
/// counted every label of a conversation.
pub const ALGORITHM: u32 = 3;

/// One thing that moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flag<T = Moment> {
    /// What.
    pub kind: Kind,
    /// In which segment, or which annotator; null for all.
    pub segment: Option<String>,
    /// Time of the entry at which it likely began.
    pub since: T,
    /// Time of the entry that raised the flag.
    pub detected_at: T,
    /// Labels (for score and mix: entries; for quality: scores) from the one to the other.
    pub labels_to_detection: usize,
    /// By how much.
    pub effect: Estimate,
    /// How sure.
    pub evidence: Strength,
    /// Why.
    pub attribution: Attribution,
    /// What to do.
    pub advice: Cow<'static, str>,
    /// The number of the algorithm that raised it.
    pub algorithm: u32,
    /// The entries at one of which it began, with a probability of 95 %; null where that is not told.
    #[serde(default = "Option::default")]
    pub since_range: Option<Dates<T>>,
    /// Whether the effect rests on the labels that raised the flag: until 30 have come after it.
    #[serde(default)]
    pub provisional: bool,
    /// Whether the cause is not told before a round of known items is over.
    #[serde(default)]
    pub pending: bool,
    /// What may have caused it, and what speaks for it.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dates<T = Moment> {
    /// The first time.
    pub from: T,
    /// The last time.
    pub until: T,
}

/// Something that had moved and is back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovered<T = Moment> {
    /// What had moved.
    #[serde(flatten)]
    pub flag: Flag<T>,
    /// How it came back.
    pub recovery: Recovery<T>,
}

/// A return.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovery<T = Moment> {
    /// Time of the entry since which it is likely back.
    pub since: T,
    /// Time of the entry that showed it.
    pub detected_at: T,
    /// Labels from the one to the other.
    pub labels_to_detection: usize,
    /// What remains of the effect.
    pub effect: Estimate,
    /// How sure.
    pub evidence: Strength,
}

/// How sure a flag is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Strength {
    /// The statistic: evidence of an e-detector, or a p-value.
    pub statistic: f64,
    /// What it was compared with.
    pub threshold: f64,
    /// What that promises about false alarms.
    pub guarantee: String,
}

/// What a history says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report<T = Moment> {
    /// Labels with a verdict that feed the watch, the baseline included.
    pub labels: usize,
    /// The baseline.
    pub baseline: BaselineReport<T>,
    /// What moved and is not back.
    pub flags: Vec<Flag<T>>,
    /// What had moved and is back, in order of time.
    pub recovered: Vec<Recovered<T>>,
    /// The evidence of the watch over time; none before there is a baseline.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub course: Option<Course<T>>,
    /// The scale, in the form that `--scale` accepts.
    pub scale: String,
    /// Whether nobody declared it.
    pub scale_inferred: bool,
    /// Items seen again: verdicts and labels compared with the first ones.
    pub replays: ReplayCount,
}

impl<T> Default for Report<T> {
    /// What nothing says.
    fn default() -> Self {
        Self {
            labels: 0,
            baseline: BaselineReport { agreement: Reason::TooFew.into(), until: None, labels: 0, votes: 0 },
            flags: Vec::new(),
            recovered: Vec::new(),
            course: None,
            scale: String::new(),
            scale_inferred: false,
            replays: ReplayCount { judge: 0, human: 0 },
        }
    }
}

/// Agreement before the watch began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineReport<T = Moment> {
    /// Mean agreement and its interval.
    pub agreement: Estimate,
    /// Time of its last label; null without a baseline.
    pub until: Option<T>,
    /// Its labels.
    pub labels: usize,
    /// How many independent observations they are: labels of one conversation, or of copies of one answer, are one.
    #[serde(default)]
    pub votes: usize,
}

/// How much was seen again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayCount {
    /// Verdicts.
    pub judge: usize,
    /// Labels.
    pub human: usize,
}

impl<T> Flag<T> {
    fn dated<U>(self, date: &impl Fn(T) -> U) -> Flag<U> {
        Flag {
            kind: self.kind,
            segment: self.segment,
            since: date(self.since),
            detected_at: date(self.detected_at),
            labels_to_detection: self.labels_to_detection,
            effect: self.effect,
            evidence: self.evidence,
            attribution: self.attribution,
            advice: self.advice,
            algorithm: self.algorithm,
            since_range: self.since_range.map(|Dates { from, until }| Dates { from: date(from), until: date(until) }),
            provisional: self.provisional,
            pending: self.pending,
            candidates: self.candidates,
        }
    }
}

impl<T> Recovered<T> {
    fn dated<U>(self, date: &impl Fn(T) -> U) -> Recovered<U> {
        let Recovery { since, detected_at, labels_to_detection, effect, evidence } = self.recovery;
        let (since, detected_at) = (date(since), date(detected_at));
        let recovery = Recovery { since, detected_at, labels_to_detection, effect, evidence };
        Recovered { flag: self.flag.dated(date), recovery }
    }
}

impl<T> Report<T> {
    /// The same, its moments told in another way.
    pub fn dated<U>(self, date: impl Fn(T) -> U) -> Report<U> {
        let BaselineReport { agreement, until, labels, votes } = self.baseline;
        Report {
            labels: self.labels,
            baseline: BaselineReport { agreement, until: until.map(&date), labels, votes },
            flags: self.flags.into_iter().map(|flag| flag.dated(&date)).collect(),
            recovered: self.recovered.into_iter().map(|one| one.dated(&date)).collect(),
            course: self.course.map(|course| course.dated(&date)),
            scale: self.scale,
            scale_inferred: self.scale_inferred,
            replays: self.replays,
        }
    }
}
