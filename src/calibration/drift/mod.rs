//! Drift: has anything moved that makes earlier calibration void, and what? Pure over a history in order of time.
//!
//! The first labels are the baseline; what follows is watched by tests that stay valid however often one looks:
//! agreement, in all and by segment; the judge on items it has judged before; humans on items they have labelled before;
//! the distribution of verdicts; the mix of segments. Each flag states its guarantee and what it is put down to.

mod attribution;
mod history;
mod mix;
mod replay;
mod stream;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

pub use attribution::Attribution;
pub use history::{BadEntry, Entry};

use super::agreement::{Declaration, LabelScale};
use crate::statistics::{Estimate, Reason};
use attribution::{Evidence, split};
use history::{History, as_items};
use mix::{Shift, input_shift, score_shift};
use replay::{Moved, Replays, Side, replays};
use stream::{Agreement, Alarm, Baseline, agreements, fell_within, watch_all, watch_parts};

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
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Agreement, Self::Judge, Self::Score, Self::InputMix, Self::Rater];

    /// Its name in the output format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Judge => "judge",
            Self::Score => "score",
            Self::InputMix => "input_mix",
            Self::Rater => "rater",
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
    /// Labels (for score and mix: entries) from the one to the other.
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
    /// What moved.
    pub flags: Vec<Flag>,
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
    let flags = match &baseline {
        Ok(baseline) if enough => found.flags(*baseline, first, &labels[size..]),
        _ => found.replay_flags(),
    };
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
        scale: history.scale.to_string(),
        scale_inferred: history.scale.inferred(),
        replays: ReplayCount { judge: judge.seen.len(), human: human.seen.len() },
    }
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
    fn flags(&self, baseline: Baseline, first: &[Agreement], later: &[Agreement]) -> Vec<Flag> {
        let until = first.last().map_or(0, |label| label.index);
        let input = input_shift(self.history, self.entries, until, self.settings);
        let score = score_shift(self.history, until, self.settings);
        let raters = self.raters(first, later);
        let alarm = watch_all(later, baseline, self.settings);
        let part = |index: usize| self.entries.get(index)?.part(&input.as_ref()?.attribute);
        let around = alarm.map_or(&[][..], |alarm| self.around(&alarm, later));
        let evidence = Evidence {
            entries: self.entries,
            judge: self.judge,
            human: self.human,
            input: input.as_ref(),
            within: fell_within(first, around, part, self.settings),
            one_rater: !raters.is_empty(),
        };
        let mut flags = Vec::new();
        if let Some(alarm) = alarm {
            let parts = split(first, around, part);
            flags.push(self.agreement_flag(None, &alarm, evidence.of_agreement(alarm.since, alarm.detected, parts)));
        }
        for (name, alarm) in watch_parts(first, later, |index| self.segments_of(index), self.settings) {
            let attribution = evidence.of_agreement(alarm.since, alarm.detected, None);
            flags.push(self.agreement_flag(Some(name), &alarm, attribution));
        }
        flags.extend(self.replay_flags());
        for (name, alarm) in raters {
            let flag = self.agreement_flag(Some(name), &alarm, Attribution::Raters);
            flags.push(Flag { kind: Kind::Rater, ..flag });
        }
        flags.extend(score.map(|shift| {
            let attribution = match (&self.judge.alarm, &input) {
                (Some(_), _) => evidence.of_judge(shift.detected),
                (None, Some(_)) => Attribution::InputMix,
                (None, None) => Attribution::Ambiguous,
            };
            self.shift_flag(Kind::Score, &shift, attribution)
        }));
        flags.extend(input.as_ref().map(|shift| self.shift_flag(Kind::InputMix, shift, Attribution::InputMix)));
        flags
    }

    /// Annotators whose agreement fell while that of the others fell less than half as much.
    fn raters(&self, first: &[Agreement], later: &[Agreement]) -> BTreeMap<String, Alarm> {
        let annotator = |index: usize| self.entries.get(index).and_then(|entry| entry.annotator.clone());
        let annotators = |index: usize| annotator(index).into_iter().collect();
        let mean = |labels: &mut dyn Iterator<Item = &Agreement>| {
            let (sum, weight) = labels
                .fold((0.0, 0.0), |(sum, weight), label| (sum + label.weight * label.closeness, weight + label.weight));
            (weight > 0.0).then(|| sum / weight)
        };
        let mut alarms = watch_parts(first, later, annotators, self.settings);
        alarms.retain(|name, alarm| {
            let others = |label: &&Agreement| annotator(label.index).is_some_and(|other| other != *name);
            let since = |label: &&Agreement| label.index >= alarm.since;
            let (before, now) =
                (mean(&mut first.iter().filter(others)), mean(&mut later.iter().filter(others).filter(since)));
            match (before, now, alarm.effect.value()) {
                (Some(before), Some(now), Some(effect)) => now - before > effect / 2.0,
                _ => false,
            }
        });
        alarms
    }

    fn replay_flags(&self) -> Vec<Flag> {
        let evidence = Evidence {
            entries: self.entries,
            judge: self.judge,
            human: self.human,
            input: None,
            within: false,
            one_rater: false,
        };
        let judge = self.judge.alarm.map(|moved| {
            let attribution = match &self.human.alarm {
                Some(_) => Attribution::Ambiguous,
                None => evidence.of_judge(moved.detected),
            };
            self.replay_flag(Kind::Judge, &moved, attribution)
        });
        let human = self.human.alarm.map(|moved| {
            let attribution = if self.judge.alarm.is_some() { Attribution::Ambiguous } else { Attribution::Raters };
            self.replay_flag(Kind::Rater, &moved, attribution)
        });
        judge.into_iter().chain(human).collect()
    }

    /// The labels from which an alarm is explained: those since it likely began, as many as the baseline has. The ones that
    /// raised it are not enough: they were the unlucky ones.
    fn around<'l>(&self, alarm: &Alarm, later: &'l [Agreement]) -> &'l [Agreement] {
        let start = later.partition_point(|label| label.index < alarm.since);
        let detected = later.partition_point(|label| label.index <= alarm.detected);
        let end = (start + self.settings.baseline).max(detected).min(later.len());
        &later[start..end]
    }

    fn segments_of(&self, index: usize) -> Vec<String> {
        self.entries.get(index).map_or_else(Vec::new, |entry| entry.parts().map(|(_, part)| part).collect())
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
