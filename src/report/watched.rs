//! Which scores are watched for worse answers: of each rubric the series that counts now.

use std::collections::BTreeMap;

use crate::store::{ScoreSeries, SeriesScore, Store, StoreError};

/// The oldest scores of a series, among which every baseline must stand, so that a lasting fall never becomes one.
pub(super) const FIRST: u32 = 20_000;
/// The newest scores of a series that are watched: with the oldest some tens of megabytes at most.
const NEWEST: u32 = 30_000;

/// The scores of a series, the oldest first; in a long series some in the middle are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchedScores {
    /// Whose they are.
    pub series: ScoreSeries,
    /// The scores.
    pub scores: Vec<SeriesScore>,
}

/// Reads what is watched of each rubric.
pub(super) async fn read(
    store: &Store,
    production: &BTreeMap<String, u32>,
    baselines: &[String],
) -> Result<BTreeMap<String, WatchedScores>, StoreError> {
    let mut watched = BTreeMap::new();
    for (rubric, series) in current(store.score_series().await?, production, baselines) {
        let scores = store.scores_of(&series, FIRST, NEWEST).await?;
        watched.insert(rubric, WatchedScores { series, scores });
    }
    Ok(watched)
}

/// Of each rubric the newest series, of the version in production before any other and of a judge before a baseline: a
/// candidate that judges beside it, or the bar it must clear, is not what counts.
fn current(
    all: Vec<ScoreSeries>,
    production: &BTreeMap<String, u32>,
    baselines: &[String],
) -> BTreeMap<String, ScoreSeries> {
    let mut current: BTreeMap<String, ScoreSeries> = BTreeMap::new();
    let rank = |series: &ScoreSeries| {
        let is_production = production.get(&series.rubric) == Some(&series.version);
        (!baselines.contains(&series.judge), is_production, series.newest_ms)
    };
    for series in all {
        match current.get(&series.rubric) {
            Some(known) if rank(known) >= rank(&series) => {}
            _ => drop(current.insert(series.rubric.clone(), series)),
        }
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Revisions;

    fn series(version: u32, judge: &str, newest_ms: i64) -> ScoreSeries {
        ScoreSeries {
            rubric: "r".into(),
            version,
            judge: judge.into(),
            judge_model: None,
            revisions: Revisions::FIRST,
            newest_ms,
        }
    }

    #[test]
    fn neither_a_candidate_nor_the_baseline_takes_the_place_of_what_is_in_production() {
        let all = vec![series(1, "judge", 90), series(2, "judge", 100), series(1, "baseline", 100)];
        let production = BTreeMap::from([("r".to_owned(), 1)]);
        let watched = current(all.clone(), &production, &["baseline".to_owned()]);
        assert_eq!((watched["r"].version, watched["r"].judge.as_str()), (1, "judge"));
        let promoted = current(all, &BTreeMap::new(), &["baseline".to_owned()]);
        assert_eq!(promoted["r"].version, 2, "without an alias the newest counts");
    }

    #[test]
    fn a_judge_that_took_over_is_watched_at_once() {
        let watched = current(vec![series(1, "old", 90), series(1, "new", 91)], &BTreeMap::new(), &[]);
        assert_eq!(watched["r"].judge, "new");
    }
}
