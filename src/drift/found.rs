//! Everything that moved in a history, as flags with evidence and cause.

use super::attribution::{Evidence, split};
use super::baseline::Parted;
use super::history::History;
use super::mix::{self, Shift, input_shifts, score_shifts};
use super::recovery::{Back, Period};
use super::replay::{self, Moved, Replays};
use super::report::{ALGORITHM, Flag, Recovery, Strength};
use super::settings::Settings;
use super::stream::{Alarm, Fall, Watched, fell_within, watch_parts};
use super::votes::{Member, Vote};
use crate::model::{Attribution, DriftKind as Kind};

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
        // Of several shifts, the one that began when the period did: what had long moved explains less.
        let mix_in = |period: Period| {
            let then = input.iter().filter(|shift| shift.period().overlaps(period));
            then.min_by_key(|shift| shift.since.abs_diff(period.since))
        };
        let raters = self.raters(first, later);
        let part_in = |period: Period| {
            let shift = mix_in(period);
            move |index: usize| self.history.entries.get(index)?.part(&shift?.attribute)
        };
        let evidence = |period: Period, around: &[Vote]| Evidence {
            entries: &self.history.entries,
            judge: self.judge,
            human: self.human,
            input: mix_in(period),
            within: fell_within(first, around, part_in(period), self.settings),
            one_rater: raters.iter().any(|(_, fall)| fall.period().overlaps(period)),
        };
        let mut said = Vec::new();
        for fall in &watched.falls {
            let around = self.around(fall, later);
            let period = fall.period();
            let parts = split(first, around, part_in(period));
            let attribution = evidence(period, around).of_agreement(period, fall.alarm.detected, parts);
            said.push(self.fall_said(None, fall, attribution));
        }
        // Segments are explained as the whole is: by what it saw of its latest fall.
        let around = watched.falls.last().map_or(&[][..], |fall| self.around(fall, later));
        let returns: Vec<Back> = watched.falls.iter().filter_map(|fall| fall.back).collect();
        for (name, fall) in watch_parts(first, later, |index| self.segments_of(index), &returns, self.settings) {
            let period = fall.period();
            let attribution = evidence(period, around).of_agreement(period, fall.alarm.detected, None);
            said.push(self.fall_said(Some(name), &fall, attribution));
        }
        said.extend(self.replay_flags());
        for (name, fall) in &raters {
            let (flag, recovery) = self.fall_said(Some(name.clone()), fall, Attribution::Raters);
            said.push((Flag { kind: Kind::Rater, ..flag }, recovery));
        }
        said.extend(score.iter().map(|shift| {
            let period = shift.period();
            let attribution = match (self.judge.moved_in(period), mix_in(period)) {
                (true, _) => evidence(period, &[]).of_judge(shift.since, shift.detected),
                (false, Some(_)) => Attribution::InputMix,
                (false, None) => Attribution::Ambiguous,
            };
            self.shift_said(Kind::Score, shift, attribution)
        }));
        said.extend(input.iter().map(|shift| self.shift_said(Kind::InputMix, shift, Attribution::InputMix)));
        said
    }

    /// Falls of annotators during which the agreement of the others fell less than half as much.
    fn raters(&self, first: &[Vote], later: &[Vote]) -> Vec<(String, Fall)> {
        let annotator = |index: usize| self.history.entries.get(index).and_then(|entry| entry.annotator.clone());
        let annotators = |index: usize| annotator(index).into_iter().collect();
        let mut falls = watch_parts(first, later, annotators, &[], self.settings);
        falls.retain(|(name, fall)| {
            let others = |label: &Member| annotator(label.index).is_some_and(|other| other != *name);
            let during = |label: &Member| others(label) && fall.period().contains(label.index);
            match (mean(first, others), mean(later, during), fall.alarm.effect.value()) {
                (Some(before), Some(now), Some(effect)) => now - before > effect / 2.0,
                _ => false,
            }
        });
        falls
    }

    pub(super) fn replay_flags(&self) -> Vec<Said> {
        let evidence = Evidence {
            entries: &self.history.entries,
            judge: self.judge,
            human: self.human,
            input: None,
            within: false,
            one_rater: false,
        };
        let judge = self.judge.moves.iter().map(|moved| {
            let both = self.human.moved_in(moved.period());
            let attribution =
                if both { Attribution::Ambiguous } else { evidence.of_judge(moved.since, moved.detected) };
            self.replay_said(Kind::Judge, moved, attribution)
        });
        let human = self.human.moves.iter().map(|moved| {
            let both = self.judge.moved_in(moved.period());
            let attribution = if both { Attribution::Ambiguous } else { Attribution::Raters };
            self.replay_said(Kind::Rater, moved, attribution)
        });
        judge.chain(human).collect()
    }

    /// The labels from which a fall is explained: those since it likely began and until it was back, as many as the
    /// baseline has. The ones that raised the alarm are not enough: they were the unlucky ones.
    fn around<'l>(&self, fall: &Fall, later: &'l [Vote]) -> &'l [Vote] {
        let start = later.partition_point(|vote| vote.index() < fall.alarm.since);
        let detected = later.partition_point(|vote| vote.index() <= fall.alarm.detected);
        let back = fall.back.map_or(later.len(), |back| later.partition_point(|vote| vote.index() < back.since));
        let end = (start + self.settings.baseline).min(back).max(detected).min(later.len());
        &later[start..end]
    }

    fn segments_of(&self, index: usize) -> Vec<String> {
        self.history.entries.get(index).map_or_else(Vec::new, |entry| entry.parts().map(|(_, part)| part).collect())
    }

    fn fall_said(&self, segment: Option<String>, fall: &Fall, attribution: Attribution) -> Said {
        let what = "agreement stays at or below";
        (
            self.agreement_flag(segment, &fall.alarm, attribution),
            fall.back.map(|back| self.recovery(&back, what, "labels")),
        )
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

    fn agreement_flag(&self, segment: Option<String>, alarm: &Alarm, attribution: Attribution) -> Flag<usize> {
        let many = if alarm.threshold > self.settings.run_length {
            ", error over patience controlled over parts (e-BH)"
        } else {
            ""
        };
        Flag {
            kind: Kind::Agreement,
            segment,
            since: alarm.since,
            detected_at: alarm.detected,
            labels_to_detection: alarm.labels,
            effect: alarm.effect,
            evidence: Strength {
                statistic: alarm.statistic,
                threshold: alarm.threshold,
                guarantee: format!("{}{many}", self.run_length("labels")),
            },
            attribution,
            advice: attribution.advice().into(),
            algorithm: ALGORITHM,
        }
    }

    fn replay_flag(&self, kind: Kind, moved: &Moved, attribution: Attribution) -> Flag<usize> {
        let guarantee = if moved.directional {
            format!("a false alarm by this test has probability at most {} over all replays", replay::LEVEL)
        } else {
            self.run_length("replays")
        };
        Flag {
            kind,
            segment: None,
            since: moved.since,
            detected_at: moved.detected,
            labels_to_detection: moved.labels,
            effect: moved.effect,
            evidence: Strength { statistic: moved.statistic, threshold: moved.threshold, guarantee },
            attribution,
            advice: attribution.advice().into(),
            algorithm: ALGORITHM,
        }
    }

    fn run_length(&self, what: &str) -> String {
        format!("on average at least {} {what} pass before a false alarm", self.settings.run_length)
    }
}

fn shift_flag(kind: Kind, shift: &Shift, attribution: Attribution) -> Flag<usize> {
    Flag {
        kind,
        segment: shift.segment.clone(),
        since: shift.since,
        detected_at: shift.detected,
        labels_to_detection: shift.entries,
        effect: shift.effect,
        evidence: Strength {
            statistic: shift.p,
            threshold: shift.level,
            guarantee: format!("a false alarm by this test has probability at most {} over all windows", mix::LEVEL),
        },
        attribution,
        advice: attribution.advice().into(),
        algorithm: ALGORITHM,
    }
}

/// The weighted mean of the labels of which `counts` holds.
fn mean(votes: &[Vote], counts: impl Fn(&Member) -> bool) -> Option<f64> {
    let counted = votes.iter().flat_map(Vote::shares).filter(|(label, _)| counts(label));
    let (sum, weight) =
        counted.fold((0.0, 0.0), |(sum, all), (label, weight)| (sum + weight * label.closeness, all + weight));
    (weight > 0.0).then(|| sum / weight)
}
