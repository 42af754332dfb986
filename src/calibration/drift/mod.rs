//! Drift: has anything moved that makes earlier calibration void, and what? Pure over a history in order of time.
//!
//! The first labels are the baseline; what follows is watched by tests that stay valid however often one looks:
//! agreement, in all and by segment; the judge on items it has judged before; humans on items they have labelled before;
//! the distribution of verdicts; the mix of segments. Each flag states its guarantee and what it is put down to. What
//! agreement, judge or humans have recovered from is told as such, and the watch begins anew against the same baseline.

mod attribution;
mod course;
mod history;
mod mix;
mod quality;
mod recovery;
mod replay;
mod stream;

use serde::Serialize;
use serde_json::Value;

pub use attribution::Attribution;
pub use course::{Course, EvidencePoint, SeriesStart};
pub use history::{BadEntry, Entry};
pub use quality::QualityScore;

use super::agreement::{Declaration, LabelScale};
use crate::statistics::{Estimate, Reason};
use attribution::{Evidence, split};
use history::{History, as_items};
use mix::{Shift, input_shifts, score_shifts};
use recovery::{Back, Period};
use replay::{Moved, Replays, Side, replays};
use stream::{Agreement, Alarm, Baseline, Fall, Watched, agreements, fell_within, watch_all, watch_parts};

/// How to watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The declared scale; inferred without one.
    pub scale: Option<Declaration>,
    /// Labels of the baseline.
    pub baseline: usize,
    /// A fall of agreement below this is no drift.
    pub tolerance: f64,
    /// Labels that pass on average before a false alarm, at least.
    pub run_length: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { scale: None, baseline: 200, tolerance: 0.05, run_length: 1_000.0 }
    }
}

/// What moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Agreement with humans fell.
    Agreement,
    /// The judge changed its mind about items it had judged.
    Judge,
    /// The judge's verdicts are distributed otherwise.
    Score,
    /// Segments have other shares.
    InputMix,
    /// An annotator labels otherwise.
    Rater,
    /// The judge's scores fell.
    Quality,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Agreement, Self::Judge, Self::Score, Self::InputMix, Self::Rater, Self::Quality];

    /// Its name in the output format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Judge => "judge",
            Self::Score => "score",
            Self::InputMix => "input_mix",
            Self::Rater => "rater",
            Self::Quality => "quality",
        }
    }
}

/// One thing that moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flag {
    /// What.
    pub kind: Kind,
    /// In which segment, or which annotator; null for all.
    pub segment: Option<String>,
    /// Time of the entry at which it likely began.
    pub since: Value,
    /// Time of the entry that raised the flag.
    pub detected_at: Value,
    /// Labels (for score and mix: entries; for quality: scores) from the one to the other.
    pub labels_to_detection: usize,
    /// By how much.
    pub effect: Estimate,
    /// How sure.
    pub evidence: Strength,
    /// Why.
    pub attribution: Attribution,
    /// What to do.
    pub advice: &'static str,
}

/// Something that had moved and is back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recovered {
    /// What had moved.
    #[serde(flatten)]
    pub flag: Flag,
    /// How it came back.
    pub recovery: Recovery,
}

/// A return.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recovery {
    /// Time of the entry since which it is likely back.
    pub since: Value,
    /// Time of the entry that showed it.
    pub detected_at: Value,
    /// Labels from the one to the other.
    pub labels_to_detection: usize,
    /// What remains of the effect.
    pub effect: Estimate,
    /// How sure.
    pub evidence: Strength,
}

/// How sure a flag is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Strength {
    /// The statistic: evidence of an e-detector, or a p-value.
    pub statistic: f64,
    /// What it was compared with.
    pub threshold: f64,
    /// What that promises about false alarms.
    pub guarantee: String,
}

/// What a history says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Labels with a verdict that feed the watch, the baseline included.
    pub labels: usize,
    /// The baseline.
    pub baseline: BaselineReport,
    /// What moved and is not back.
    pub flags: Vec<Flag>,
    /// What had moved and is back, in order of time.
    pub recovered: Vec<Recovered>,
    /// The evidence of the watch over time; none before there is a baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// The scale, in the form that `--scale` accepts.
    pub scale: String,
    /// Whether nobody declared it.
    pub scale_inferred: bool,
    /// Items seen again: verdicts and labels compared with the first ones.
    pub replays: ReplayCount,
}

/// Agreement before the watch began.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BaselineReport {
    /// Mean agreement with Wilson's interval.
    pub agreement: Estimate,
    /// Time of its last label; null without a baseline.
    pub until: Value,
    /// Its labels.
    pub labels: usize,
}

/// How much was seen again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReplayCount {
    /// Verdicts.
    pub judge: usize,
    /// Labels.
    pub human: usize,
}

/// Looks for drift.
pub fn detect(entries: &[Entry], settings: &Settings) -> Report {
    let scale = LabelScale::of(settings.scale.as_ref(), &as_items(entries));
    let history = History::of(entries, scale);
    let labels = agreements(&history);
    let judge = replays(&history, Side::Judge, settings);
    let human = replays(&history, Side::Human, settings);
    let found = Found { entries, history: &history, judge: &judge, human: &human, settings };
    let size = settings.baseline.max(1);
    let enough = labels.len() >= size;
    let first = &labels[..size.min(labels.len())];
    let baseline = Baseline::of(first, settings.tolerance);
    let (mut said, mut course) = (found.replay_flags(), None);
    if let Ok(baseline) = &baseline
        && enough
    {
        let watched = watch_all(&labels[size..], *baseline, settings);
        said = found.flags(&watched, first, &labels[size..]);
        course = Some(course::course(entries, &labels, &watched.path, settings.run_length));
    }
    let (flags, recovered) = parted(said);
    let agreement = match &baseline {
        _ if !enough => Reason::TooFew.into(),
        Ok(baseline) => baseline.agreement,
        Err(reason) => (*reason).into(),
    };
    let until = first.last().filter(|_| enough).map_or(Value::Null, |label| entries[label.index].time.clone());
    Report {
        labels: labels.len(),
        baseline: BaselineReport { agreement, until, labels: first.len() },
        flags,
        recovered,
        course,
        scale: history.scale.to_string(),
        scale_inferred: history.scale.inferred(),
        replays: ReplayCount { judge: judge.seen.len(), human: human.seen.len() },
    }
}

/// A flag, and its end where it has one.
type Said = (Flag, Option<Recovery>);

/// What stands and what is over.
fn parted(said: Vec<Said>) -> (Vec<Flag>, Vec<Recovered>) {
    let (mut flags, mut recovered) = (Vec::new(), Vec::new());
    for (flag, recovery) in said {
        match recovery {
            None => flags.push(flag),
            Some(recovery) => recovered.push(Recovered { flag, recovery }),
        }
    }
    (flags, recovered)
}

/// A history with what its repeated items say.
struct Found<'a> {
    entries: &'a [Entry],
    history: &'a History,
    judge: &'a Replays,
    human: &'a Replays,
    settings: &'a Settings,
}

impl Found<'_> {
    fn flags(&self, watched: &Watched, first: &[Agreement], later: &[Agreement]) -> Vec<Said> {
        let until = first.last().map_or(0, |label| label.index);
        let input = input_shifts(self.history, self.entries, until, self.settings);
        let score = score_shifts(self.history, until, self.settings);
        let mix_in = |period: Period| input.iter().find(|shift| shift.period().overlaps(period));
        let raters = self.raters(first, later);
        let part = |index: usize| self.entries.get(index)?.part(&input.first()?.attribute);
        let evidence = |period: Period, around: &[Agreement]| Evidence {
            entries: self.entries,
            judge: self.judge,
            human: self.human,
            input: mix_in(period),
            within: fell_within(first, around, part, self.settings),
            one_rater: raters.iter().any(|(_, fall)| fall.period().overlaps(period)),
        };
        let mut said = Vec::new();
        for fall in &watched.falls {
            let around = self.around(fall, later);
            let parts = split(first, around, part);
            let period = fall.period();
            let attribution = evidence(period, around).of_agreement(period, fall.alarm.detected, parts);
            said.push(self.fall_said(None, fall, attribution));
        }
        // Segments are explained as the whole is: by what it saw of its latest fall.
        let around = watched.falls.last().map_or(&[][..], |fall| self.around(fall, later));
        for (name, fall) in watch_parts(first, later, |index| self.segments_of(index), self.settings) {
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
                (true, _) => evidence(period, &[]).of_judge(shift.detected),
                (false, Some(_)) => Attribution::InputMix,
                (false, None) => Attribution::Ambiguous,
            };
            self.shift_said(Kind::Score, shift, attribution)
        }));
        said.extend(input.iter().map(|shift| self.shift_said(Kind::InputMix, shift, Attribution::InputMix)));
        said
    }

    /// Falls of annotators during which the agreement of the others fell less than half as much.
    fn raters(&self, first: &[Agreement], later: &[Agreement]) -> Vec<(String, Fall)> {
        let annotator = |index: usize| self.entries.get(index).and_then(|entry| entry.annotator.clone());
        let annotators = |index: usize| annotator(index).into_iter().collect();
        let mean = |labels: &mut dyn Iterator<Item = &Agreement>| {
            let (sum, weight) = labels
                .fold((0.0, 0.0), |(sum, weight), label| (sum + label.weight * label.closeness, weight + label.weight));
            (weight > 0.0).then(|| sum / weight)
        };
        let mut falls = watch_parts(first, later, annotators, self.settings);
        falls.retain(|(name, fall)| {
            let others = |label: &&Agreement| annotator(label.index).is_some_and(|other| other != *name);
            let during = |label: &&Agreement| fall.period().contains(label.index);
            let (before, now) =
                (mean(&mut first.iter().filter(others)), mean(&mut later.iter().filter(others).filter(during)));
            match (before, now, fall.alarm.effect.value()) {
                (Some(before), Some(now), Some(effect)) => now - before > effect / 2.0,
                _ => false,
            }
        });
        falls
    }

    fn replay_flags(&self) -> Vec<Said> {
        let evidence = Evidence {
            entries: self.entries,
            judge: self.judge,
            human: self.human,
            input: None,
            within: false,
            one_rater: false,
        };
        let judge = self.judge.moves.iter().map(|moved| {
            let both = self.human.moved_in(moved.period());
            let attribution = if both { Attribution::Ambiguous } else { evidence.of_judge(moved.detected) };
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
    fn around<'l>(&self, fall: &Fall, later: &'l [Agreement]) -> &'l [Agreement] {
        let start = later.partition_point(|label| label.index < fall.alarm.since);
        let detected = later.partition_point(|label| label.index <= fall.alarm.detected);
        let back = fall.back.map_or(later.len(), |back| later.partition_point(|label| label.index < back.since));
        let end = (start + self.settings.baseline).min(back).max(detected).min(later.len());
        &later[start..end]
    }

    fn segments_of(&self, index: usize) -> Vec<String> {
        self.entries.get(index).map_or_else(Vec::new, |entry| entry.parts().map(|(_, part)| part).collect())
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
        (self.shift_flag(kind, shift, attribution), recovery)
    }

    fn recovery(&self, back: &Back, what: &str, unit: &str) -> Recovery {
        let guarantee = format!(
            "while {what} {:.3}, on average at least {} {unit} pass before it is called recovered",
            back.level, self.settings.run_length
        );
        Recovery {
            since: self.time(back.since),
            detected_at: self.time(back.detected),
            labels_to_detection: back.labels,
            effect: back.effect,
            evidence: Strength { statistic: back.statistic, threshold: back.threshold, guarantee },
        }
    }

    fn agreement_flag(&self, segment: Option<String>, alarm: &Alarm, attribution: Attribution) -> Flag {
        let many = if alarm.threshold > self.settings.run_length {
            ", error over patience controlled over parts (e-BH)"
        } else {
            ""
        };
        Flag {
            kind: Kind::Agreement,
            segment,
            since: self.time(alarm.since),
            detected_at: self.time(alarm.detected),
            labels_to_detection: alarm.labels,
            effect: alarm.effect,
            evidence: Strength {
                statistic: alarm.statistic,
                threshold: alarm.threshold,
                guarantee: format!("{}{many}", self.run_length("labels")),
            },
            attribution,
            advice: attribution.advice(),
        }
    }

    fn replay_flag(&self, kind: Kind, moved: &Moved, attribution: Attribution) -> Flag {
        let guarantee = if moved.directional {
            format!("a false alarm by this test has probability at most {} over all replays", replay::LEVEL)
        } else {
            self.run_length("replays")
        };
        Flag {
            kind,
            segment: None,
            since: self.time(moved.since),
            detected_at: self.time(moved.detected),
            labels_to_detection: moved.labels,
            effect: moved.effect,
            evidence: Strength { statistic: moved.statistic, threshold: moved.threshold, guarantee },
            attribution,
            advice: attribution.advice(),
        }
    }

    fn shift_flag(&self, kind: Kind, shift: &Shift, attribution: Attribution) -> Flag {
        Flag {
            kind,
            segment: shift.segment.clone(),
            since: self.time(shift.since),
            detected_at: self.time(shift.detected),
            labels_to_detection: shift.entries,
            effect: shift.effect,
            evidence: Strength {
                statistic: shift.p,
                threshold: shift.level,
                guarantee: format!(
                    "a false alarm by this test has probability at most {} over all windows",
                    mix::LEVEL
                ),
            },
            attribution,
            advice: attribution.advice(),
        }
    }

    fn run_length(&self, what: &str) -> String {
        format!("on average at least {} {what} pass before a false alarm", self.settings.run_length)
    }

    fn time(&self, index: usize) -> Value {
        self.entries.get(index).map_or(Value::Null, |entry| entry.time.clone())
    }
}

#[cfg(test)]
mod tests;
