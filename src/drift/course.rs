//! The evidence of the watch over time, for charts: few enough points to draw, and every peak kept.

use serde::Serialize;
use serde_json::Value;

use super::history::Entry;
use super::stream::Agreement;

/// The most points that a course has.
const MOST_POINTS: usize = 200;

/// How the evidence that agreement fell went up and down.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    /// Time of the first label of the baseline.
    pub from: Value,
    /// What the evidence is compared with.
    pub threshold: f64,
    /// The evidence after labels behind the baseline, in order of time. Of many labels only some have a point, among them
    /// every peak.
    pub points: Vec<EvidencePoint>,
    /// Where a rubric version, a model of the judge or a revision was first met.
    pub series: Vec<SeriesStart>,
}

/// The evidence after a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvidencePoint {
    /// Time of the label.
    pub time: Value,
    /// Labels since the end of the baseline, this one included.
    pub label: usize,
    /// The statistic; it begins anew when what fell is back.
    pub statistic: f64,
}

/// The first label of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeriesStart {
    /// Time of the label.
    pub time: Value,
    /// The rubric's version.
    pub rubric_version: Option<Value>,
    /// The judge's model.
    pub judge_model: Option<Value>,
    /// The revision of what read and rendered the item for the judge.
    pub revision: Option<Value>,
}

impl Course {
    /// The statistic after the latest label.
    pub fn latest(&self) -> Option<f64> {
        self.points.last().map(|point| point.statistic)
    }

    /// The point with the largest statistic.
    pub fn highest(&self) -> Option<&EvidencePoint> {
        self.points.iter().max_by(|a, b| a.statistic.total_cmp(&b.statistic))
    }
}

/// `labels` are those of the baseline and after it, `path` is the evidence after each of the latter by index of its entry.
pub(super) fn course(entries: &[Entry], labels: &[Agreement], path: &[(usize, f64)], threshold: f64) -> Course {
    let time = |index: usize| entries.get(index).map_or(Value::Null, |entry| entry.time.clone());
    let point = |place: usize| {
        let (index, statistic) = path[place];
        EvidencePoint { time: time(index), label: place + 1, statistic }
    };
    Course {
        from: labels.first().map_or(Value::Null, |label| time(label.index)),
        threshold,
        points: telling(path).into_iter().map(point).collect(),
        series: series(labels.iter().filter_map(|label| entries.get(label.index))),
    }
}

/// The places that are drawn: all of them if they are few, else the largest and the last of equal stretches.
fn telling(path: &[(usize, f64)]) -> Vec<usize> {
    if path.len() <= MOST_POINTS {
        return (0..path.len()).collect();
    }
    let stretch = path.len().div_ceil(MOST_POINTS / 2);
    let mut places = Vec::with_capacity(MOST_POINTS);
    for start in (0..path.len()).step_by(stretch) {
        let last = (start + stretch).min(path.len()) - 1;
        let peak = (start..=last).max_by(|&a, &b| path[a].1.total_cmp(&path[b].1)).unwrap_or(last);
        places.push(peak);
        if peak != last {
            places.push(last);
        }
    }
    places
}

/// Versions, models and revisions in the order in which they are first met: labels of two series may alternate for a while.
fn series<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<SeriesStart> {
    let mut met: Vec<SeriesStart> = Vec::new();
    for Entry { time, rubric_version, judge_model, revision, .. } in entries {
        let is_known = |one: &SeriesStart| {
            (&one.rubric_version, &one.judge_model, &one.revision) == (rubric_version, judge_model, revision)
        };
        if !met.iter().any(is_known) {
            met.push(SeriesStart {
                time: time.clone(),
                rubric_version: rubric_version.clone(),
                judge_model: judge_model.clone(),
                revision: revision.clone(),
            });
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
            let path: Vec<(usize, f64)> = path.into_iter().enumerate().collect();
            let places = telling(&path);
            prop_assert!(places.len() <= MOST_POINTS && places.is_sorted());
            prop_assert_eq!(places.last(), Some(&(path.len() - 1)));
            let highest = |places: &mut dyn Iterator<Item = usize>| places.map(|at| path[at].1).fold(0.0, f64::max);
            prop_assert_eq!(highest(&mut places.into_iter()), highest(&mut (0..path.len())));
        }
    }
}
