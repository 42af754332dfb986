//! Scores with what is needed to weigh and divide them, for the watch on answers.

use std::collections::BTreeMap;

use super::{CellsBuilt, Store, StoreError, read, row, rows};
use crate::cells::SeriesKey;
use crate::model::{Probability, Revisions};

/// Scores that may be compared with each other: those of one rubric version by one judge and model, with what it was shown
/// read and rendered in one way.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreSeries {
    /// The rubric's name.
    pub rubric: String,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
    /// The revisions behind the scores.
    pub revisions: Revisions,
    /// When its newest score was planned, milliseconds since the Unix epoch.
    pub newest_ms: i64,
}

/// A score without what was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesScore {
    /// The score, normalised to [0, 1].
    pub value: f64,
    /// The probability with which the answer was drawn.
    pub inclusion_probability: Probability,
    /// When the answer was observed, milliseconds since the Unix epoch.
    pub observed_at_ms: i64,
    /// The model that wrote the answer.
    pub model: Option<String>,
    /// Segment name → value.
    pub segments: BTreeMap<String, String>,
}

impl ScoreSeries {
    /// What cells know it by.
    pub fn key(&self) -> SeriesKey {
        SeriesKey {
            rubric: self.rubric.clone(),
            version: self.version,
            judge: self.judge.clone(),
            judge_model: self.judge_model.clone(),
            revisions: Some(self.revisions),
            replay: false,
        }
    }
}

row! {
    struct SeriesRow {
        rubric: String,
        version: i64,
        judge: String,
        judge_model: Option<String>,
        reading: i64,
        rendering: i64,
        newest_ms: i64,
    }
}

row! {
    struct ScoreRow {
        id: uuid::Uuid,
        value: f64,
        inclusion_probability: f64,
        observed_at_ms: i64,
        model: Option<String>,
        segments: String,
    }
}

/// The scores of a series; of anchors that were judged again there are none.
const OF_SERIES: &str = "SELECT e.id, e.value, e.inclusion_probability, s.observed_at_ms, s.model, s.segments \
     FROM (SELECT id, subject_id, value, inclusion_probability, created_at_ms FROM evaluations \
         WHERE outcome = 'scored' AND anchor_round IS NULL AND value IS NOT NULL \
         AND rubric = $1 AND version = $2 AND judge = $3 AND COALESCE(judge_model, '') = $4 \
         AND COALESCE(reading, 1) = $5 AND COALESCE(rendering, 1) = $6";

impl Store {
    /// Every series with a score on [0, 1].
    pub async fn score_series(&self) -> Result<Vec<ScoreSeries>, StoreError> {
        if self.cells_built().await? != CellsBuilt::Complete {
            return self.scanned_series().await;
        }
        let series = |(key, newest_ms): (SeriesKey, i64)| ScoreSeries {
            rubric: key.rubric,
            version: key.version,
            judge: key.judge,
            judge_model: key.judge_model,
            revisions: key.revisions.unwrap_or(Revisions::FIRST),
            newest_ms,
        };
        Ok(self.valued_series().await?.into_iter().map(series).collect())
    }

    /// The same by a scan, as long as cells are being built.
    async fn scanned_series(&self) -> Result<Vec<ScoreSeries>, StoreError> {
        let found: Vec<SeriesRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT rubric, version, judge, judge_model, COALESCE(reading, 1) AS reading, COALESCE(rendering, 1) AS rendering, \
                 max(created_at_ms) AS newest_ms FROM evaluations \
                 WHERE outcome = 'scored' AND anchor_round IS NULL AND value IS NOT NULL \
                 GROUP BY rubric, version, judge, judge_model, COALESCE(reading, 1), COALESCE(rendering, 1) \
                 ORDER BY rubric, version, judge, judge_model, COALESCE(reading, 1), COALESCE(rendering, 1)",
            )
            .fetch_all(pool)
            .await?
        });
        let series = |row: SeriesRow| ScoreSeries {
            rubric: row.rubric,
            version: row.version as u32,
            judge: row.judge,
            judge_model: row.judge_model,
            revisions: Revisions::stored(Some(row.reading), Some(row.rendering)),
            newest_ms: row.newest_ms,
        };
        Ok(found.into_iter().map(series).collect())
    }

    /// The `first` oldest scores of a series and, behind them, of the others the `newest`, in the order in which they were
    /// planned. However long the series grows, the oldest stay the same.
    pub async fn scores_of(
        &self,
        series: &ScoreSeries,
        first: u32,
        newest: u32,
    ) -> Result<Vec<SeriesScore>, StoreError> {
        let mut found = self.series_rows(series, "ASC", first).await?;
        if found.len() == first as usize {
            let known: std::collections::HashSet<uuid::Uuid> = found.iter().map(|row| row.id).collect();
            let mut tail = self.series_rows(series, "DESC", newest).await?;
            tail.retain(|row| !known.contains(&row.id));
            found.extend(tail.into_iter().rev());
        }
        found.into_iter().map(ScoreRow::into_score).collect()
    }

    async fn series_rows(
        &self,
        series: &ScoreSeries,
        order: &'static str,
        limit: u32,
    ) -> Result<Vec<ScoreRow>, StoreError> {
        let query = format!(
            "{OF_SERIES} ORDER BY created_at_ms {order}, id {order} LIMIT $7) e \
             JOIN subjects s ON s.id = e.subject_id ORDER BY e.created_at_ms {order}, e.id {order}"
        );
        Ok(read!(self, DB, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(query.as_str()))
                .bind(&series.rubric)
                .bind(i64::from(series.version))
                .bind(&series.judge)
                .bind(series.judge_model.as_deref().unwrap_or_default())
                .bind(i64::from(series.revisions.reading))
                .bind(i64::from(series.revisions.rendering))
                .bind(i64::from(limit))
                .fetch_all(pool)
                .await?
        }))
    }
}

impl ScoreRow {
    fn into_score(self) -> Result<SeriesScore, StoreError> {
        Ok(SeriesScore {
            value: self.value,
            inclusion_probability: rows::probability(
                "evaluations",
                "inclusion_probability",
                self.inclusion_probability,
            )?,
            observed_at_ms: self.observed_at_ms,
            model: self.model,
            segments: rows::json("subjects", "segments", &self.segments)?,
        })
    }
}
