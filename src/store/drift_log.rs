//! What the watch on drift has seen, in the order in which judged first saw it, and what it said.
//!
//! The log makes a label what it was when it was seen: a score that is superseded later, a label that is corrected or a
//! rubric version that is deleted changes nothing of it, and looking at it anew comes to the same.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::anchors::IS_REPEAT;
use super::dialect::Dialect;
use super::{Store, StoreError, read, row, rows, transaction};
use crate::model::{EvaluationId, LabelStream, Named as _, Probability, Revisions, Score, SubjectId};

/// A rubric and the judge that its labels are held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedJudge {
    pub rubric: String,
    pub judge: String,
    /// The newest version whose scores are labelled.
    pub version: u32,
    /// When the newest labelled answer was observed, milliseconds since the Unix epoch.
    pub newest_ms: i64,
}

/// Something that was seen of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    pub subject: SubjectId,
    /// When judged saw it, milliseconds since the Unix epoch.
    pub seen_at_ms: i64,
    /// When the answer was observed.
    pub observed_at_ms: i64,
    pub what: LoggedWhat,
    pub score: LoggedScore,
    pub session: Option<String>,
    /// The digest of what was judged.
    pub content: String,
    /// Segment → value, the model that wrote the answer among them.
    pub segments: std::collections::BTreeMap<String, String>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoggedWhat {
    /// Somebody labelled it.
    Label {
        annotator: String,
        score: Score,
        stream: LabelStream,
        labelled_at_ms: i64,
        /// Whether it was an anchor by then.
        is_anchor: bool,
    },
    /// The judge was asked again about an anchor.
    Verdict { finished_at_ms: i64 },
}

/// The score that stood then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoggedScore {
    pub evaluation: EvaluationId,
    pub version: u32,
    pub score: Score,
    pub judge_model: Option<String>,
    pub reading: u32,
    pub rendering: u32,
    pub inclusion_probability: Probability,
}

/// What the watch said of the log up to a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptWatch {
    pub algorithm: u32,
    pub position: i64,
    pub scale: String,
    /// As JSON.
    pub said: String,
}

impl KeptWatch {
    pub fn of(algorithm: u32, position: i64, scale: String, said: &impl Serialize) -> Result<Self, StoreError> {
        let said = rows::to_json("drift_watches", "said", said)?;
        Ok(Self { algorithm, position, scale, said })
    }
}

row! {
    struct JudgeRow {
        rubric: String,
        judge: String,
        version: i64,
        newest_ms: i64,
    }
}

row! {
    struct UnseenRow {
        subject_id: Uuid,
        annotator: Option<String>,
        labelled_at_ms: Option<i64>,
        seen_at_ms: Option<i64>,
        said_score: Option<f64>,
        said_label: Option<String>,
        said_value: Option<f64>,
        stream: Option<String>,
        is_anchor: bool,
        id: Uuid,
        version: i64,
        score: Option<f64>,
        label: Option<String>,
        value: Option<f64>,
        judge_model: Option<String>,
        reading: Option<i64>,
        rendering: Option<i64>,
        inclusion_probability: f64,
        finished_at_ms: Option<i64>,
        observed_at_ms: i64,
        session_id: Option<String>,
        digest: Vec<u8>,
        model: Option<String>,
        segments: String,
    }
}

/// Rows in one statement.
const ROWS: usize = 100;

/// The columns of a score and its subject.
const OF_SCORE: &str = "e.id, e.version, e.score, e.label, e.value, e.judge_model, e.reading, e.rendering, \
     e.inclusion_probability, e.finished_at_ms, s.observed_at_ms, s.session_id, s.digest, s.model, s.segments";

const IS_SCORED: &str = "e.rubric = $1 AND e.judge = $2 AND e.outcome = 'scored'";

impl Store {
    /// Which judges have scores that people labelled.
    pub async fn watched_judges(&self) -> Result<Vec<WatchedJudge>, StoreError> {
        let found: Vec<JudgeRow> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT e.rubric, e.judge, max(e.version) AS version, max(s.observed_at_ms) AS newest_ms FROM labels l \
                 JOIN evaluations e ON e.subject_id = l.subject_id AND e.rubric = l.rubric \
                 JOIN subjects s ON s.id = l.subject_id \
                 WHERE e.outcome = 'scored' AND e.anchor_round IS NULL \
                 GROUP BY e.rubric, e.judge ORDER BY e.rubric, e.judge",
            )
            .fetch_all(pool)
            .await?
        });
        let judge = |row: JudgeRow| WatchedJudge {
            rubric: row.rubric,
            judge: row.judge,
            version: row.version as u32,
            newest_ms: row.newest_ms,
        };
        Ok(found.into_iter().map(judge).collect())
    }

    /// What was seen of a rubric and a judge, in order.
    pub async fn drift_log(&self, rubric: &str, judge: &str) -> Result<Vec<Logged>, StoreError> {
        let found: Vec<(String,)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT entry FROM drift_log WHERE rubric = $1 AND judge = $2 ORDER BY position")
                .bind(rubric)
                .bind(judge)
                .fetch_all(pool)
                .await?
        });
        found.iter().map(|(entry,)| rows::json("drift_log", "entry", entry)).collect()
    }

    /// What the log does not hold yet, in the order in which judged first saw it: uniform labels and those of anchors, each
    /// with the newest score of its answer, and verdicts on anchors. An anchor's first verdict stands with its label.
    pub async fn unseen(&self, rubric: &str, judge: &str) -> Result<Vec<Logged>, StoreError> {
        let (mut labels, verdicts): (Vec<UnseenRow>, Vec<UnseenRow>) = read!(self, DB, pool => {
            let labels = sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT l.subject_id, l.annotator, l.labelled_at_ms, l.imported_at_ms AS seen_at_ms, l.score AS said_score, \
                 l.label AS said_label, l.value AS said_value, l.stream, a.subject_id IS NOT NULL AS is_anchor, {OF_SCORE} \
                 FROM labels l JOIN evaluations e ON e.subject_id = l.subject_id AND {IS_SCORED} AND e.anchor_round IS NULL \
                 JOIN subjects s ON s.id = l.subject_id \
                 LEFT JOIN anchors a ON a.rubric = l.rubric AND a.subject_id = l.subject_id \
                 WHERE l.rubric = $1 AND (l.stream = 'uniform' OR a.subject_id IS NOT NULL) \
                 AND NOT EXISTS (SELECT 1 FROM drift_log d WHERE d.rubric = $1 AND d.judge = $2 AND d.kind = 'label' \
                     AND d.subject_id = l.subject_id AND d.annotator = l.annotator AND d.labelled_at_ms = l.labelled_at_ms) \
                 ORDER BY l.imported_at_ms, l.labelled_at_ms, COALESCE(l.line, 0), l.subject_id, l.annotator, \
                     e.created_at_ms DESC, e.id DESC"
            )))
            .bind(rubric)
            .bind(judge)
            .fetch_all(pool)
            .await?;
            let verdicts = sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT e.subject_id, CAST(NULL AS TEXT) AS annotator, CAST(NULL AS BIGINT) AS labelled_at_ms, \
                 CAST(NULL AS BIGINT) AS seen_at_ms, CAST(NULL AS DOUBLE PRECISION) AS said_score, \
                 CAST(NULL AS TEXT) AS said_label, CAST(NULL AS DOUBLE PRECISION) AS said_value, \
                 CAST(NULL AS TEXT) AS stream, TRUE AS is_anchor, {OF_SCORE} \
                 FROM anchors a JOIN evaluations e ON e.subject_id = a.subject_id AND {IS_SCORED} \
                 JOIN subjects s ON s.id = e.subject_id \
                 WHERE a.rubric = $1 AND (e.anchor_round IS NULL OR NOT e.anchor_round {IS_REPEAT}) \
                 AND (e.anchor_round IS NOT NULL OR NOT EXISTS (SELECT 1 FROM labels l \
                     WHERE l.subject_id = e.subject_id AND l.rubric = $1 AND l.stream = 'uniform')) \
                 AND NOT EXISTS (SELECT 1 FROM drift_log d WHERE d.rubric = $1 AND d.judge = $2 AND d.kind = 'verdict' \
                     AND d.evaluation_id = e.id) \
                 ORDER BY e.finished_at_ms, e.id"
            )))
            .bind(rubric)
            .bind(judge)
            .fetch_all(pool)
            .await?;
            (labels, verdicts)
        });
        // The newest score of each comes first.
        labels.dedup_by(|one, kept| one.is_same_label(kept));
        let labels = labels.into_iter().map(UnseenRow::into_label);
        let mut unseen = labels.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
        unseen.extend(verdicts.into_iter().map(UnseenRow::into_verdict).collect::<Result<Vec<_>, _>>()?);
        unseen.sort_by_key(|logged| logged.seen_at_ms);
        Ok(unseen)
    }

    /// What the watch said of a rubric and a judge; none before it looked.
    pub async fn kept_watch(&self, rubric: &str, judge: &str) -> Result<Option<KeptWatch>, StoreError> {
        let found: Option<(i64, i64, String, String)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT algorithm, position, scale, said FROM drift_watches WHERE rubric = $1 AND judge = $2")
                .bind(rubric)
                .bind(judge)
                .fetch_optional(pool)
                .await?
        });
        Ok(found.map(|(algorithm, position, scale, said)| KeptWatch {
            algorithm: algorithm as u32,
            position,
            scale,
            said,
        }))
    }

    /// Adds what was seen behind the first `known` entries of the log, and keeps what the watch says of all. False when
    /// another worker has the duty, or has added to the log meanwhile: then nothing is written.
    pub async fn keep_watch(
        &self,
        (rubric, judge): (&str, &str),
        known: usize,
        seen: &[Logged],
        watch: &KeptWatch,
        duty: &str,
    ) -> Result<bool, StoreError> {
        let entries: Vec<String> =
            seen.iter().map(|logged| rows::to_json("drift_log", "entry", logged)).collect::<Result<_, _>>()?;
        Ok(transaction!(self, DB, tx => {
            let leader: Option<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT worker FROM leaders WHERE duty = $1{}",
                <DB as Dialect>::FOR_UPDATE
            )))
            .bind(duty)
            .fetch_optional(&mut *tx)
            .await?;
            let (length,): (i64,) =
                sqlx::query_as("SELECT count(*) FROM drift_log WHERE rubric = $1 AND judge = $2")
                    .bind(rubric)
                    .bind(judge)
                    .fetch_one(&mut *tx)
                    .await?;
            let may = leader.is_some_and(|(worker,)| worker == self.worker()) && length == known as i64;
            if may {
                let placed: Vec<_> = seen.iter().zip(&entries).zip(known..).collect();
                for rows in placed.chunks(ROWS) {
                    let mut insert = sqlx::QueryBuilder::<DB>::new(
                        "INSERT INTO drift_log (rubric, judge, position, kind, subject_id, evaluation_id, annotator, \
                         labelled_at_ms, entry) ",
                    );
                    insert.push_values(rows, |mut row, ((logged, entry), position)| {
                        let (kind, annotator, labelled_at_ms) = logged.key();
                        row.push_bind(rubric)
                            .push_bind(judge)
                            .push_bind(*position as i64)
                            .push_bind(kind)
                            .push_bind(logged.subject.as_uuid())
                            .push_bind(logged.score.evaluation.as_uuid())
                            .push_bind(annotator)
                            .push_bind(labelled_at_ms)
                            .push_bind(entry.as_str());
                    });
                    insert.build().execute(&mut *tx).await?;
                }
                sqlx::query(
                    "INSERT INTO drift_watches (rubric, judge, algorithm, position, scale, said) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (rubric, judge) DO UPDATE SET \
                     algorithm = excluded.algorithm, position = excluded.position, scale = excluded.scale, said = excluded.said",
                )
                .bind(rubric)
                .bind(judge)
                .bind(i64::from(watch.algorithm))
                .bind(watch.position)
                .bind(&watch.scale)
                .bind(&watch.said)
                .execute(&mut *tx)
                .await?;
            }
            may
        }))
    }
}

impl Logged {
    /// What tells it from everything else in the log of a rubric and a judge.
    fn key(&self) -> (&'static str, Option<&str>, Option<i64>) {
        match &self.what {
            LoggedWhat::Label { annotator, labelled_at_ms, .. } => ("label", Some(annotator), Some(*labelled_at_ms)),
            LoggedWhat::Verdict { .. } => ("verdict", None, None),
        }
    }
}

impl UnseenRow {
    fn is_same_label(&self, other: &Self) -> bool {
        let key = |row: &Self| (row.subject_id, row.annotator.clone(), row.labelled_at_ms);
        key(self) == key(other)
    }

    /// None of somebody who could not judge it.
    fn into_label(mut self) -> Result<Option<Logged>, StoreError> {
        let said = rows::score("labels", self.said_score, self.said_label.take(), self.said_value)?;
        let (Some(score), Some(annotator), Some(labelled_at_ms)) = (said, self.annotator.take(), self.labelled_at_ms)
        else {
            return Ok(None);
        };
        let stream = self.stream.as_deref().and_then(LabelStream::parse).unwrap_or(LabelStream::Unknown);
        let what = LoggedWhat::Label { annotator, score, stream, labelled_at_ms, is_anchor: self.is_anchor };
        let seen_at_ms = self.seen_at_ms.unwrap_or(labelled_at_ms);
        self.into_logged(what, seen_at_ms).map(Some)
    }

    fn into_verdict(self) -> Result<Logged, StoreError> {
        let finished_at_ms = self.finished_at_ms.unwrap_or(self.observed_at_ms);
        self.into_logged(LoggedWhat::Verdict { finished_at_ms }, finished_at_ms)
    }

    fn into_logged(self, what: LoggedWhat, seen_at_ms: i64) -> Result<Logged, StoreError> {
        let id = self.id;
        self.read(what, seen_at_ms).map_err(|error| error.in_row(id))
    }

    fn read(self, what: LoggedWhat, seen_at_ms: i64) -> Result<Logged, StoreError> {
        let no_score = || rows::inconsistent("evaluations", "outcome", "`scored` without a score");
        let revisions = Revisions::stored(self.reading, self.rendering);
        let mut segments: std::collections::BTreeMap<String, String> =
            rows::json("subjects", "segments", &self.segments)?;
        segments.extend(self.model.map(|model| ("model".to_owned(), model)));
        Ok(Logged {
            subject: self.subject_id.into(),
            seen_at_ms,
            observed_at_ms: self.observed_at_ms,
            what,
            score: LoggedScore {
                evaluation: self.id.into(),
                version: self.version as u32,
                score: rows::score("evaluations", self.score, self.label, self.value)?.ok_or_else(no_score)?,
                judge_model: self.judge_model,
                reading: revisions.reading,
                rendering: revisions.rendering,
                inclusion_probability: rows::probability(
                    "evaluations",
                    "inclusion_probability",
                    self.inclusion_probability,
                )?,
            },
            session: self.session_id,
            content: hex::encode(&self.digest),
            segments,
        })
    }
}
