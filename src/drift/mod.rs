//! Drift: has anything moved that makes earlier calibration void, and what? Pure over a history in order of time.
//!
//! The first labels are the baseline; what follows is watched by tests that stay valid however often one looks:
//! agreement, in all and by segment; the judge on items it has judged before; humans on items they have labelled before;
//! the distribution of verdicts; the mix of segments; the judge's scores. Each flag states its guarantee and what it is put
//! down to. What is back is told as recovered, and the watch begins anew against the same baseline; only a judge or a person
//! whose few changes were one-sided stays flagged, as the end of that cannot be seen.

mod attribution;
pub mod course;
mod found;
mod history;
mod mix;
mod quality;
mod recovery;
mod replay;
mod stream;

use serde::Serialize;
use serde_json::Value;

pub use course::{Course, SeriesStart};
pub use history::Entry;
pub use quality::QualityScore;

pub use crate::model::{Attribution, DriftKind as Kind};

use crate::agreement::{Declaration, LabelScale};
use crate::statistics::{Estimate, Reason};
use found::{Found, Said};
use history::{History, as_items};
use replay::{Side, replays};
use stream::{Baseline, agreements, watch_all};

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

#[cfg(test)]
mod tests;
