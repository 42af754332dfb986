//! Items seen again: only the judge can change its verdict on the same item, only a human their label.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::agreement::{Kind, Place};
use crate::statistics::change_point::{Counted, change_point};
use crate::statistics::e_detector::Detector;
use crate::statistics::paired::{bowker, mcnemar_exact};
use crate::statistics::{AgreementTable, CONFIDENCE, Estimate, proportion};

use super::history::{Event, History};
use super::recovery::{Back, Period, Recovery};
use super::settings::Settings;
use super::weights::Observation;

/// Share of changed labels that an unchanged human may cause.
const HUMAN_NOISE: f64 = 0.15;
/// How much more than noise is drift.
const MARGIN: f64 = 0.10;
/// Replays that a quiet set of anchors needs to speak for the judge.
const MIN_REPLAYS: usize = 30;
/// Replays on either side of an entry that tell whether they changed there.
const AROUND: usize = 50;
/// With how much certainty the date of a move is known before what changed around it is accused.
const CERTAIN: f64 = 0.999;
/// Level of the directional test over all replay rounds together.
pub(super) const LEVEL: f64 = 0.01;

/// Which side of a repeated item is compared with its first appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Judge,
    Human,
}

impl Side {
    fn noise(self, settings: &Settings) -> f64 {
        match self {
            Self::Judge => settings.judge_noise,
            Self::Human => HUMAN_NOISE,
        }
    }
}

/// What items seen again say about one side.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Replays {
    /// Indices of the entries in which an item was seen again.
    pub(super) seen: Vec<usize>,
    /// How far each of them is from the item's first appearance: 0 the same, 1 the opposite.
    changes: Vec<f64>,
    /// When that side moved, in order of time; only the last one may stand.
    pub(super) moves: Vec<Moved>,
}

/// One side moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moved {
    /// Behind which entries it moved: likely, and surely.
    behind: [usize; 2],
    pub(super) since: usize,
    pub(super) detected: usize,
    pub(super) labels: usize,
    /// Share of changed verdicts since then.
    pub(super) effect: Estimate,
    /// How close they are to the first ones on average: a change by one of many levels is a small one.
    closeness: f64,
    pub(super) statistic: f64,
    pub(super) threshold: f64,
    /// Whether the directional test of a round fired, rather than the rate of changes.
    pub(super) directional: bool,
    /// Its end, where it has one.
    pub(super) back: Option<Back>,
}

impl Moved {
    pub(super) fn period(&self) -> Period {
        Period { since: self.since, until: self.back.map(|back| back.detected) }
    }
}

/// An item seen again: what it was at first and what it is now.
struct Seen {
    index: usize,
    /// Index of the item's first appearance.
    first_index: usize,
    first: Place,
    now: Place,
    round: usize,
}

/// Watches one side of repeated items: the share of changes by an e-detector with the promised run length, and the
/// direction of changes of each completed round by McNemar's or Bowker's test, at levels that sum to 1 %. What has
/// returned to its first verdicts is watched anew; the tests are numbered on, so that no level is spent twice.
pub(super) fn replays(history: &History, side: Side, settings: &Settings) -> Replays {
    let seen = seen_again(history, side);
    let indices = seen.iter().map(|seen| seen.index).collect();
    let changes = seen.iter().map(|seen| 1.0 - history.scale.closeness(seen.first, seen.now)).collect();
    let mut moves: Vec<Moved> = Vec::new();
    let (mut rest, mut tests) = (&seen[..], 0);
    while let Some(moved) = next_move(history, rest, tests, side, settings) {
        let after = rest.partition_point(|seen| seen.index <= moved.detected);
        tests += rounds(&rest[..after]).len();
        let back = returned(history, &rest[after..], &moved, side, settings);
        moves.push(Moved { back, ..moved });
        let Some(back) = back else { break };
        rest = &rest[rest.partition_point(|seen| seen.index <= back.detected)..];
    }
    Replays { seen: indices, changes, moves }
}

/// The next move after so many tests of direction.
fn next_move(history: &History, seen: &[Seen], tests: usize, side: Side, settings: &Settings) -> Option<Moved> {
    let by_rate = rate_alarm(history, seen, side, settings);
    let by_direction = direction_alarm(history, seen, tests);
    [by_rate, by_direction].into_iter().flatten().min_by_key(|moved| moved.detected)
}

/// Whether that side says again what it said at first, as often as noise allows. Changes that were more one-sided than
/// frequent leave a share that noise alone could cause: their end cannot be seen in it, and the move stands.
fn returned(history: &History, seen: &[Seen], moved: &Moved, side: Side, settings: &Settings) -> Option<Back> {
    let usual = 1.0 - side.noise(settings);
    if moved.directional && moved.closeness > usual - MARGIN {
        return None;
    }
    let mut recovery = Recovery::new(moved.since, usual, moved.closeness.min(usual - MARGIN), MARGIN)?;
    let changed = |recent: &[Observation]| {
        let changes = recent.iter().filter(|seen| seen.closeness < 1.0).count();
        proportion(changes as f64, recent.len() as f64)
    };
    seen.iter().find_map(|seen| {
        let closeness = history.scale.closeness(seen.first, seen.now);
        recovery.observe(Observation::plain(seen.index, closeness), settings.run_length, changed)
    })
}

impl Replays {
    /// Whether that side moved at some time of a period.
    pub(super) fn moved_in(&self, period: Period) -> bool {
        self.moves.iter().any(|moved| moved.period().overlaps(period))
    }

    /// How likely it is that what moved a side came with an entry: it did so within the time of the move, and items that were
    /// seen again behind it changed more than those before. What crept in came with nothing.
    pub(super) fn plausibility(&self, moved: &Moved, entry: usize) -> f64 {
        let [likely, surely] = moved.behind;
        if entry <= surely || entry > moved.detected {
            return 0.0;
        }
        let place = self.seen.partition_point(|index| *index < entry);
        let mean = |changes: &[f64]| changes.iter().sum::<f64>() / changes.len().max(1) as f64;
        let before = mean(&self.changes[place.saturating_sub(AROUND)..place]);
        let behind = mean(&self.changes[place..(place + AROUND).min(self.changes.len())]);
        let is_step = behind - before >= (1.0 - moved.closeness - before) / 2.0;
        if is_step && entry > likely { 1.0 } else { 1.0 - CONFIDENCE }
    }
}

fn seen_again(history: &History, side: Side) -> Vec<Seen> {
    let mut first: BTreeMap<usize, (Place, Option<&str>, usize, usize)> = BTreeMap::new();
    let annotator = |event: &Event| history.entry(event).and_then(|entry| entry.annotator.as_deref());
    let mut seen = Vec::new();
    for event in &history.events {
        let Some(now) = value(event, side) else { continue };
        let Some((place, by, first_index, times)) = first.get_mut(&event.item) else {
            first.insert(event.item, (now, annotator(event), event.index, 0));
            continue;
        };
        // Another annotator's label is a difference between people, not a change of one.
        if side == Side::Human && *by != annotator(event) {
            continue;
        }
        seen.push(Seen { index: event.index, first_index: *first_index, first: *place, now, round: *times });
        *times += 1;
    }
    seen
}

fn value(event: &Event, side: Side) -> Option<Place> {
    match side {
        Side::Judge => event.judge,
        Side::Human => event.human,
    }
}

fn rate_alarm(history: &History, seen: &[Seen], side: Side, settings: &Settings) -> Option<Moved> {
    let mut detector = Detector::new(1.0 - side.noise(settings) - MARGIN).ok()?;
    let fired = seen
        .iter()
        .position(|seen| detector.observe(history.scale.closeness(seen.first, seen.now)) >= settings.run_length)?;
    let start = detector.since() as usize;
    let recent = &seen[start..=fired];
    Some(Moved {
        behind: behind(history, seen, fired),
        since: recent.first()?.index,
        detected: seen[fired].index,
        labels: recent.len(),
        effect: changed(history, recent),
        closeness: mean_closeness(history, recent.iter()),
        statistic: detector.evidence(),
        threshold: settings.run_length,
        directional: false,
        back: None,
    })
}

/// Behind which entries it began what ends with the replay `fired`: likely, and surely.
fn behind(history: &History, seen: &[Seen], fired: usize) -> [usize; 2] {
    let unknown = Counted { successes: 0.0, failures: 0.0 };
    let counted = |seen: &Seen| {
        let closeness = history.scale.closeness(seen.first, seen.now);
        Counted { successes: closeness, failures: 1.0 - closeness }
    };
    let counted: Vec<Counted> = seen[..=fired].iter().map(counted).collect();
    let first_seen = || seen[..=fired].iter().map(|seen| seen.first_index).max().unwrap_or(0);
    [CONFIDENCE, CERTAIN].map(|confidence| {
        let first = change_point(unknown, &counted, counted.len(), confidence).map_or(0, |found| found.first);
        first.checked_sub(1).map_or_else(first_seen, |place| seen[place].index)
    })
}

/// The rounds (k-th times that items are seen again) from the first to the last of these.
fn rounds(seen: &[Seen]) -> Range<usize> {
    let numbers = || seen.iter().map(|seen| seen.round);
    numbers().min().unwrap_or(0)..numbers().max().map_or(0, |last| last + 1)
}

/// The first round whose changes have a direction. The k-th test is one at `LEVEL / (k (k+1))`, so that all together stay
/// under `LEVEL`; `tests` came before.
fn direction_alarm(history: &History, seen: &[Seen], tests: usize) -> Option<Moved> {
    if history.scale.kind == Kind::Numeric {
        return None;
    }
    (tests + 1..).zip(rounds(seen)).find_map(|(test, round)| {
        let members: Vec<&Seen> = seen.iter().filter(|seen| seen.round == round).collect();
        let level = LEVEL / (test * (test + 1)) as f64;
        let p = direction_p(history, &members)?;
        let owned = members.iter().map(|seen| seen.index);
        let fired = seen.iter().rposition(|seen| seen.round == round).unwrap_or(0);
        (p <= level && members.len() >= MIN_REPLAYS).then(|| Moved {
            behind: behind(history, seen, fired),
            since: owned.clone().min().unwrap_or(0),
            detected: owned.max().unwrap_or(0),
            labels: members.len(),
            effect: changed_share(history, members.iter().map(|seen| (seen.first, seen.now))),
            closeness: mean_closeness(history, members.iter().copied()),
            statistic: p,
            threshold: level,
            directional: true,
            back: None,
        })
    })
}

fn direction_p(history: &History, members: &[&Seen]) -> Option<f64> {
    let mut table = AgreementTable::new(history.scale.levels);
    for seen in members {
        table.add(seen.first.category, seen.now.category, 1.0).ok()?;
    }
    if table.categories() == 2 {
        return Some(mcnemar_exact(table.count(0, 1) as u64, table.count(1, 0) as u64));
    }
    bowker(&table).ok().map(|test| test.p)
}

fn changed(history: &History, seen: &[Seen]) -> Estimate {
    changed_share(history, seen.iter().map(|seen| (seen.first, seen.now)))
}

fn mean_closeness<'a>(history: &History, seen: impl ExactSizeIterator<Item = &'a Seen>) -> f64 {
    let number = seen.len() as f64;
    seen.map(|seen| history.scale.closeness(seen.first, seen.now)).sum::<f64>() / number
}

fn changed_share(history: &History, pairs: impl Iterator<Item = (Place, Place)>) -> Estimate {
    let (number, changes) = pairs.fold((0.0, 0.0), |(number, changes), (first, now)| {
        (number + 1.0, changes + f64::from(u8::from(history.scale.closeness(first, now) < 1.0)))
    });
    proportion(changes, number)
}
