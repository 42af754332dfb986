//! Answers that people may be asked to label, made ready ahead, and those that came since.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::dialect::Dialect;
use super::rows::push_list;
use super::{Store, StoreError, read, row, rows, transaction};
use crate::model::{Distribution, SubjectId};

/// An answer at the first score that it was given for a rubric.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstScore {
    pub rubric: String,
    pub subject: SubjectId,
    /// Whether the offline baseline gave it.
    pub by_baseline: bool,
    /// Normalised to [0, 1]; none of a category.
    pub value: Option<f64>,
    /// The probabilities behind it, where its judge gives them.
    pub distribution: Option<Distribution>,
    /// Where it stands among all.
    pub position: PoolPosition,
}

/// How far scores have been taken into the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolPosition {
    /// When the last evaluation was finished, milliseconds since the Unix epoch.
    pub finished_at_ms: i64,
    /// Its identity.
    pub id: Uuid,
}

/// The answers of one hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolHour {
    /// Milliseconds since the Unix epoch.
    pub hour_ms: i64,
    pub number: i64,
    /// The sum of how unsure the judge was.
    pub doubt: f64,
}

/// An answer that the draw may bring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolCandidate {
    pub subject: SubjectId,
    /// When it was scored first, the hour of it.
    pub hour_ms: i64,
    /// How unsure the judge was.
    pub doubt: f64,
}

/// What is kept ready for one rubric: of judges, or of the offline baseline.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeptPool {
    pub hours: Vec<PoolHour>,
    pub candidates: Vec<PoolCandidate>,
}

/// What a step changes of the pool of a rubric: how many answers came in which hours, and which candidates come and go.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PoolChange {
    pub rubric: String,
    pub by_baseline: bool,
    pub hours: Vec<PoolHour>,
    pub come: Vec<PoolCandidate>,
    pub gone: Vec<SubjectId>,
}

row! {
    struct FirstScoreRow {
        id: Uuid,
        finished_at_ms: i64,
        rubric: String,
        subject_id: Uuid,
        by_baseline: bool,
        value: Option<f64>,
        distribution: Option<String>,
    }
}

const ROWS_PER_STATEMENT: usize = 100;

/// Adds whether the judge of the evaluation called `$e` is an offline baseline.
macro_rules! push_is_baseline {
    ($select:ident, $e:literal, $baselines:expr) => {
        if $baselines.is_empty() {
            // A comparison, since the word for a truth value differs.
            $select.push("(1 = 0)");
        } else {
            $select.push(concat!("(", $e, ".judge IN "));
            push_list(&mut $select, $baselines.iter().map(String::as_str));
            $select.push(")");
        }
    };
}

impl Store {
    /// How far scores have been taken into the pool while these were the baselines; `None` when it has to be made anew.
    pub async fn pool_position(&self, baselines: &[String]) -> Result<Option<PoolPosition>, StoreError> {
        let found: Option<(i64, Uuid)> = read!(self, DB, pool => {
            sqlx::query_as("SELECT finished_at_ms, id FROM label_pool_position WHERE baselines = $1")
                .bind(baselines_text(baselines)?)
                .fetch_optional(pool)
                .await?
        });
        Ok(found.map(|(finished_at_ms, id)| PoolPosition { finished_at_ms, id }))
    }

    /// Answers that were scored behind `after` and up to `until_ms`, at most `limit`, in order of time, as far as they still
    /// have their content; an answer that is scored again within `window_ms` counts once, at its first score.
    pub async fn first_scores(
        &self,
        rubric: Option<&str>,
        baselines: &[String],
        (after, until_ms): (PoolPosition, i64),
        window_ms: i64,
        limit: i64,
    ) -> Result<Vec<FirstScore>, StoreError> {
        let found: Vec<FirstScoreRow> = read!(self, DB, pool => {
            let mut select = QueryBuilder::<DB>::new("SELECT e.id, e.finished_at_ms, e.rubric, e.subject_id, ");
            push_is_baseline!(select, "e", baselines);
            select.push(
                " AS by_baseline, e.value, e.distribution FROM evaluations e CROSS JOIN subjects s \
                 WHERE s.id = e.subject_id AND s.content IS NOT NULL AND e.outcome = 'scored' AND e.anchor_round IS NULL \
                 AND (e.finished_at_ms, e.id) > (",
            );
            select.push_bind(after.finished_at_ms).push(", ").push_bind(after.id);
            select.push(") AND e.finished_at_ms <= ").push_bind(until_ms);
            if let Some(rubric) = rubric {
                select.push(" AND e.rubric = ").push_bind(rubric);
            }
            // A scalar, looked up by the subject for each score: for `NOT EXISTS`, PostgreSQL reads all scores.
            select.push(
                " AND COALESCE((SELECT 1 FROM evaluations o WHERE o.subject_id = e.subject_id AND o.rubric = e.rubric \
                 AND o.anchor_round IS NULL AND o.outcome",
            );
            select.push(<DB as Dialect>::BY_KEY).push(
                " = 'scored' AND (o.finished_at_ms, o.id) < (e.finished_at_ms, e.id) \
                 AND o.finished_at_ms >= e.finished_at_ms - ",
            );
            select.push_bind(window_ms).push(" AND ");
            push_is_baseline!(select, "o", baselines);
            select.push(" = ");
            push_is_baseline!(select, "e", baselines);
            select.push(" LIMIT 1), 0) = 0 ORDER BY e.finished_at_ms, e.id LIMIT ").push_bind(limit);
            select.build_query_as().fetch_all(pool).await?
        });
        Ok(found.into_iter().map(FirstScoreRow::into_score).collect())
    }

    /// What is kept ready for a rubric of the hours from `since_ms` on.
    pub async fn kept_pool(&self, rubric: &str, by_baseline: bool, since_ms: i64) -> Result<KeptPool, StoreError> {
        let (hours, candidates): (Vec<(i64, i64, f64)>, Vec<(Uuid, i64, f64)>) = read!(self, DB, pool => {
            let hours = sqlx::query_as(
                "SELECT hour_ms, number, doubt FROM label_pool_hours \
                 WHERE rubric = $1 AND by_baseline = $2 AND hour_ms >= $3 ORDER BY hour_ms",
            );
            let candidates = sqlx::query_as(
                "SELECT subject_id, hour_ms, doubt FROM label_pool \
                 WHERE rubric = $1 AND by_baseline = $2 AND hour_ms >= $3 ORDER BY subject_id",
            );
            (
                hours.bind(rubric).bind(by_baseline).bind(since_ms).fetch_all(pool).await?,
                candidates.bind(rubric).bind(by_baseline).bind(since_ms).fetch_all(pool).await?,
            )
        });
        let hour = |(hour_ms, number, doubt)| PoolHour { hour_ms, number, doubt };
        let candidate = |(id, hour_ms, doubt): (Uuid, _, _)| PoolCandidate { subject: id.into(), hour_ms, doubt };
        Ok(KeptPool {
            hours: hours.into_iter().map(hour).collect(),
            candidates: candidates.into_iter().map(candidate).collect(),
        })
    }

    /// Takes the scores between two positions into the pool. A pool that has no position yet is emptied first. Does nothing
    /// where another worker has gone on from `from`.
    pub async fn commit_pool(
        &self,
        baselines: &[String],
        (from, to): (Option<PoolPosition>, PoolPosition),
        changes: &[PoolChange],
        since_ms: i64,
    ) -> Result<(), StoreError> {
        let baselines = baselines_text(baselines)?;
        transaction!(self, DB, tx => {
            let moved = if let Some(from) = from {
                sqlx::query(
                    "UPDATE label_pool_position SET finished_at_ms = $1, id = $2 \
                     WHERE baselines = $3 AND finished_at_ms = $4 AND id = $5",
                )
                .bind(to.finished_at_ms)
                .bind(to.id)
                .bind(&baselines)
                .bind(from.finished_at_ms)
                .bind(from.id)
                .execute(&mut *tx)
                .await?
                .rows_affected()
            } else {
                sqlx::query("DELETE FROM label_pool_hours").execute(&mut *tx).await?;
                sqlx::query("DELETE FROM label_pool").execute(&mut *tx).await?;
                sqlx::query(
                    "INSERT INTO label_pool_position (one, baselines, finished_at_ms, id) VALUES (1, $1, $2, $3) \
                     ON CONFLICT (one) DO UPDATE SET baselines = excluded.baselines, \
                     finished_at_ms = excluded.finished_at_ms, id = excluded.id",
                )
                .bind(&baselines)
                .bind(to.finished_at_ms)
                .bind(to.id)
                .execute(&mut *tx)
                .await?
                .rows_affected()
            };
            if moved == 0 {
                return Ok(());
            }
            for table in ["DELETE FROM label_pool_hours WHERE hour_ms < $1", "DELETE FROM label_pool WHERE hour_ms < $1"] {
                sqlx::query(table).bind(since_ms).execute(&mut *tx).await?;
            }
            for change in changes {
                for hours in change.hours.chunks(ROWS_PER_STATEMENT) {
                    let mut insert = QueryBuilder::<DB>::new(
                        "INSERT INTO label_pool_hours AS pool (rubric, by_baseline, hour_ms, number, doubt) ",
                    );
                    insert.push_values(hours, |mut row, hour| {
                        row.push_bind(change.rubric.as_str())
                            .push_bind(change.by_baseline)
                            .push_bind(hour.hour_ms)
                            .push_bind(hour.number)
                            .push_bind(hour.doubt);
                    });
                    insert.push(
                        " ON CONFLICT (rubric, by_baseline, hour_ms) DO UPDATE SET \
                         number = pool.number + excluded.number, doubt = pool.doubt + excluded.doubt",
                    );
                    insert.build().execute(&mut *tx).await?;
                }
                for gone in change.gone.chunks(ROWS_PER_STATEMENT) {
                    let mut delete = QueryBuilder::<DB>::new("DELETE FROM label_pool WHERE rubric = ");
                    delete.push_bind(change.rubric.as_str()).push(" AND by_baseline = ").push_bind(change.by_baseline);
                    delete.push(" AND subject_id IN ");
                    push_list(&mut delete, gone.iter().map(SubjectId::as_uuid));
                    delete.build().execute(&mut *tx).await?;
                }
                for come in change.come.chunks(ROWS_PER_STATEMENT) {
                    let mut insert =
                        QueryBuilder::<DB>::new("INSERT INTO label_pool (rubric, by_baseline, subject_id, hour_ms, doubt) ");
                    insert.push_values(come, |mut row, candidate| {
                        row.push_bind(change.rubric.as_str())
                            .push_bind(change.by_baseline)
                            .push_bind(candidate.subject.as_uuid())
                            .push_bind(candidate.hour_ms)
                            .push_bind(candidate.doubt);
                    });
                    insert.push(
                        " ON CONFLICT (rubric, by_baseline, subject_id) DO UPDATE SET \
                         hour_ms = excluded.hour_ms, doubt = excluded.doubt",
                    );
                    insert.build().execute(&mut *tx).await?;
                }
            }
        });
        Ok(())
    }

    /// Those of the subjects that still have their content and a score for `rubric`.
    pub async fn still_to_label(
        &self,
        rubric: &str,
        subjects: impl Iterator<Item = SubjectId>,
    ) -> Result<BTreeSet<SubjectId>, StoreError> {
        let subjects: Vec<SubjectId> = subjects.collect();
        let mut still = BTreeSet::new();
        for subjects in subjects.chunks(ROWS_PER_STATEMENT) {
            let found: Vec<(Uuid,)> = read!(self, DB, pool => {
                let mut select = QueryBuilder::<DB>::new("SELECT s.id FROM subjects s WHERE s.content IS NOT NULL AND s.id IN ");
                push_list(&mut select, subjects.iter().map(SubjectId::as_uuid));
                select.push(
                    " AND EXISTS (SELECT 1 FROM evaluations e WHERE e.subject_id = s.id AND e.outcome = 'scored' \
                     AND e.anchor_round IS NULL AND e.rubric = ",
                );
                select.push_bind(rubric).push(")");
                select.build_query_as().fetch_all(pool).await?
            });
            still.extend(found.into_iter().map(|(id,)| SubjectId::from(id)));
        }
        Ok(still)
    }
}

fn baselines_text(baselines: &[String]) -> Result<String, StoreError> {
    rows::to_json("label_pool_position", "baselines", &baselines.iter().collect::<BTreeSet<_>>())
}

impl FirstScoreRow {
    fn into_score(self) -> FirstScore {
        FirstScore {
            rubric: self.rubric,
            subject: self.subject_id.into(),
            by_baseline: self.by_baseline,
            value: self.value,
            distribution: self.distribution.as_deref().and_then(Distribution::stored),
            position: PoolPosition { finished_at_ms: self.finished_at_ms, id: self.id },
        }
    }
}
