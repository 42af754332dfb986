//! The latest subjects with their content, and what one series of scores says of them.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::subject_row::{SUBJECT_COLUMNS, SubjectRow};
use super::{Store, StoreError, read, row, rows};
use crate::model::{Outcome, Subject, SubjectKind};

/// A series of scores: a rubric version and a judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub rubric: String,
    pub version: u32,
    pub judge: String,
}

/// A subject that is still stored with its content.
#[derive(Debug, Clone, PartialEq)]
pub struct LatestSubject {
    pub subject: Subject,
    /// When it was observed, milliseconds since the Unix epoch.
    pub observed_at_ms: i64,
    /// What the series says of it, where it was decided on.
    pub said: Option<Said>,
}

/// What one evaluation says.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub outcome: Outcome,
    /// On the rubric's scale.
    pub score: Option<f64>,
    pub label: Option<String>,
    /// Normalised to [0, 1].
    pub value: Option<f64>,
}

row! {
    struct LatestRow {
        outcome: Option<String>,
        score: Option<f64>,
        label: Option<String>,
        value: Option<f64>,
        ..subject: SubjectRow,
    }
}

impl Store {
    /// The next `limit` subjects of `kind` that were observed before `before`, newest first.
    pub async fn latest_subjects(
        &self,
        kind: SubjectKind,
        series: &Series,
        before: Option<&LatestSubject>,
        limit: usize,
    ) -> Result<Vec<LatestSubject>, StoreError> {
        let (before_ms, before_id) =
            before.map_or((i64::MAX, Uuid::nil()), |before| (before.observed_at_ms, before.subject.id.as_uuid()));
        let found: Vec<LatestRow> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {SUBJECT_COLUMNS}, s.content, e.outcome, e.score, e.label, e.value \
                 FROM subjects s LEFT JOIN evaluations e ON e.subject_id = s.id AND e.revision = s.revision \
                     AND e.rubric = $1 AND e.version = $2 AND e.judge = $3 AND e.anchor_round IS NULL AND e.outcome <> 'superseded' \
                 WHERE s.kind = $4 AND s.content IS NOT NULL AND (s.observed_at_ms, s.id) < ($5, $6) \
                 ORDER BY s.observed_at_ms DESC, s.id DESC LIMIT $7",
            )))
            .bind(&series.rubric)
            .bind(i64::from(series.version))
            .bind(&series.judge)
            .bind(kind.as_str())
            .bind(before_ms)
            .bind(before_id)
            .bind(limit as i64)
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(|row| row.into_latest(kind)).collect()
    }
}

impl LatestRow {
    fn into_latest(self, kind: SubjectKind) -> Result<LatestSubject, StoreError> {
        let outcome = self.outcome.map(|outcome| rows::outcome(&outcome)).transpose()?;
        Ok(LatestSubject {
            observed_at_ms: self.subject.place().0,
            subject: self.subject.into_subject(kind)?,
            said: outcome.map(|outcome| Said { outcome, score: self.score, label: self.label, value: self.value }),
        })
    }
}
