//! Agreement before the watch began: which labels make it up, and what is held against it.

use super::votes::Vote;
use super::weights::{Observation, Rarity};
use crate::model::Moment;
use crate::statistics::distribution::{two_sided_t, two_sided_z};
use crate::statistics::survey::effective_size;
use crate::statistics::{CONFIDENCE, Estimate, Reason, newcombe, wilson};

/// The share of labels that are no later than what is taken for the longest delay.
const PROMPT: f64 = 0.95;
/// Labels that late and prompt answers need to be compared.
const MIN_COMPARED: usize = 5;
/// A baseline waits for late labels until it has so many times the labels that it needs.
const LONGEST_WAIT: usize = 2;

/// Agreement as it was before the watch began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Baseline {
    pub(super) agreement: Estimate,
    pub(super) mean: f64,
    pub(super) size: f64,
    /// The labels that make it up.
    pub(super) labels: usize,
    /// The detector's bound: a mean below it is drift.
    pub(super) bound: f64,
}

impl Baseline {
    /// The baseline of these observations. The bound is the mean less the tolerance, but never above the lower limit: a
    /// baseline that was overestimated by chance would void the guarantee.
    pub(super) fn of(observations: &[Observation], tolerance: f64) -> Result<Self, Reason> {
        Self::at(observations, tolerance, CONFIDENCE)
    }

    /// The same with the limit at another confidence.
    pub(super) fn at(observations: &[Observation], tolerance: f64, confidence: f64) -> Result<Self, Reason> {
        let total: f64 = observations.iter().map(|one| one.weight).sum();
        if observations.is_empty() || total <= 0.0 {
            return Err(Reason::NoPairs);
        }
        let mean = observations.iter().map(|one| one.weight * one.closeness).sum::<f64>() / total;
        let labels = observations.iter().map(|one| one.labels).sum();
        let size = size(observations, mean, total, confidence);
        let interval = wilson(mean * size, size, confidence)?;
        let bound = (mean - tolerance).min(interval.low);
        Ok(Self { agreement: Estimate::new(Ok(mean), Ok(interval)), mean, size, labels, bound })
    }

    /// Agreement since a change minus the baseline's.
    pub(super) fn effect(&self, since: &[Observation]) -> Estimate {
        match Self::of(since, 0.0) {
            Err(reason) => reason.into(),
            Ok(now) => Estimate::new(
                Ok(now.mean - self.mean),
                newcombe(now.mean * now.size, now.size, self.mean * self.size, self.size, CONFIDENCE),
            ),
        }
    }
}

/// How many independent labels the observations are worth: as many as there are observations by Kish's rule, more where
/// the means of conversations vary less than single labels would, but never more than the labels. The fewer
/// conversations show it, the less it counts, as in an interval with Student's quantile.
fn size(observations: &[Observation], mean: f64, total: f64, confidence: f64) -> f64 {
    let votes = effective_size(observations.iter().map(|one| one.weight));
    let number = observations.len() as f64;
    let labels = observations.iter().map(|one| one.labels).sum::<usize>() as f64;
    if labels <= number || observations.len() < 2 {
        return votes;
    }
    let squares: f64 = observations.iter().map(|one| (one.weight * (one.closeness - mean)).powi(2)).sum();
    let variance = squares / (total * total) * number / (number - 1.0);
    let worth = if variance > 0.0 { mean * (1.0 - mean) / variance } else { f64::INFINITY };
    let known = (two_sided_z(confidence) / two_sided_t(confidence, number - 1.0)).powi(2);
    (worth.min(votes * labels / number) * known).max(votes.min(worth))
}

/// A history parted into the baseline and what is held against it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parted {
    pub(super) first: Vec<Vote>,
    pub(super) later: Vec<Vote>,
    /// Index of the entry that completed the baseline.
    pub(super) until: usize,
    /// Answers observed after this moment are not in the baseline, though their labels came before its end: only the
    /// promptly labelled of them had come. They are not held against it either.
    pub(super) settled: Option<Moment>,
}

impl Parted {
    /// Parts votes after the first `size` labels, or returns them where there are fewer.
    ///
    /// Where answers that are labelled late agree otherwise than those labelled at once, by more than the tolerance, the first
    /// labels are not a sample of the answers: the late ones are missing. The baseline then waits until it has `size` labels
    /// of answers that are older than the longest delay.
    pub(super) fn of(votes: Vec<Vote>, size: usize, tolerance: f64) -> Result<Self, Vec<Vote>> {
        let (mut labels, mut end) = (0, None);
        for (place, vote) in votes.iter().enumerate() {
            labels += vote.members.len();
            if labels < size {
                continue;
            }
            let seen = &votes[..=place];
            let Some(until) = settled(seen, tolerance).filter(|_| labels < size * LONGEST_WAIT) else {
                end = Some((place, None));
                break;
            };
            let old = seen.iter().filter(|vote| is_settled(vote, Some(until)));
            if old.map(|vote| vote.members.len()).sum::<usize>() >= size {
                end = Some((place, Some(until)));
                break;
            }
        }
        let Some((place, settled)) = end else { return Err(votes) };
        let until = votes[place].index();
        let mut first = votes;
        let later = first.split_off(place + 1);
        first.retain(|vote| is_settled(vote, settled));
        Ok(Self { first, later, until, settled })
    }

    /// The rarest probability that counts in full in the baseline.
    pub(super) fn rarest(&self) -> f64 {
        rarest_of(&self.first)
    }
}

/// The rarest probability that counts in full among these votes.
pub(super) fn rarest_of(votes: &[Vote]) -> f64 {
    Rarity::of(votes.iter().flat_map(|vote| &vote.members).map(|member| member.probability))
}

fn is_settled(vote: &Vote, until: Option<Moment>) -> bool {
    until.is_none_or(|until| vote.members.iter().all(|member| member.observed.is_some_and(|at| at <= until)))
}

/// Up to when answers have the labels that they will get, where the late ones matter.
fn settled(seen: &[Vote], tolerance: f64) -> Option<Moment> {
    let mut delays = Vec::new();
    let (mut newest, mut before, mut together) = (None, None, None);
    for member in seen.iter().flat_map(|vote| &vote.members) {
        let observed = member.observed?;
        // Labels that came together came in no order.
        if member.seen.is_none() || member.seen != together {
            (before, together) = (newest, member.seen);
        }
        newest = newest.max(Some(observed));
        delays.push((before.map_or(0, |before: Moment| (before.0 - observed.0).max(0)), member.closeness));
    }
    let mut sorted: Vec<i64> = delays.iter().map(|(delay, _)| *delay).collect();
    sorted.sort_unstable();
    let longest = *sorted.get((sorted.len() as f64 * PROMPT) as usize)?;
    let (late, prompt): (Vec<_>, Vec<_>) = delays.into_iter().partition(|(delay, _)| *delay > longest / 2);
    if late.len() < MIN_COMPARED || prompt.len() < MIN_COMPARED {
        return None;
    }
    let mean = |labels: &[(i64, f64)]| labels.iter().map(|(_, closeness)| closeness).sum::<f64>() / labels.len() as f64;
    let matters = (mean(&late) - mean(&prompt)).abs() > tolerance;
    newest.filter(|_| matters).map(|newest| Moment(newest.0 - longest))
}
