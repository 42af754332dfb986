//! The newest scores with what is needed to weigh and divide them, for the watch on answers.

use std::collections::BTreeMap;

use super::{Store, StoreError, read, row, rows};
use crate::model::Probability;

/// A score without what was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentScore {
    /// The rubric's name.
    pub rubric: String,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
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

row! {
    struct RecentRow {
        rubric: String,
        version: i64,
        judge: String,
        judge_model: Option<String>,
        value: f64,
        inclusion_probability: f64,
        observed_at_ms: i64,
        model: Option<String>,
        segments: String,
    }
}

impl Store {
    /// The `most` newest scores that lie on [0, 1], in order of observation; anchors that were judged again are none.
    pub async fn recent_scores(&self, most: u32) -> Result<Vec<RecentScore>, StoreError> {
        let found: Vec<RecentRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT e.rubric, e.version, e.judge, e.judge_model, e.value, e.inclusion_probability, s.observed_at_ms, \
                 s.model, s.segments \
                 FROM (SELECT id, subject_id, rubric, version, judge, judge_model, value, inclusion_probability FROM evaluations \
                     WHERE outcome = 'scored' AND anchor_round IS NULL AND value IS NOT NULL \
                     ORDER BY created_at_ms DESC, id DESC LIMIT $1) e \
                 JOIN subjects s ON s.id = e.subject_id ORDER BY s.observed_at_ms, e.id",
            )
            .bind(i64::from(most))
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(RecentRow::into_score).collect()
    }
}

impl RecentRow {
    fn into_score(self) -> Result<RecentScore, StoreError> {
        Ok(RecentScore {
            rubric: self.rubric,
            version: self.version as u32,
            judge: self.judge,
            judge_model: self.judge_model,
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
