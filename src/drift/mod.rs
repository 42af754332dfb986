//! Drift: has anything moved that makes earlier calibration void, and what? Pure over a history in the order in which it was
//! seen.
//!
//! The first labels are the baseline; what follows is watched by tests that stay valid however often one looks:
//! agreement, in all and by segment; the judge on items it has judged before; humans on items they have labelled before;
//! the distribution of verdicts; the mix of segments; the judge's scores. Each flag states its guarantee and what it is put
//! down to. What is back is told as recovered, and the watch begins anew against the same baseline; only a judge or a person
//! whose few changes were one-sided stays flagged, as the end of that cannot be seen.
//!
//! What an observation counts for is known when it is made: nothing that is seen later changes what was said of it.

mod advice;
mod baseline;
mod causes;
mod course;
mod entry;
mod file;
mod found;
mod groups;
mod history;
mod mix;
mod quality;
mod recovery;
mod replay;
mod report;
mod scale;
mod settings;
mod since;
mod stream;
mod verdicts;
mod votes;
pub mod watch;
mod weights;

pub use causes::Candidate;
#[cfg(test)]
pub use course::EvidencePoint;
pub use course::{Course, SeriesStart};
pub use entry::{Entry, Series};
pub use file::{Line, detect_lines};
pub use history::History;
pub use quality::{BASELINE as QUALITY_BASELINE, QualityScore};
#[cfg(test)]
pub use report::{ALGORITHM, Strength};
pub use report::{Dates, Flag, Recovered, Recovery, Report};
pub use scale::DriftScale;
pub use settings::Settings;

pub use crate::model::{Attribution, DriftKind as Kind};

use crate::statistics::Reason;
use baseline::{Baseline, Parted};
use found::{Found, Said};
use replay::{Side, replays};
use report::{BaselineReport, ReplayCount};
use stream::watch_all;
use votes::{Vote, votes};

/// Looks for drift. Moments are ordinals of entries.
pub fn detect(history: &History, settings: &Settings) -> Report<usize> {
    let judge = replays(history, Side::Judge, settings);
    let human = replays(history, Side::Human, settings);
    let found = Found { history, judge: &judge, human: &human, settings };
    let parted = Parted::of(votes(history), settings.baseline.max(1), settings.tolerance);
    let (labels, baseline, said, course) = match parted {
        Ok(parted) => watched(&found, &parted),
        Err(votes) => {
            let labels = labels_of(&votes);
            let baseline = BaselineReport { agreement: Reason::TooFew.into(), until: None, labels, votes: votes.len() };
            (labels, baseline, found.replay_flags(), None)
        }
    };
    let (flags, recovered) = divided(said);
    Report {
        labels,
        baseline,
        flags,
        recovered,
        course,
        scale: history.scale.name.clone(),
        scale_inferred: history.scale.inferred,
        replays: ReplayCount { judge: judge.seen.len(), human: human.seen.len() },
    }
}

type Watching = (usize, BaselineReport<usize>, Vec<Said>, Option<Course<usize>>);

/// What is said once there is a baseline.
fn watched(found: &Found<'_>, parted: &Parted) -> Watching {
    let settings = found.settings;
    let rarest = parted.rarest();
    let first: Vec<_> = parted.first.iter().map(|vote| vote.by(rarest)).collect();
    let of_first = labels_of(&parted.first);
    let labels = of_first + labels_of(&parted.later);
    let report = |agreement, until| BaselineReport { agreement, until, labels: of_first, votes: first.len() };
    match Baseline::of(&first, settings.tolerance) {
        Err(reason) => (labels, report(reason.into(), Some(parted.until)), found.replay_flags(), None),
        Ok(baseline) => {
            let watched = watch_all(&parted.later, baseline, settings);
            let said = found.flags(&watched, parted);
            let all = parted.first.iter().chain(&parted.later);
            let course = course::course(&found.history.entries, all, &watched.path, settings.run_length);
            (labels, report(baseline.agreement, Some(parted.until)), said, Some(course))
        }
    }
}

fn labels_of(votes: &[Vote]) -> usize {
    votes.iter().map(|vote| vote.members.len()).sum()
}

/// What stands and what is over.
fn divided(said: Vec<Said>) -> (Vec<Flag<usize>>, Vec<Recovered<usize>>) {
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
