//! The evidence of the watch over time, for charts: few enough points to draw, and every peak kept.

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Series};
use super::votes::Vote;
use crate::model::Moment;

/// The most points that a course has.
const MOST_POINTS: usize = 200;

/// How the evidence that agreement fell went up and down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course<T = Moment> {
    /// Time of the first label of the baseline.
    pub from: T,
    /// What the evidence is compared with.
    pub threshold: f64,
    /// The evidence after labels behind the baseline, in order of time. Of many labels only some have a point, among them
    /// every peak.
    pub points: Vec<EvidencePoint<T>>,
    /// Where a rubric version, a model of the judge or a revision was first met.
    pub series: Vec<SeriesStart<T>>,
}

/// The evidence after a label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvidencePoint<T = Moment> {
    /// Time of the label.
    pub time: T,
    /// Labels since the end of the baseline, this one included.
    pub label: usize,
    /// The statistic; it begins anew when what fell is back.
    pub statistic: f64,
}

/// The first label of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesStart<T = Moment> {
    /// Time of the label.
    pub time: T,
    /// What was met.
    #[serde(flatten)]
    pub series: Series,
}

impl<T> Course<T> {
    /// The statistic after the latest label.
    pub fn latest(&self) -> Option<f64> {
        self.points.last().map(|point| point.statistic)
    }

    /// The point with the largest statistic.
    pub fn highest(&self) -> Option<&EvidencePoint<T>> {
        self.points.iter().max_by(|a, b| a.statistic.total_cmp(&b.statistic))
    }

    /// The same, its moments told in another way.
    pub(super) fn dated<U>(self, date: &impl Fn(T) -> U) -> Course<U> {
        let point = |point: EvidencePoint<T>| EvidencePoint {
            time: date(point.time),
            label: point.label,
            statistic: point.statistic,
        };
        Course {
            from: date(self.from),
            threshold: self.threshold,
            points: self.points.into_iter().map(point).collect(),
            series: self
                .series
                .into_iter()
                .map(|start| SeriesStart { time: date(start.time), series: start.series })
                .collect(),
        }
    }
}

/// The evidence after a vote behind the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Index of its entry.
    pub(super) index: usize,
    /// Labels since the end of the baseline, its own included.
    pub(super) labels: usize,
    pub(super) statistic: f64,
}

/// `votes` are those of the baseline and after it, `path` is the evidence after each of the latter.
pub(super) fn course<'a>(
    entries: &[Entry],
    votes: impl Iterator<Item = &'a Vote> + Clone,
    path: &[Step],
    threshold: f64,
) -> Course<usize> {
    let point = |place: usize| {
        let Step { index, labels, statistic } = path[place];
        EvidencePoint { time: index, label: labels, statistic }
    };
    Course {
        from: votes.clone().next().map_or(0, Vote::index),
        threshold,
        points: telling(path).into_iter().map(point).collect(),
        series: series(entries, votes.flat_map(|vote| vote.members.iter().map(|member| member.index))),
    }
}

/// The places that are drawn: all of them if they are few, else the largest and the last of equal stretches.
fn telling(path: &[Step]) -> Vec<usize> {
    if path.len() <= MOST_POINTS {
        return (0..path.len()).collect();
    }
    let stretch = path.len().div_ceil(MOST_POINTS / 2);
    let mut places = Vec::with_capacity(MOST_POINTS);
    for start in (0..path.len()).step_by(stretch) {
        let last = (start + stretch).min(path.len()) - 1;
        let peak = (start..=last).max_by(|&a, &b| path[a].statistic.total_cmp(&path[b].statistic)).unwrap_or(last);
        places.push(peak);
        if peak != last {
            places.push(last);
        }
    }
    places
}

/// Versions, models and revisions in the order in which they are first met: labels of two series may alternate for a while.
fn series(entries: &[Entry], indices: impl Iterator<Item = usize>) -> Vec<SeriesStart<usize>> {
    let mut met: Vec<SeriesStart<usize>> = Vec::new();
    for (index, entry) in indices.filter_map(|index| Some((index, entries.get(index)?))) {
        if !met.iter().any(|one| one.series == entry.series) {
            met.push(SeriesStart { time: index, series: entry.series.clone() });
        }
    }
    met
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_long_course_is_thinned_and_keeps_its_peak_and_its_end(
            path in prop::collection::vec(0.0..1e6_f64, 1..3_000)
        ) {
            let step = |(index, statistic)| Step { index, labels: index + 1, statistic };
            let path: Vec<Step> = path.into_iter().enumerate().map(step).collect();
            let places = telling(&path);
            prop_assert!(places.len() <= MOST_POINTS && places.is_sorted());
            prop_assert_eq!(places.last(), Some(&(path.len() - 1)));
            let highest =
                |places: &mut dyn Iterator<Item = usize>| places.map(|at| path[at].statistic).fold(0.0, f64::max);
            prop_assert_eq!(highest(&mut places.into_iter()), highest(&mut (0..path.len())));
        }
    }
}
