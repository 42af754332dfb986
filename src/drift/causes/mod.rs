//! Why agreement fell: the judge, the people, the mix of what comes in, how much of it is good, or content of a new kind.
//!
//! Every cause has evidence of its own, with an interval of the change that it makes by itself. A cause is excluded when
//! that interval excludes the fall, never because nothing was seen of it; one is named when it is shown to have moved and makes
//! up at least half of the fall, and no other is shown. New content has no evidence of its own and is named when all others
//! are excluded. What cannot be told apart stays ambiguous, with what would settle it. Only what came after the alarm
//! speaks: the labels that raised it are the unlucky ones.
//!
//! One looks at given times (after 50, 100 and 200 labels, and after each round of known items), and the first answer
//! stands: looking after every label would find a lucky moment.

mod anchors;
mod candidate;
mod change;
mod changed;
mod people;
mod settle;
mod shares;

pub(super) use anchors::Known;
pub use candidate::{Candidate, Standing};
pub(super) use changed::movers;

use anchors::Round;
use change::{Change, EXCLUDED, SHOWN};
use people::{Labelled, Person};
use shares::Split;

use super::history::History;
use super::replay::Side;
use super::since::Dates;
use super::stream::Fall;
use super::votes::Vote;
use super::weights::Observation;
use crate::model::Attribution;
use crate::statistics::{Estimate, Reason};

/// Observations after an alarm that say something.
const LEAST: usize = 30;
/// Observations after an alarm with which one looks.
const LOOKS: [usize; 3] = [50, 100, 200];
/// Labels of a person after their alarm with which one looks.
const OWN_LOOKS: [usize; 2] = [30, 90];
/// Labels that people give to known items before one looks.
const RELABELLED: [usize; 3] = [20, 80, 200];
/// Rounds of known items that are looked at.
const ROUNDS: usize = 3;
/// With how much certainty what was said of known items before is of a time before the fall.
const CERTAIN: f64 = 0.999;
/// Observations after an alarm that a round is waited for.
const PATIENCE: usize = 200;

/// What a fall is put down to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conclusion {
    pub(super) attribution: Attribution,
    pub(super) candidates: Vec<Candidate>,
    /// Whether a round of known items is awaited.
    pub(super) pending: bool,
}

/// What is known of a history beside its falls.
pub(super) struct Causes<'a> {
    history: &'a History,
    known: Known<'a>,
    first: &'a [Vote],
    later: &'a [Vote],
}

/// What the evidence says at one time.
struct Look {
    fall: Option<Change>,
    judge: OneSide,
    people: OneSide,
    persons: Vec<Person>,
    /// By each attribute.
    mix: Vec<Split>,
    good: Option<Split>,
    movers: Vec<Attribution>,
}

/// What known items say of one side.
struct OneSide {
    shown: Option<Change>,
    excluded: Option<Change>,
    latest: Option<Change>,
}

impl<'a> Causes<'a> {
    pub(super) fn of(history: &'a History, first: &'a [Vote], later: &'a [Vote]) -> Self {
        Self { history, known: Known::of(history), first, later }
    }

    /// Why the whole fell.
    pub(super) fn of_fall(&self, fall: &Fall) -> Conclusion {
        let dates = Dates::of(fall, CERTAIN);
        let behind = dates.and_then(|dates| dates.behind).or(self.first.last().map(Vote::index));
        let mut conclusion = None;
        for now in self.looks(fall) {
            let look = self.look(fall, behind, now);
            let found = look.conclude();
            let is_plain = found.attribution != Attribution::Ambiguous;
            conclusion = Some(found);
            if is_plain {
                break;
            }
        }
        let found = conclusion.unwrap_or_else(|| self.look(fall, behind, fall.alarm.detected).conclude());
        Conclusion { pending: found.attribution == Attribution::Ambiguous && self.is_pending(fall), ..found }
    }

    /// Whether one person fell and the others did not, by labels after the alarm.
    pub(super) fn is_alone(&self, name: &str, fall: &Fall) -> bool {
        let after = fall.after();
        let own = OWN_LOOKS.iter().filter_map(|number| after.get(number - 1));
        own.map(|one| one.index).any(|now| {
            let start = self.later.partition_point(|vote| vote.index() <= fall.alarm.detected);
            let end = self.later.partition_point(|vote| vote.index() <= now);
            let after = &self.later[start..end];
            let labelled = Labelled { entries: &self.history.entries, before: self.first, after };
            labelled.persons().iter().any(|person| person.name == name)
        })
    }

    /// Whether a round of known items that began after the alarm is not over yet.
    fn is_pending(&self, fall: &Fall) -> bool {
        let detected = fall.alarm.detected;
        fall.back.is_none()
            && fall.after().len() < PATIENCE
            && self.known.can_be_seen_again(detected)
            && self.known.rounds(Side::Judge, Some(detected), usize::MAX).is_empty()
    }

    /// Entries after which one looks.
    fn looks(&self, fall: &Fall) -> Vec<usize> {
        let (after, detected) = (fall.after(), fall.alarm.detected);
        let end = fall.back.map_or(usize::MAX, |back| back.since);
        let labels = LOOKS.iter().filter_map(|number| after.get(number - 1)).map(|one| one.index);
        let rounds = self.known.rounds(Side::Judge, Some(detected), usize::MAX);
        let rounds = rounds.iter().take(ROUNDS).map(|round| round.until);
        let relabelled = self.known.seen_again(Side::Human, detected);
        let relabelled = RELABELLED.iter().filter_map(|number| relabelled.get(number - 1)).copied();
        let mut looks: Vec<usize> = labels.chain(rounds).chain(relabelled).filter(|now| *now < end).collect();
        looks.sort_unstable();
        looks.dedup();
        looks
    }

    fn look(&self, fall: &Fall, behind: Option<usize>, now: usize) -> Look {
        let end = fall.back.map_or(usize::MAX, |back| back.since);
        let detected = fall.alarm.detected;
        let is_after = |vote: &&Vote| vote.index() > detected && vote.index() <= now && vote.index() < end;
        let start = self.later.partition_point(|vote| vote.index() <= detected);
        let stop = self.later.iter().skip(start).take_while(|vote| is_after(vote)).count();
        let after = &self.later[start..start + stop];
        let labelled = Labelled { entries: &self.history.entries, before: self.first, after };
        let observed = observations(after);
        let change = Change::between(&observations(self.first), &observed).filter(|_| observed.len() >= LEAST);
        let entry = |index: usize| self.history.entries.get(index);
        let good = |index: usize| Some(self.history.events.get(index)?.human?.category.to_string());
        Look {
            fall: change,
            judge: self.side(Side::Judge, behind, fall, now, change),
            people: self.side(Side::Human, behind, fall, now, self.own_fall(&labelled, detected, now)),
            persons: if observed.len() >= LEAST { labelled.persons() } else { Vec::new() },
            mix: self
                .attributes()
                .filter_map(|name| Split::of(self.first, after, |at| entry(at)?.part(name)))
                .collect(),
            good: Split::of(self.first, after, good),
            movers: self.movers(fall, behind, now),
        }
    }

    /// What was changed when the judge moved. What known items outlived unmoved is not it.
    fn movers(&self, fall: &Fall, behind: Option<usize>, now: usize) -> Vec<Attribution> {
        let shown =
            self.known.rounds(Side::Judge, behind, now).into_iter().find(|round| round.beyond_noise.is_shown(SHOWN));
        let plausibility = fall.plausibility();
        let outlived = |entry: usize| {
            let rounds = self.known.rounds(Side::Judge, entry.checked_sub(1), now);
            let (first, shown) = (rounds.first(), shown.as_ref());
            first.zip(shown).is_some_and(|(first, shown)| {
                first.until < shown.from && shown.change.minus(first.change).is_shown(EXCLUDED)
            })
        };
        movers(&self.history.entries, fall.alarm.detected, |entry| {
            let likely = plausibility(entry);
            if likely > 0.0 && outlived(entry) { 0.0 } else { likely }
        })
    }

    fn attributes(&self) -> impl Iterator<Item = &'a str> {
        let names = self.first.iter().filter_map(|vote| self.history.entries.get(vote.index()));
        let names: std::collections::BTreeSet<&str> =
            names.flat_map(|entry| entry.segments.keys().map(String::as_str)).collect();
        names.into_iter()
    }

    /// The fall by the labels of those who labelled known items again: only these are shown to have moved or not.
    fn own_fall(&self, labelled: &Labelled<'_>, detected: usize, now: usize) -> Option<Change> {
        let by = self.known.relabelled_by(detected, now);
        let own = |name: Option<&str>| by.contains(&None) || by.contains(&name);
        let (before, after) = (labelled.by(self.first, own), labelled.by(labelled.after, own));
        Change::between(&before, &after).filter(|_| after.len() >= LEAST)
    }

    fn side(&self, side: Side, behind: Option<usize>, fall: &Fall, now: usize, all: Option<Change>) -> OneSide {
        let rounds = self.known.rounds(side, behind, now);
        let detected = fall.alarm.detected;
        // What was repaired since says nothing of the fall.
        let end = fall.back.map_or(usize::MAX, |back| back.since);
        let (last, rounds): (Option<&Round>, Vec<&Round>) = {
            let inside: Vec<&Round> = rounds.iter().filter(|round| round.until < end).take(ROUNDS).collect();
            (inside.iter().rev().find(|round| round.from > detected).copied(), inside)
        };
        let shown = rounds.iter().find(|round| round.beyond_noise.is_shown(SHOWN)).map(|round| round.change);
        let excluded = last.filter(|round| shown.is_none() && all.is_some_and(|all| round.change.excludes(all)));
        OneSide {
            shown,
            excluded: excluded.map(|round| round.change),
            latest: last.or(rounds.last().copied()).map(|round| round.change),
        }
    }
}

fn observations(votes: &[Vote]) -> Vec<Observation> {
    votes.iter().map(Vote::observation).collect()
}

fn known(change: Option<Change>) -> Estimate {
    change.map_or(Estimate::Undefined(Reason::NoPairs), Change::estimate)
}

impl Look {
    fn conclude(&self) -> Conclusion {
        let judge = self.of_side(&self.judge);
        let people = if self.persons.is_empty() { self.of_side(&self.people) } else { Standing::Shown };
        // The attribute that explains the most.
        let by_mix = self.mix.iter().min_by(|a, b| a.mix.value.total_cmp(&b.mix.value));
        let mix = self.of_split(by_mix, 1.0);
        let good = self.of_split(self.good.as_ref(), 1.0 / 3.0);
        let is_unseen = |split: &&Split| self.fall.is_some_and(|fall| split.is_unseen(fall));
        let unseen = self.mix.iter().find(is_unseen);
        let mut candidates: Vec<Candidate> = Vec::new();
        let change = self.judge.shown.or(self.judge.excluded).or(self.judge.latest);
        for cause in &self.movers {
            candidates.push(Candidate {
                cause: *cause,
                standing: judge,
                change: known(change),
                why: judge_why(change.is_some()),
            });
        }
        candidates.push(self.of_people(people));
        if let Some(split) = by_mix {
            let why = "the change by the shares of segments, agreement within them being equal";
            candidates.push(Candidate {
                cause: Attribution::InputMix,
                standing: mix,
                change: split.mix.estimate(),
                why: why.into(),
            });
        }
        if let Some(split) = self.good {
            let why = "the change by the shares of good and bad answers, agreement on either being equal";
            candidates.push(Candidate {
                cause: Attribution::Answers,
                standing: good,
                change: split.mix.estimate(),
                why: why.into(),
            });
        }
        let is_excluded = |one: &Candidate| one.standing == Standing::Excluded;
        let is_shown = |one: &Candidate| one.standing == Standing::Shown;
        let content = match () {
            () if unseen.is_some() || candidates.iter().all(is_excluded) => Standing::Shown,
            () if candidates.iter().any(is_shown) => Standing::Excluded,
            () => Standing::Possible,
        };
        candidates.push(Candidate {
            cause: Attribution::NewContent,
            standing: content,
            change: known(unseen.and_then(|split| split.unseen)),
            why: "what is left when the others are excluded".into(),
        });
        let shown: Vec<Attribution> = candidates.iter().filter(|one| is_shown(one)).map(|one| one.cause).collect();
        let attribution = match shown[..] {
            [one] => one,
            // A share of segments that grew brings its good and bad answers with it.
            [Attribution::InputMix, Attribution::Answers] => Attribution::InputMix,
            _ => Attribution::Ambiguous,
        };
        Conclusion { attribution, candidates, pending: false }
    }

    fn of_side(&self, side: &OneSide) -> Standing {
        let explains = |change: Change| self.fall.is_none_or(|fall| change.explains(fall));
        match (side.shown, side.excluded) {
            (Some(change), _) if explains(change) => Standing::Shown,
            (None, Some(_)) => Standing::Excluded,
            _ => Standing::Possible,
        }
    }

    /// `most` is the part of what the shares make that the rest may make, where the shares are the cause.
    fn of_split(&self, split: Option<&Split>, most: f64) -> Standing {
        match split.zip(self.fall) {
            Some((split, fall)) if split.is_mix(fall, most) => Standing::Shown,
            Some((split, fall)) if split.within.is_shown(EXCLUDED) && !split.mix.explains(fall) => Standing::Excluded,
            _ => Standing::Possible,
        }
    }

    fn of_people(&self, standing: Standing) -> Candidate {
        let person = self.persons.first();
        let change =
            person.map(|person| person.change).or(self.people.shown).or(self.people.excluded).or(self.people.latest);
        let why = match person {
            Some(Person { name, is_new: true, .. }) => format!("{name}, who is new, against those who were there"),
            Some(Person { name, .. }) => format!("{name} against the others, by labels after the alarm"),
            None if change.is_some() => {
                "people's new labels of known items against the judge's first verdicts".to_owned()
            }
            None => "nobody has labelled known items again since".to_owned(),
        };
        Candidate { cause: Attribution::Raters, standing, change: known(change), why }
    }
}

fn judge_why(is_known: bool) -> String {
    let why = if is_known {
        "the judge's new verdicts on known items against the labels that were there"
    } else {
        "known items were not judged again since"
    };
    why.to_owned()
}
