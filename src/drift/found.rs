//! Everything that moved in a history, as flags with evidence and cause.

use std::borrow::Cow;

use super::baseline::Parted;
use super::causes::{Causes, Conclusion, movers};
use super::history::History;
use super::mix::{self, Shift, input_shifts, score_shifts};
use super::recovery::Back;
use super::replay::{self, Moved, Replays};
use super::report::{ALGORITHM, Dates, Flag, Recovery, Strength};
use super::settings::Settings;
use super::stream::{Fall, Watched, watch_parts};
use crate::model::{Attribution, DriftKind as Kind};
use crate::statistics::Estimate;

/// A flag, and its end where it has one.
pub(super) type Said = (Flag<usize>, Option<Recovery<usize>>);

/// A history with what its repeated items say.
pub(super) struct Found<'a> {
    pub(super) history: &'a History,
    pub(super) judge: &'a Replays,
    pub(super) human: &'a Replays,
    pub(super) settings: &'a Settings,
}

impl Found<'_> {
    pub(super) fn flags(&self, watched: &Watched, parted: &Parted) -> Vec<Said> {
        let (first, later) = (&parted.first[..], &parted.later[..]);
        let input = input_shifts(self.history, parted, self.settings);
        let score = score_shifts(self.history, parted, self.settings);
        let causes = Causes::of(self.history, first, later);
        let wholes: Vec<(&Fall, Conclusion)> = watched.falls.iter().map(|fall| (fall, causes.of_fall(fall))).collect();
        // A part is explained by what was seen of the whole while it was down.
        let of_part = |fall: &Fall| {
            let with = wholes.iter().rev().find(|(whole, _)| whole.period().overlaps(fall.period()));
            with.map_or_else(Conclusion::unknown, |(_, conclusion)| conclusion.clone())
        };
        let mut said: Vec<Said> =
            wholes.iter().map(|(fall, conclusion)| self.fall_said(None, fall, conclusion.clone())).collect();
        let returns: Vec<Back> = watched.falls.iter().filter_map(|fall| fall.back).collect();
        for (name, fall) in watch_parts(first, later, |index| self.segments_of(index), &returns, self.settings) {
            said.push(self.fall_said(Some(name), &fall, of_part(&fall)));
        }
        said.extend(self.replay_flags());
        let annotators = |index: usize| {
            self.history.entries.get(index).and_then(|entry| entry.annotator.clone()).into_iter().collect()
        };
        for (name, fall) in watch_parts(first, later, annotators, &[], self.settings) {
            if causes.is_alone(&name, &fall) {
                let (flag, recovery) = self.fall_said(Some(name), &fall, Conclusion::plain(Attribution::Raters));
                said.push((Flag { kind: Kind::Rater, ..flag }, recovery));
            }
        }
        said.extend(score.iter().map(|shift| {
            let moved = self.judge.moves.iter().find(|moved| moved.period().overlaps(shift.period()));
            let mixed = || input.iter().any(|input| input.period().overlaps(shift.period()));
            let attribution = match moved {
                Some(moved) => self.mover(moved),
                None if mixed() => Attribution::InputMix,
                None => Attribution::Ambiguous,
            };
            self.shift_said(Kind::Score, shift, attribution)
        }));
        said.extend(input.iter().map(|shift| self.shift_said(Kind::InputMix, shift, Attribution::InputMix)));
        said
    }

    pub(super) fn replay_flags(&self) -> Vec<Said> {
        let judge = self.judge.moves.iter().map(|moved| {
            let both = self.human.moved_in(moved.period());
            let attribution = if both { Attribution::Ambiguous } else { self.mover(moved) };
            self.replay_said(Kind::Judge, moved, attribution)
        });
        let human = self.human.moves.iter().map(|moved| {
            let both = self.judge.moved_in(moved.period());
            let attribution = if both { Attribution::Ambiguous } else { Attribution::Raters };
            self.replay_said(Kind::Rater, moved, attribution)
        });
        judge.chain(human).collect()
    }

    /// What moved the judge, where one thing was changed, or nothing was.
    fn mover(&self, moved: &Moved) -> Attribution {
        match movers(&self.history.entries, moved.detected, |entry| self.judge.plausibility(moved, entry))[..] {
            [one] => one,
            _ => Attribution::Ambiguous,
        }
    }

    fn segments_of(&self, index: usize) -> Vec<String> {
        self.history.entries.get(index).map_or_else(Vec::new, |entry| entry.parts().map(|(_, part)| part).collect())
    }

    fn fall_said(&self, segment: Option<String>, fall: &Fall, conclusion: Conclusion) -> Said {
        let what = "agreement stays at or below";
        (self.agreement_flag(segment, fall, conclusion), fall.back.map(|back| self.recovery(&back, what, "labels")))
    }

    fn replay_said(&self, kind: Kind, moved: &Moved, attribution: Attribution) -> Said {
        let what = "the share of unchanged verdicts stays at or below";
        let recovery = moved.back.map(|back| self.recovery(&back, what, "replays"));
        (self.replay_flag(kind, moved, attribution), recovery)
    }

    fn shift_said(&self, kind: Kind, shift: &Shift, attribution: Attribution) -> Said {
        let what = if shift.effect.value().is_some_and(|effect| effect < 0.0) {
            "what fell stays at or below"
        } else {
            "the complement of what rose stays at or below"
        };
        let recovery = shift.back.map(|back| self.recovery(&back, what, "entries"));
        (shift_flag(kind, shift, attribution), recovery)
    }

    fn recovery(&self, back: &Back, what: &str, unit: &str) -> Recovery<usize> {
        let whole = if back.of_whole { "as the whole is: " } else { "" };
        let guarantee = format!(
            "{whole}while {what} {:.3}, on average at least {} {unit} pass before it is called recovered",
            back.level, self.settings.run_length
        );
        Recovery {
            since: back.since,
            detected_at: back.detected,
            labels_to_detection: back.labels,
            effect: back.effect,
            evidence: Strength { statistic: back.statistic, threshold: back.threshold, guarantee },
        }
    }

    fn agreement_flag(&self, segment: Option<String>, fall: &Fall, conclusion: Conclusion) -> Flag<usize> {
        let alarm = &fall.alarm;
        let many = if alarm.threshold > self.settings.run_length {
            ", error over patience controlled over parts (e-BH)"
        } else {
            ""
        };
        let dates = fall.dates();
        let (effect, provisional) = fall.size();
        let advice = conclusion.advice();
        Flag {
            kind: Kind::Agreement,
            segment,
            since: dates.map_or(alarm.since, |dates| dates.likeliest),
            detected_at: alarm.detected,
            labels_to_detection: alarm.labels,
            effect,
            evidence: Strength {
                statistic: alarm.statistic,
                threshold: alarm.threshold,
                guarantee: format!("{}{many}", self.run_length("labels")),
            },
            attribution: conclusion.attribution,
            advice,
            algorithm: ALGORITHM,
            since_range: dates.map(|dates| Dates { from: dates.first, until: dates.last }),
            provisional,
            pending: conclusion.pending,
            candidates: conclusion.candidates,
        }
    }

    fn replay_flag(&self, kind: Kind, moved: &Moved, attribution: Attribution) -> Flag<usize> {
        let guarantee = if moved.directional {
            format!("a false alarm by this test has probability at most {} over all replays", replay::LEVEL)
        } else {
            self.run_length("replays")
        };
        let evidence = Strength { statistic: moved.statistic, threshold: moved.threshold, guarantee };
        plain_flag(kind, None, (moved.since, moved.detected, moved.labels), moved.effect, evidence, attribution)
    }

    fn run_length(&self, what: &str) -> String {
        format!("on average at least {} {what} pass before a false alarm", self.settings.run_length)
    }
}

fn shift_flag(kind: Kind, shift: &Shift, attribution: Attribution) -> Flag<usize> {
    let guarantee = format!("a false alarm by this test has probability at most {} over all windows", mix::LEVEL);
    let evidence = Strength { statistic: shift.p, threshold: shift.level, guarantee };
    let times = (shift.since, shift.detected, shift.entries);
    plain_flag(kind, shift.segment.clone(), times, shift.effect, evidence, attribution)
}

/// A flag of which nothing more is known.
fn plain_flag(
    kind: Kind,
    segment: Option<String>,
    (since, detected_at, labels_to_detection): (usize, usize, usize),
    effect: Estimate,
    evidence: Strength,
    attribution: Attribution,
) -> Flag<usize> {
    Flag {
        kind,
        segment,
        since,
        detected_at,
        labels_to_detection,
        effect,
        evidence,
        attribution,
        advice: Cow::Borrowed(attribution.advice()),
        algorithm: ALGORITHM,
        since_range: None,
        provisional: false,
        pending: false,
        candidates: Vec::new(),
    }
}
