//! One vote a conversation: what detectors may take for independent.
//!
//! Answers of one conversation, and copies of one answer, tend to be right or wrong together. A bet on each of them would
//! win or lose many times by one piece of luck, so that each group has one vote. Labels of a conversation that follow each
//! other are one observation, their mean; the vote is counted when the conversation is left, as its size is chosen by
//! people and not by a detector. What comes of a group that has voted is no evidence any more. Copies of an answer are
//! known by their content, conversations by their session; groups that share either are one.

use super::groups::Groups;
use super::history::{Event, History};
use super::weights::{Observation, stake};
use crate::model::Moment;

/// A label and the verdict it was held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Member {
    /// Index of the entry.
    pub(super) index: usize,
    pub(super) closeness: f64,
    pub(super) probability: f64,
    /// When the answer was observed, and when the label was seen.
    pub(super) observed: Option<Moment>,
    pub(super) seen: Option<Moment>,
}

/// The labels of one conversation that came together; mostly one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vote {
    pub(super) members: Vec<Member>,
    /// The rarest probability that counts in full.
    pub(super) rarest: f64,
}

impl Vote {
    /// Index of its last entry.
    pub(super) fn index(&self) -> usize {
        self.members.last().map_or(0, |member| member.index)
    }

    /// As one observation.
    pub(super) fn observation(&self) -> Observation {
        self.by(self.rarest)
    }

    /// The same by what is rare among others.
    pub(super) fn by(&self, rarest: f64) -> Observation {
        mean(self.members.iter(), rarest).unwrap_or_else(|| Observation::plain(self.index(), 1.0))
    }

    /// What those of its labels say of which `belongs` holds.
    pub(super) fn part(&self, belongs: impl Fn(usize) -> bool, rarest: f64) -> Option<Observation> {
        mean(self.members.iter().filter(|member| belongs(member.index)), rarest)
    }
}

fn mean<'a>(members: impl Iterator<Item = &'a Member>, rarest: f64) -> Option<Observation> {
    let (mut labels, mut stakes, mut sum, mut index) = (0, 0.0, 0.0, 0);
    for member in members {
        let stake = stake(member.probability, rarest);
        (labels, stakes, sum, index) = (labels + 1, stakes + stake, sum + stake * member.closeness, member.index);
    }
    let stake = stakes / f64::from(labels);
    (labels > 0).then(|| Observation {
        index,
        closeness: sum / stakes,
        stake,
        weight: stake / rarest,
        labels: labels as usize,
    })
}

/// The votes of a history, in the order in which they were complete.
pub(super) fn votes(history: &History) -> Vec<Vote> {
    let mut votes: Vec<Vote> = Vec::new();
    let mut groups = Groups::default();
    let mut open: Option<(Vote, usize)> = None;
    for event in history.events.iter().filter(|event| event.is_vote()) {
        let Some((human, judge)) = event.human.zip(event.judge_known) else { continue };
        let closeness = history.scale.agreement(human, judge);
        let Event { index, probability, observed, seen, .. } = *event;
        let member = Member { index, closeness, probability, observed, seen };
        let alone = Vote { members: vec![member], rarest: event.rarest };
        if event.corrects {
            votes.push(alone);
            continue;
        }
        let (group, _) = groups.place(history.keys(event));
        match &mut open {
            Some((vote, of)) if groups.root(*of) == group => {
                vote.members.push(member);
                continue;
            }
            _ => votes.extend(open.take().map(|(vote, _)| vote)),
        }
        if std::mem::replace(&mut groups.voted[group], true) {
            continue;
        }
        if history.has_session(event) {
            open = Some((alone, group));
        } else {
            votes.push(alone);
        }
    }
    votes
}
