//! Human labels, and finding what they are about.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

use super::dialect::Dialect;
use super::{Store, StoreError, read, row, rows, transaction};
use crate::model::{Label, LabelStream, LabelWay, Named as _, Score, SpanId, SubjectId, SubjectKind, TraceId};

/// How an imported label names its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LabelTarget {
    /// By judged's own id.
    Subject(SubjectId),
    /// The generation of a span.
    Span(TraceId, SpanId),
    /// The generation of a span whose trace is not named.
    AnySpan(SpanId),
    /// A whole trace, or its only generation.
    Trace(TraceId),
}

/// Ids in one query.
const IDS: usize = 500;
/// Labels in one statement: as many as take no more parameters than either database allows.
const ROWS: usize = 200;

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
        via: Option<String>,
        instead_of: Option<String>,
    }
}

const COLUMNS: &str = "subject_id, rubric, annotator, labelled_at_ms, score, label, value, rationale, stream, probability, \
                       imported_at_ms, via, instead_of";

impl Store {
    /// The subjects that each target may mean, with their kinds; several when a trace has several generations.
    pub async fn subjects_of(
        &self,
        targets: &BTreeSet<LabelTarget>,
    ) -> Result<BTreeMap<LabelTarget, Vec<(SubjectId, SubjectKind)>>, StoreError> {
        let mut ids: Vec<Uuid> = Vec::new();
        let (mut traces, mut spans): (BTreeSet<TraceId>, BTreeSet<SpanId>) = Default::default();
        for target in targets {
            match target {
                LabelTarget::Subject(id) => ids.push(id.as_uuid()),
                LabelTarget::Span(trace, _) | LabelTarget::Trace(trace) => {
                    traces.insert(*trace);
                }
                LabelTarget::AnySpan(span) => {
                    spans.insert(*span);
                }
            }
        }
        let traces: Vec<&[u8]> = traces.iter().map(|trace| trace.as_bytes().as_slice()).collect();
        let spans: Vec<&[u8]> = spans.iter().map(|span| span.as_bytes().as_slice()).collect();
        let mut read: Vec<(Uuid, String, Vec<u8>, Vec<u8>)> = Vec::new();
        read!(self, DB, pool => {
            for ids in ids.chunks(IDS) {
                let mut select = QueryBuilder::<DB>::new("SELECT id, kind, trace_id, span_id FROM subjects WHERE id IN ");
                rows::push_list(&mut select, ids.iter().copied());
                read.extend(select.build_query_as().fetch_all(pool).await?);
            }
            for (column, wanted) in [("trace_id", &traces), ("span_id", &spans)] {
                for wanted in wanted.chunks(IDS) {
                    let mut select =
                        QueryBuilder::<DB>::new("SELECT id, kind, trace_id, span_id FROM subjects WHERE ");
                    select.push(column).push(" IN ");
                    rows::push_list(&mut select, wanted.iter().copied());
                    select.push(" ORDER BY id");
                    read.extend(select.build_query_as().fetch_all(pool).await?);
                }
            }
        });
        let mut found: BTreeMap<LabelTarget, Vec<(SubjectId, SubjectKind)>> = BTreeMap::new();
        for (id, kind, trace, span) in read {
            let subject = (SubjectId::from(id), rows::subject_kind(&kind)?);
            let (trace, span) = (rows::trace_id("subjects", &trace)?, rows::span_id("subjects", &span)?);
            let meant = [
                LabelTarget::Subject(subject.0),
                LabelTarget::Span(trace, span),
                LabelTarget::AnySpan(span),
                LabelTarget::Trace(trace),
            ];
            for target in meant.into_iter().filter(|target| targets.contains(target)) {
                let subjects = found.entry(target).or_default();
                // One query may have found what another did.
                if !subjects.contains(&subject) {
                    subjects.push(subject);
                }
            }
        }
        Ok(found)
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

    /// Stores labels in one transaction; the same label twice is stored once. Returns how many were new. The rationale is not
    /// stored where retention emptied the subject.
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
        let mut numbered = Vec::with_capacity(labels.len());
        for (line, (label, first_seen_ms)) in (0_i64..).zip(labels) {
            let instead_of =
                label.instead_of.as_ref().map(|said| rows::to_json("labels", "instead_of", said)).transpose()?;
            numbered.push((line, label, first_seen_ms, instead_of));
        }
        let inserted = transaction!(self, DB, tx => {
            let mut inserted = 0;
            // Who comes later is seen later: without the lock, two would read the same latest one.
            sqlx::query(<DB as Dialect>::LOCK_LABELS).execute(&mut *tx).await?;
            let (latest_ms,): (Option<i64>,) =
                sqlx::query_as("SELECT max(imported_at_ms) FROM labels").fetch_one(&mut *tx).await?;
            let seen_at_ms = latest_ms.map_or(now_ms, |latest_ms| now_ms.max(latest_ms + 1));
            for labels in numbered.chunks(ROWS) {
                let mut insert = QueryBuilder::<DB>::new(
                    "INSERT INTO labels (subject_id, rubric, annotator, labelled_at_ms, score, label, value, rationale, stream, \
                     probability, imported_at_ms, line, restored, via, instead_of) ",
                );
                insert.push_values(labels, |mut row, (line, label, first_seen_ms, instead_of)| {
                    row.push_bind(label.subject.as_uuid())
                        .push_bind(label.rubric.as_str())
                        .push_bind(rows::text(&label.annotator))
                        .push_bind(label.labelled_at_ms)
                        .push_bind(label.score.as_ref().and_then(Score::number))
                        .push_bind(rows::optional(label.score.as_ref().and_then(Score::label)))
                        .push_bind(label.score.as_ref().and_then(Score::value))
                        // Reasons quote what they are about: they are not kept longer.
                        .push("CASE WHEN NOT EXISTS (SELECT 1 FROM subjects WHERE content IS NULL AND id = ")
                        .push_bind_unseparated(label.subject.as_uuid())
                        .push_unseparated(") THEN ")
                        .push_bind_unseparated(rows::optional(label.rationale.as_deref()))
                        .push_unseparated(" END")
                        .push_bind(label.stream.as_str())
                        .push_bind(label.probability.map(f64::from))
                        .push_bind(first_seen_ms.unwrap_or(seen_at_ms))
                        .push_bind(*line)
                        .push_bind(first_seen_ms.is_some())
                        .push_bind(label.via.as_ref().map(ToString::to_string))
                        .push_bind(instead_of.as_deref());
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
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {COLUMNS} FROM labels \
                 ORDER BY imported_at_ms, labelled_at_ms, COALESCE(line, 0), subject_id, rubric, annotator"
            )))
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
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {COLUMNS} FROM labels ORDER BY labelled_at_ms, subject_id, rubric, annotator"
            )))
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(LabelTableRow::into_label).collect()
    }

    /// The labels of one subject for one rubric, in order of time.
    pub async fn labels_of(&self, subject: SubjectId, rubric: &str) -> Result<Vec<Label>, StoreError> {
        let found: Vec<LabelTableRow> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {COLUMNS} FROM labels WHERE subject_id = $1 AND rubric = $2 ORDER BY labelled_at_ms, annotator"
            )))
            .bind(subject.as_uuid())
            .bind(rubric)
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(LabelTableRow::into_label).collect()
    }

    /// The labels of many subjects, by subject, in order of time.
    pub async fn labels_of_all(
        &self,
        subjects: &BTreeSet<SubjectId>,
    ) -> Result<BTreeMap<SubjectId, Vec<Label>>, StoreError> {
        let ids: Vec<Uuid> = subjects.iter().map(SubjectId::as_uuid).collect();
        let mut found: Vec<LabelTableRow> = Vec::new();
        read!(self, DB, pool => {
            for ids in ids.chunks(IDS) {
                let mut select = QueryBuilder::<DB>::new("SELECT ");
                select.push(COLUMNS).push(" FROM labels WHERE subject_id IN ");
                rows::push_list(&mut select, ids.iter().copied());
                select.push(" ORDER BY labelled_at_ms, annotator");
                found.extend(select.build_query_as().fetch_all(pool).await?);
            }
        });
        let mut labels: BTreeMap<SubjectId, Vec<Label>> = BTreeMap::new();
        for row in found {
            let label = row.into_label()?;
            labels.entry(label.subject).or_default().push(label);
        }
        Ok(labels)
    }

    /// Those of the subjects that retention emptied.
    pub async fn emptied_subjects(
        &self,
        subjects: impl IntoIterator<Item = SubjectId>,
    ) -> Result<BTreeSet<SubjectId>, StoreError> {
        let ids: Vec<Uuid> = subjects.into_iter().map(|subject| subject.as_uuid()).collect();
        let mut found: Vec<(Uuid,)> = Vec::new();
        read!(self, DB, pool => {
            for ids in ids.chunks(IDS) {
                let mut select = QueryBuilder::<DB>::new("SELECT id FROM subjects WHERE content IS NULL AND id IN ");
                rows::push_list(&mut select, ids.iter().copied());
                found.extend(select.build_query_as::<(Uuid,)>().fetch_all(pool).await?);
            }
        });
        Ok(found.into_iter().map(|(id,)| id.into()).collect())
    }

    /// Everybody who has labelled: by a step over the index for each name, not by a look at each label.
    pub async fn annotators(&self) -> Result<Vec<String>, StoreError> {
        let found: Vec<(String,)> = read!(self, DB, pool => {
            sqlx::query_as(
                "WITH RECURSIVE names (name) AS ( \
                     SELECT min(annotator) FROM labels \
                     UNION ALL SELECT (SELECT min(annotator) FROM labels WHERE annotator > names.name) \
                     FROM names WHERE names.name IS NOT NULL \
                 ) SELECT name FROM names WHERE name IS NOT NULL",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(found.into_iter().map(|(name,)| name).collect())
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
            via: self.via.map(LabelWay::from),
            instead_of: self.instead_of.map(|text| rows::json("labels", "instead_of", &text)).transpose()?,
        })
    }
}
