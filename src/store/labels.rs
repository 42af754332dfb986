//! Human labels, and finding what they are about.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::dialect::Dialect;
use super::{Store, StoreError, read, row, rows, transaction};
use crate::model::{Label, LabelStream, Named as _, Score, SpanId, SubjectId, SubjectKind, TraceId};

/// How an imported label names its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LabelTarget {
    /// By judged's own id.
    Subject(SubjectId),
    /// The generation of a span.
    Span(TraceId, SpanId),
    /// A whole trace, or its only generation.
    Trace(TraceId),
}

row! {
    struct LabelTableRow {
        subject_id: Uuid,
        rubric: String,
        annotator: String,
        labelled_at_ms: i64,
        score: Option<f64>,
        label: Option<String>,
        value: Option<f64>,
        rationale: Option<String>,
        stream: String,
        probability: Option<f64>,
        imported_at_ms: i64,
    }
}

impl Store {
    /// The subjects a target may mean, with their kinds; several when a trace has several generations.
    pub async fn subjects_of(&self, target: LabelTarget) -> Result<Vec<(SubjectId, SubjectKind)>, StoreError> {
        let found: Vec<(Uuid, String)> = read!(self, DB, pool => match target {
            LabelTarget::Subject(id) => {
                sqlx::query_as("SELECT id, kind FROM subjects WHERE id = $1").bind(id.as_uuid()).fetch_all(pool).await?
            }
            LabelTarget::Span(trace_id, span_id) => {
                sqlx::query_as("SELECT id, kind FROM subjects WHERE trace_id = $1 AND span_id = $2 ORDER BY id")
                    .bind(trace_id.as_bytes().as_slice())
                    .bind(span_id.as_bytes().as_slice())
                    .fetch_all(pool)
                    .await?
            }
            LabelTarget::Trace(trace_id) => {
                sqlx::query_as("SELECT id, kind FROM subjects WHERE trace_id = $1 ORDER BY id")
                    .bind(trace_id.as_bytes().as_slice())
                    .fetch_all(pool)
                    .await?
            }
        });
        found.into_iter().map(|(id, kind)| Ok((SubjectId::from(id), rows::subject_kind(&kind)?))).collect()
    }

    /// Where subjects observed since then are found: trace, span and conversation.
    pub async fn subject_places(&self, since_ms: i64) -> Result<Vec<(TraceId, SpanId, Option<String>)>, StoreError> {
        let found: Vec<(Vec<u8>, Vec<u8>, Option<String>)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT DISTINCT trace_id, span_id, session_id FROM subjects WHERE observed_at_ms >= $1")
                .bind(since_ms)
                .fetch_all(pool)
                .await?
        });
        let place = |(trace, span, session): (Vec<u8>, Vec<u8>, _)| {
            Ok((rows::trace_id("subjects", &trace)?, rows::span_id("subjects", &span)?, session))
        };
        found.into_iter().map(place).collect()
    }

    /// Stores labels in one transaction; the same label twice is stored once. Returns how many were new.
    ///
    /// They are first seen now, and after whatever was stored before, should the clock have been put back; among each other
    /// they count by the time at which they were given, then in the order in which they stand here.
    pub async fn insert_labels(&self, labels: &[Label]) -> Result<u64, StoreError> {
        let labels: Vec<(&Label, Option<i64>)> = labels.iter().map(|label| (label, None)).collect();
        self.insert_labels_seen(&labels).await
    }

    /// The same, of labels of which another database of judged says when it first saw them.
    pub async fn insert_labels_seen(&self, labels: &[(&Label, Option<i64>)]) -> Result<u64, StoreError> {
        let now_ms = self.now_ms();
        let numbered: Vec<(i64, &(&Label, Option<i64>))> = (0..).zip(labels).collect();
        let inserted = transaction!(self, DB, tx => {
            let mut inserted = 0;
            // Who comes later is seen later: without the lock, two would read the same latest one.
            sqlx::query(<DB as Dialect>::LOCK_LABELS).execute(&mut *tx).await?;
            let (latest_ms,): (Option<i64>,) =
                sqlx::query_as("SELECT max(imported_at_ms) FROM labels").fetch_one(&mut *tx).await?;
            let seen_at_ms = latest_ms.map_or(now_ms, |latest_ms| now_ms.max(latest_ms + 1));
            for labels in numbered.chunks(50) {
                let mut insert = QueryBuilder::<DB>::new(
                    "INSERT INTO labels (subject_id, rubric, annotator, labelled_at_ms, score, label, value, rationale, stream, \
                     probability, imported_at_ms, line, restored) ",
                );
                insert.push_values(labels, |mut row, (line, (label, first_seen_ms))| {
                    row.push_bind(label.subject.as_uuid())
                        .push_bind(label.rubric.as_str())
                        .push_bind(rows::text(&label.annotator))
                        .push_bind(label.labelled_at_ms)
                        .push_bind(label.score.as_ref().and_then(Score::number))
                        .push_bind(rows::optional(label.score.as_ref().and_then(Score::label)))
                        .push_bind(label.score.as_ref().and_then(Score::value))
                        .push_bind(rows::optional(label.rationale.as_deref()))
                        .push_bind(label.stream.as_str())
                        .push_bind(label.probability.map(f64::from))
                        .push_bind(first_seen_ms.unwrap_or(seen_at_ms))
                        .push_bind(*line)
                        .push_bind(first_seen_ms.is_some());
                });
                insert.push(" ON CONFLICT (subject_id, rubric, annotator, labelled_at_ms) DO NOTHING");
                inserted += insert.build().execute(&mut *tx).await?.rows_affected();
            }
            inserted
        });
        Ok(inserted)
    }

    /// Whether every label that there is was first seen by another database, and none was looked at for drift yet.
    pub async fn has_only_restored_labels(&self) -> Result<bool, StoreError> {
        let (found,): (bool,) = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT EXISTS (SELECT 1 FROM labels WHERE NOT restored) OR EXISTS (SELECT 1 FROM drift_log)",
            )
            .fetch_one(pool)
            .await?
        });
        Ok(!found)
    }

    /// All labels in the order in which judged first saw them, each with when that was, milliseconds since the Unix epoch.
    pub async fn labels_as_seen(&self) -> Result<Vec<(Label, i64)>, StoreError> {
        let found: Vec<LabelTableRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT subject_id, rubric, annotator, labelled_at_ms, score, label, value, rationale, stream, probability, \
                 imported_at_ms FROM labels \
                 ORDER BY imported_at_ms, labelled_at_ms, COALESCE(line, 0), subject_id, rubric, annotator",
            )
            .fetch_all(pool)
            .await?
        });
        found
            .into_iter()
            .map(|row| (row.imported_at_ms, row.into_label()))
            .map(|(seen, label)| Ok((label?, seen)))
            .collect()
    }

    /// All labels, in order of time.
    pub async fn labels(&self) -> Result<Vec<Label>, StoreError> {
        let found: Vec<LabelTableRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT subject_id, rubric, annotator, labelled_at_ms, score, label, value, rationale, stream, probability, \
                 imported_at_ms FROM labels ORDER BY labelled_at_ms, subject_id, rubric, annotator",
            )
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(LabelTableRow::into_label).collect()
    }

    /// The labels of one subject for one rubric, in order of time.
    pub async fn labels_of(&self, subject: SubjectId, rubric: &str) -> Result<Vec<Label>, StoreError> {
        let found: Vec<LabelTableRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT subject_id, rubric, annotator, labelled_at_ms, score, label, value, rationale, stream, probability, \
                 imported_at_ms FROM labels WHERE subject_id = $1 AND rubric = $2 ORDER BY labelled_at_ms, annotator",
            )
            .bind(subject.as_uuid())
            .bind(rubric)
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(LabelTableRow::into_label).collect()
    }

    /// Who labelled what for a rubric since `since_ms`, and how it was chosen: (subject, annotator, stream).
    pub async fn labelled_since(
        &self,
        rubric: &str,
        since_ms: i64,
    ) -> Result<Vec<(SubjectId, String, LabelStream)>, StoreError> {
        let found: Vec<(Uuid, String, String)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT subject_id, annotator, stream FROM labels WHERE rubric = $1 AND labelled_at_ms >= $2 \
                 ORDER BY labelled_at_ms, subject_id, annotator",
            )
            .bind(rubric)
            .bind(since_ms)
            .fetch_all(pool)
            .await?
        });
        Ok(found.into_iter().map(|(subject, annotator, name)| (subject.into(), annotator, stream(&name))).collect())
    }
}

/// How a subject was chosen. A way that only a newer version knows is unknown, which no guarantee rests on.
fn stream(name: &str) -> LabelStream {
    LabelStream::parse(name).unwrap_or(LabelStream::Unknown)
}

impl LabelTableRow {
    fn into_label(self) -> Result<Label, StoreError> {
        let row = format!("{}, {}, {}, {}", self.subject_id, self.rubric, self.annotator, self.labelled_at_ms);
        self.read().map_err(|error| error.in_row(row))
    }

    fn read(self) -> Result<Label, StoreError> {
        Ok(Label {
            subject: self.subject_id.into(),
            rubric: self.rubric,
            annotator: self.annotator,
            score: rows::score("labels", self.score, self.label, self.value)?,
            rationale: self.rationale,
            stream: stream(&self.stream),
            probability: self
                .probability
                .map(|number| rows::probability("labels", "probability", number))
                .transpose()?,
            labelled_at_ms: self.labelled_at_ms,
        })
    }
}
