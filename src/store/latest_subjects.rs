//! The latest subjects with their content, and what one series of scores says of them.

use uuid::Uuid;

use super::{Store, StoreError, read, row, rows};
use crate::model::{Outcome, Release, Subject, SubjectKind};

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
        id: Uuid,
        trace_id: Vec<u8>,
        span_id: Vec<u8>,
        session_id: Option<String>,
        observed_at_ms: i64,
        response_id: Option<String>,
        model: Option<String>,
        operation: Option<String>,
        unjudgeable: Option<String>,
        cut: Option<String>,
        segments: String,
        content: String,
        outcome: Option<String>,
        score: Option<f64>,
        label: Option<String>,
        value: Option<f64>,
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
            sqlx::query_as(
                "SELECT s.id, s.trace_id, s.span_id, s.session_id, s.observed_at_ms, s.response_id, s.model, s.operation, \
                 s.unjudgeable, s.cut, s.segments, s.content, e.outcome, e.score, e.label, e.value \
                 FROM subjects s LEFT JOIN evaluations e ON e.subject_id = s.id AND e.revision = s.revision \
                     AND e.rubric = $1 AND e.version = $2 AND e.judge = $3 \
                 WHERE s.kind = $4 AND s.content IS NOT NULL AND (s.observed_at_ms, s.id) < ($5, $6) \
                 ORDER BY s.observed_at_ms DESC, s.id DESC LIMIT $7",
            )
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
        // Only the end is stored; no rubric asks for the start.
        let end = u64::try_from(self.observed_at_ms).unwrap_or_default().saturating_mul(1_000_000);
        Ok(LatestSubject {
            subject: Subject {
                id: self.id.into(),
                kind,
                trace_id: rows::trace_id("subjects", &self.trace_id)?,
                span_id: rows::span_id("subjects", &self.span_id)?,
                session_id: self.session_id,
                start: end,
                end,
                response_id: self.response_id,
                model: self.model,
                operation: self.operation,
                unjudgeable: self.unjudgeable,
                segments: rows::json("subjects", "segments", &self.segments)?,
                release: Release::default(),
                content: rows::json("subjects", "content", &self.content)?,
                cut: self.cut.map(|text| rows::json("subjects", "cut", &text)).transpose()?.unwrap_or_default(),
                judged_span: None,
                problems: Vec::new(),
            },
            observed_at_ms: self.observed_at_ms,
            said: outcome.map(|outcome| Said { outcome, score: self.score, label: self.label, value: self.value }),
        })
    }
}
