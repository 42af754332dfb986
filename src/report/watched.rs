//! Which scores are watched for worse answers: of each rubric the series that counts now.

use std::collections::BTreeMap;

use crate::cells::{HourSums, scores_of_hour};
use crate::drift::QUALITY_BASELINE;
use crate::model::{HOUR_MS, Probability};
use crate::store::{CellsBuilt, Extent, ScoreSeries, SeriesScore, Store, StoreError};

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
        let scores = scores(store, &series).await?;
        watched.insert(rubric, WatchedScores { series, scores });
    }
    Ok(watched)
}

/// From the sums of hours; as long as these are being built, from the rows.
async fn scores(store: &Store, series: &ScoreSeries) -> Result<Vec<SeriesScore>, StoreError> {
    if store.cells_built().await? != CellsBuilt::Complete {
        return store.scores_of(series, FIRST, NEWEST).await;
    }
    let extent = Extent { first: FIRST.into(), newest: NEWEST.into(), least: QUALITY_BASELINE as u64 };
    Ok(store.hours_of(series, extent).await?.iter().flat_map(of_hour).collect())
}

/// Each at the beginning of the hour.
fn of_hour(sums: &HourSums) -> impl Iterator<Item = SeriesScore> {
    let score = |one: crate::cells::HourScore<'_>| {
        let named = one.segments.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(SeriesScore {
            value: one.value,
            inclusion_probability: Probability::try_from((1.0 / one.weight).min(1.0)).ok()?,
            observed_at_ms: sums.hour * HOUR_MS,
            // Among the segments.
            model: None,
            segments: named.collect(),
        })
    };
    scores_of_hour(sums).into_iter().filter_map(score)
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
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::model::Revisions;
    use crate::testing::evaluated::ten_days;
    use crate::testing::on_both_databases;

    /// Number, sum of weights, and sum of weights times values: of all scores, or of a segment value.
    fn sums(scores: &[SeriesScore], segment: Option<(&str, &str)>) -> (usize, f64, f64) {
        let is_in = |score: &&SeriesScore| {
            segment.is_none_or(|(name, value)| score.segments.get(name).is_some_and(|own| own == value))
        };
        let weight = |score: &SeriesScore| 1.0 / score.inclusion_probability.get();
        let add = |(n, w, a), score: &SeriesScore| (n + 1, w + weight(score), a + weight(score) * score.value);
        scores.iter().filter(is_in).fold((0, 0.0, 0.0), add)
    }

    /// Hours of 40 scores, the same row by row and as sums. Answers on returns, three of ten, pass with the share that `returns` gives
    /// for the hour, others with 0.8; failing answers are drawn four times as often.
    fn hours(seed: u64, hours: i64, returns: impl Fn(i64) -> f64) -> (Vec<SeriesScore>, Vec<HourSums>) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (mut rows, mut sums) = (Vec::new(), Vec::new());
        for hour in 0..hours {
            let mut own = Vec::new();
            while own.len() < 40 {
                let intent = if rng.random::<f64>() < 0.3 { "returns" } else { "orders" };
                let pass = rng.random::<f64>() < if intent == "returns" { returns(hour) } else { 0.8 };
                let probability = if pass { 0.2 } else { 0.8 };
                if rng.random::<f64>() < probability {
                    own.push((f64::from(u8::from(pass)), probability, intent));
                }
            }
            rows.extend(own.iter().map(|(value, probability, intent)| SeriesScore {
                value: *value,
                inclusion_probability: Probability::try_from(*probability).unwrap(),
                observed_at_ms: hour * HOUR_MS,
                model: None,
                segments: [("intent".to_owned(), (*intent).to_owned())].into(),
            }));
            sums.push(HourSums::of(hour, "intent", &own));
        }
        (rows, sums)
    }

    /// The segments that are flagged, with the hour in which each was.
    fn flagged(scores: &[SeriesScore]) -> Vec<(Option<String>, i64)> {
        let scores = super::super::drift::quality_scores(scores);
        let found = crate::drift::Report::default().with_quality(&scores, FIRST as usize);
        let mut flags: Vec<_> =
            found.flags.into_iter().map(|flag| (flag.segment, flag.detected_at.0 / HOUR_MS)).collect();
        flags.sort();
        flags
    }

    #[test]
    fn a_fall_is_found_from_sums_in_the_segment_and_hour_in_which_it_is_found_from_scores() {
        for seed in 1..=4 {
            let (rows, sums) = hours(seed, 300, |hour| if hour < 200 { 0.8 } else { 0.5 });
            let (by_rows, by_sums) = (flagged(&rows), flagged(&sums.iter().flat_map(of_hour).collect::<Vec<_>>()));
            let named = |flags: &[(Option<String>, i64)]| flags.iter().map(|(of, _)| of.clone()).collect::<Vec<_>>();
            assert!(named(&by_sums).contains(&Some("intent=returns".to_owned())), "{by_sums:?}");
            assert_eq!(named(&by_rows), named(&by_sums));
            for ((_, one), (_, other)) in by_rows.iter().zip(&by_sums) {
                assert!(one.abs_diff(*other) <= 2, "{by_rows:?} {by_sums:?}");
            }
        }
    }

    #[test]
    fn healthy_scores_told_from_sums_raise_no_alarm() {
        for seed in 1..=20 {
            let (_, sums) = hours(seed, 300, |_| 0.8);
            assert_eq!(flagged(&sums.iter().flat_map(of_hour).collect::<Vec<_>>()), []);
        }
    }

    on_both_databases! {
        /// Guarantee: what is watched is what the rows say, whole and by segment, and no row of a score is read for it.
        what_is_watched_is_told_by_sums_as_the_rows_would_tell_it(database) {
            ten_days(&database).await;
            let store = &database.store;
            while store.fold(1_000).await.unwrap().is_behind {}
            let all = store.score_series().await.unwrap();
            assert!(!all.is_empty());
            let mut segments = std::collections::BTreeSet::new();
            let mut told = Vec::new();
            for series in &all {
                let rows = store.scores_of(series, FIRST, NEWEST).await.unwrap();
                let extent = Extent { first: FIRST.into(), newest: NEWEST.into(), least: 1 };
                let own: Vec<SeriesScore> = store.hours_of(series, extent).await.unwrap().iter().flat_map(of_hour).collect();
                let named = rows.iter().flat_map(|score| score.segments.clone());
                let named: std::collections::BTreeSet<_> = named.collect();
                let parts = named.iter().map(|(name, value)| Some((name.as_str(), value.as_str())));
                for part in std::iter::once(None).chain(parts) {
                    let ((n, w, a), (rows_n, rows_w, rows_a)) = (sums(&own, part), sums(&rows, part));
                    assert_eq!(n, rows_n, "{series:?} {part:?}");
                    assert!((w - rows_w).abs() < 1e-3 * rows_w && (a - rows_a).abs() < 1e-3 * rows_w, "{part:?}: {w} {rows_w}, {a} {rows_a}");
                }
                assert!(own.is_sorted_by_key(|score| score.observed_at_ms));
                segments.extend(named);
                told.push(scores(store, series).await.unwrap());
            }
            assert!(segments.len() > 3, "{segments:?}");
            database.execute("UPDATE evaluations SET value = NULL, inclusion_probability = 0.5").await;
            for (series, told) in all.iter().zip(&told) {
                assert_eq!(&scores(store, series).await.unwrap(), told);
            }
        }
    }

    on_both_databases! {
        /// Scenario: a series that is longer than what is watched. Guarantee: its first hours stand, then its newest.
        of_a_long_series_the_first_and_the_newest_hours_are_watched(database) {
            ten_days(&database).await;
            let store = &database.store;
            while store.fold(1_000).await.unwrap().is_behind {}
            let series = store.score_series().await.unwrap().remove(0);
            let all = store.hours_of(&series, Extent { first: u64::MAX, newest: 1, least: 1 }).await.unwrap();
            let part = store.hours_of(&series, Extent { first: 10, newest: 10, least: u64::MAX }).await.unwrap();
            let hours: Vec<i64> = part.iter().map(|hour| hour.hour).collect();
            assert!(part.len() < all.len() && hours.is_sorted_by(|one, other| one < other), "{hours:?}");
            assert_eq!((hours.first(), hours.last()), (all.first().map(|hour| &hour.hour), all.last().map(|hour| &hour.hour)));
            assert!(part.iter().all(|hour| hour.segments.is_empty()), "none is that large");
        }
    }

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
