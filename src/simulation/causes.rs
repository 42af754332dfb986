//! What falls are put down to: situations that differ in their cause, their people, their anchors and their versions.

use std::collections::BTreeMap;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use super::{entry, found, settings};
use crate::drift::{Attribution, Entry, Flag, Kind, Report, Series};

/// Labels after the baseline at which things change, and to the end.
const CHANGE: usize = 300;
const END: usize = 800;
/// How long before the change another version of the rubric came, where one did.
const OLD_VERSION: usize = 200;
/// Labels between rounds of anchors.
const ROUND: usize = 100;
const ANCHORS: usize = 100;
/// How often judge and people contradict themselves on a known item.
const NOISE: f64 = 0.03;
const HEALTHY: f64 = 0.9;
const GOOD: f64 = 0.8;
/// Labels after a flag after which one asks whether the cause is known.
const ASKED: usize = 50;

/// What makes agreement fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Situation {
    /// The judge is swapped silently: 20 points, 10 points.
    Judge20,
    Judge10,
    /// A new rubric version makes it worse by 20 points.
    Prompt20,
    /// The judge passes nine of ten bad answers that it failed.
    LenientJudge,
    /// Everybody changes their mind: 20 points, 10 points.
    People20,
    People10,
    /// One of several people labels half of the answers otherwise.
    OnePerson,
    /// Somebody new fails half of the good answers.
    Newcomer,
    /// A segment that is judged at 65 % grows from 20 to 80 % of the traffic.
    Mix,
    /// The share of good answers falls from 90 to 40 %; the judge fails half of the bad ones, as before.
    BadAnswers,
    /// The judge is worse at new content, on which there are no anchors: 20 points, 10 points.
    Content20,
    Content10,
    /// Half of the traffic is of a new segment, on which agreement is 50 %.
    NewSegment,
}

impl Situation {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Judge20,
        Self::Judge10,
        Self::Prompt20,
        Self::LenientJudge,
        Self::People20,
        Self::People10,
        Self::OnePerson,
        Self::Newcomer,
        Self::Mix,
        Self::BadAnswers,
        Self::Content20,
        Self::Content10,
        Self::NewSegment,
    ];

    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Judge20 => "the judge is swapped silently, 90 % to 70 %",
            Self::Judge10 => "the judge is swapped silently, 90 % to 80 %",
            Self::Prompt20 => "a new rubric version, 90 % to 70 %",
            Self::LenientJudge => "the judge passes nine of ten bad answers that it failed",
            Self::People20 => "everybody changes their mind, 90 % to 70 %",
            Self::People10 => "everybody changes their mind, 90 % to 80 %",
            Self::OnePerson => "one of several people labels half of the answers otherwise",
            Self::Newcomer => "somebody new fails half of the good answers",
            Self::Mix => "a segment judged at 65 % grows from 20 % to 80 %",
            Self::BadAnswers => "good answers fall from 90 % to 40 %, the judge catches half of the bad ones",
            Self::Content20 => "new content, 90 % to 70 %",
            Self::Content10 => "new content, 90 % to 80 %",
            Self::NewSegment => "half of the traffic is a new segment, judged at 50 %",
        }
    }

    /// The points by which agreement falls where one number says it.
    fn fall(self) -> Option<f64> {
        match self {
            Self::Judge20 | Self::Prompt20 | Self::People20 | Self::Content20 => Some(0.2),
            Self::Judge10 | Self::People10 | Self::Content10 => Some(0.1),
            _ => None,
        }
    }

    /// Causes that are right; a judge that is swapped in the moment at which a version comes is the version's for all that is
    /// recorded.
    fn is_right(self, cause: Attribution, versions: Versions) -> bool {
        match self {
            Self::Judge20 | Self::Judge10 | Self::LenientJudge => {
                cause == Attribution::JudgeModel || (versions == Versions::New && cause == Attribution::JudgePrompt)
            }
            Self::Prompt20 => cause == Attribution::JudgePrompt,
            Self::People20 | Self::People10 | Self::OnePerson | Self::Newcomer => cause == Attribution::Raters,
            Self::Mix => cause == Attribution::InputMix,
            Self::BadAnswers => cause == Attribution::Answers,
            Self::Content20 | Self::Content10 => cause == Attribution::NewContent,
            Self::NewSegment => matches!(cause, Attribution::NewContent | Attribution::InputMix),
        }
    }

    fn needs_others(self) -> bool {
        matches!(self, Self::OnePerson | Self::Newcomer)
    }
}

/// Which anchors there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchors {
    None,
    Judged,
    Relabelled,
}

/// When a rubric version came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Versions {
    None,
    Old,
    New,
}

/// What was said in all histories of a situation with such anchors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Causes {
    pub situation: Situation,
    pub anchors: Anchors,
    /// Histories in which the fall was flagged, over 1, 3 and 5 people and over no, an old and a new version.
    pub found: usize,
    /// Of them, those in which a wrong cause was named at any look, and those in which a person was accused who had not moved.
    pub wrong: usize,
    pub accused: usize,
    /// Those in which the cause was open after 50 more labels and a round of anchors, of those that were asked.
    pub open: usize,
    pub asked: usize,
    /// What the flag was put down to in the end.
    pub named: BTreeMap<&'static str, usize>,
    /// Those with a size that was not provisional after 50 more labels, and whose interval held the truth; of falls that one number says.
    pub sized: usize,
    pub size_held: usize,
    /// Those of which the dates held the truth when the fall was flagged, and after 50 more labels.
    pub dates_held: usize,
    pub dated: usize,
    pub dates_held_later: usize,
}

/// Looks at `streams` histories of each combination of people and versions.
pub fn causes(situation: Situation, anchors: Anchors, streams: usize, seed: u64) -> Causes {
    let mut all = Causes {
        situation,
        anchors,
        found: 0,
        wrong: 0,
        accused: 0,
        open: 0,
        asked: 0,
        named: BTreeMap::new(),
        sized: 0,
        size_held: 0,
        dates_held: 0,
        dated: 0,
        dates_held_later: 0,
    };
    for people in [1, 3, 5] {
        if people == 1 && situation.needs_others() {
            continue;
        }
        for versions in [Versions::None, Versions::Old, Versions::New] {
            for stream in 0..streams {
                let own = (stream * 16 + people * 3 + versions as usize) as u64;
                let rng = Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(own));
                let world =
                    World { situation, anchors, people, versions, rng, entries: Vec::new(), labels: Vec::new() };
                all.count(&world.lived());
            }
        }
    }
    all
}

/// A history as it is made.
struct World {
    situation: Situation,
    anchors: Anchors,
    people: usize,
    versions: Versions,
    rng: Xoshiro256PlusPlus,
    entries: Vec<Entry>,
    /// Of each entry how many labels came before it.
    labels: Vec<usize>,
}

/// An anchor: what people and the judge say of it before and after the change.
struct Anchor {
    human: [bool; 2],
    judge: [bool; 2],
    by: usize,
}

fn change() -> usize {
    settings().baseline + CHANGE
}

impl World {
    fn chance(&mut self, p: f64) -> bool {
        self.rng.random::<f64>() < p
    }

    /// With which probability a verdict is turned for agreement to fall by so much.
    fn turned(&self) -> f64 {
        self.situation.fall().unwrap_or(0.0) / (2.0 * HEALTHY - 1.0)
    }

    fn lived(mut self) -> Self {
        let anchors: Vec<Anchor> = (0..ANCHORS).map(|number| self.anchor(number % self.people)).collect();
        for label in 0..settings().baseline + END {
            if self.anchors != Anchors::None && label % ROUND == ROUND / 2 {
                self.round(label, &anchors);
            }
            let own = self.answer(label);
            self.push(label, own);
        }
        self
    }

    fn push(&mut self, label: usize, entry: Entry) {
        let at = change();
        let since = match self.versions {
            Versions::None => None,
            Versions::Old => Some(at - OLD_VERSION),
            Versions::New => Some(at),
        };
        let by_prompt = u32::from(self.situation == Situation::Prompt20 && label >= at);
        let version = 1 + u32::from(since.is_some_and(|since| label >= since)) + by_prompt;
        let series = Series {
            rubric_version: Some(version.into()),
            judge_model: Some("judge".to_owned().into()),
            revision: None,
        };
        self.entries.push(Entry { series, ..entry });
        self.labels.push(label);
    }

    /// What is said of a good or a bad answer while nothing has changed.
    fn verdict(&mut self, human: bool) -> bool {
        let agrees = match (self.situation, human) {
            (Situation::BadAnswers, true) => 0.97,
            (Situation::BadAnswers, false) => 0.5,
            _ => HEALTHY,
        };
        human == self.chance(agrees)
    }

    fn anchor(&mut self, by: usize) -> Anchor {
        let human = self.chance(0.6);
        let judge = self.verdict(human);
        let turns = self.chance(self.turned());
        let new_judge = match self.situation {
            Situation::Judge20 | Situation::Judge10 | Situation::Prompt20 => judge ^ turns,
            Situation::LenientJudge => judge || (!human && self.chance(0.9)),
            _ => judge,
        };
        let new_human = match self.situation {
            Situation::People20 | Situation::People10 => human ^ turns,
            Situation::OnePerson if by == 0 => human ^ self.chance(0.5),
            _ => human,
        };
        Anchor { human: [human, new_human], judge: [judge, new_judge], by }
    }

    fn round(&mut self, label: usize, anchors: &[Anchor]) {
        let (is_first, changed) = (label < ROUND, usize::from(label >= change()));
        for (number, anchor) in anchors.iter().enumerate() {
            let name = format!("anchor {number}");
            let judge = anchor.judge[changed] ^ (!is_first && self.chance(NOISE));
            let human = anchor.human[changed] ^ (!is_first && self.chance(NOISE));
            let of = |human: Option<bool>, judge: Option<bool>| Entry {
                is_anchor: true,
                annotator: human.map(|_| person(anchor.by)),
                ..entry(&name, human, judge)
            };
            self.push(label, of(is_first.then_some(human), Some(judge)));
            if !is_first && self.anchors == Anchors::Relabelled {
                self.push(label, of(Some(human), None));
            }
        }
    }

    fn answer(&mut self, label: usize) -> Entry {
        let changed = label >= change();
        let has_newcomer = self.situation == Situation::Newcomer && changed;
        let by = self.rng.random_range(0..self.people + usize::from(has_newcomer));
        let good = match self.situation {
            Situation::BadAnswers if changed => 0.4,
            Situation::BadAnswers => 0.9,
            _ => GOOD,
        };
        let mut human = self.chance(good);
        let (is_hard, is_new) = (self.chance(if changed { 0.8 } else { 0.2 }), changed && self.chance(0.5));
        let segment = match self.situation {
            Situation::Mix => ["easy", "hard"][usize::from(is_hard)],
            Situation::NewSegment if is_new => "new",
            _ => ["orders", "returns"][usize::from(self.chance(0.3))],
        };
        let mut judge = match segment {
            "easy" => human == self.chance(0.96),
            "hard" => human == self.chance(0.65),
            "new" => human == self.chance(0.5),
            _ => self.verdict(human),
        };
        if changed {
            let turns = self.chance(self.turned());
            match self.situation {
                Situation::Judge20
                | Situation::Judge10
                | Situation::Prompt20
                | Situation::Content20
                | Situation::Content10 => judge ^= turns,
                Situation::LenientJudge => judge |= !human && self.chance(0.9),
                Situation::People20 | Situation::People10 => human ^= turns,
                Situation::OnePerson if by == 0 => human ^= self.chance(0.5),
                Situation::Newcomer if by == self.people => human &= self.chance(0.5),
                _ => {}
            }
        }
        Entry {
            annotator: Some(person(by)),
            segments: [("topic".to_owned(), segment.to_owned())].into(),
            ..entry(&format!("item {label}"), Some(human), Some(judge))
        }
    }

    /// What is said before the label `until` is there.
    fn report(&self, until: usize) -> Report<usize> {
        let end = self.labels.partition_point(|label| *label < until);
        found(self.entries[..end].to_vec(), &self.labels)
    }
}

fn person(number: usize) -> String {
    format!("person {number}")
}

fn whole(report: &Report<usize>) -> Option<&Flag<usize>> {
    let over = report.recovered.iter().map(|one| &one.flag);
    let of_whole = |flag: &&Flag<usize>| flag.kind == Kind::Agreement && flag.segment.is_none();
    over.chain(&report.flags).filter(of_whole).min_by_key(|flag| flag.detected_at)
}

impl Causes {
    fn count(&mut self, world: &World) {
        let last = world.report(usize::MAX);
        let Some(flag) = whole(&last).filter(|flag| flag.detected_at >= change()) else { return };
        self.found += 1;
        *self.named.entry(flag.attribution.as_str()).or_default() += 1;
        let noticed = flag.detected_at;
        let at_once = world.report(noticed + 1);
        self.dates_held += usize::from(whole(&at_once).is_some_and(holds_change));
        let after = world.report(noticed + 1 + ASKED);
        if let Some(flag) = whole(&after) {
            self.dated += 1;
            self.dates_held_later += usize::from(holds_change(flag));
            if let Some((fall, held)) = world.situation.fall().zip(flag.effect.interval()) {
                self.sized += 1;
                self.size_held += usize::from((held.low..=held.high).contains(&-fall));
            }
        }
        // With a whole round behind the flag as well, where there are any.
        let round = (noticed + ROUND / 2) / ROUND * ROUND + ROUND / 2 + 1;
        let asked = world.report(round.max(noticed + 1 + ASKED));
        self.asked += 1;
        self.open += usize::from(whole(&asked).is_none_or(|flag| flag.attribution == Attribution::Ambiguous));
        let looks = [&at_once, &after, &asked, &last];
        let said =
            || looks.iter().flat_map(|report| report.flags.iter().chain(report.recovered.iter().map(|one| &one.flag)));
        let since = |flag: &&Flag<usize>| flag.detected_at >= change();
        let is_wrong = |flag: &Flag<usize>| {
            flag.attribution != Attribution::Ambiguous && !world.situation.is_right(flag.attribution, world.versions)
        };
        self.wrong += usize::from(said().filter(since).any(is_wrong));
        let moved = match world.situation {
            Situation::OnePerson => Some(person(0)),
            Situation::Newcomer => Some(person(world.people)),
            _ => None,
        };
        let accused = |flag: &Flag<usize>| flag.kind == Kind::Rater && flag.segment.is_some() && flag.segment != moved;
        self.accused += usize::from(said().filter(since).any(accused));
    }
}

fn holds_change(flag: &Flag<usize>) -> bool {
    flag.since_range.is_some_and(|range| (range.from..=range.until).contains(&change()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_cause_is_rare_and_a_plain_one_is_named() {
        for (situation, cause) in [
            (Situation::Judge20, Attribution::JudgeModel),
            (Situation::People20, Attribution::Raters),
            (Situation::Content20, Attribution::NewContent),
        ] {
            let found = causes(situation, Anchors::Relabelled, 4, 17);
            assert!(found.found >= 30 && found.wrong <= 2, "{found:?}");
            let named = found.named.get(cause.as_str()).copied().unwrap_or(0);
            assert!(named * 2 > found.found || situation == Situation::Judge20, "{found:?}");
        }
    }

    #[test]
    fn without_anchors_the_judge_is_never_accused() {
        let found = causes(Situation::Judge20, Anchors::None, 3, 18);
        assert_eq!((found.wrong, found.named.keys().copied().collect::<Vec<_>>()), (0, vec!["ambiguous"]));
    }
}
