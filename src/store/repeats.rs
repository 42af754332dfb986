//! Repeats: answers that a judge is asked about once more, to learn how often it says something else of the same.
//!
//! They are judged like anchors: an account of their own in the ledger, no score for a sink, and no part of what is said of the
//! traffic.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::anchors::{AnchorReplay, IS_REPEAT};
use super::{Store, StoreError, read, row, rows};
use crate::model::{Moment, Outcome, Probability, Revisions, Score};

/// Which verdicts may be asked for again.
#[derive(Debug, Clone, Copy)]
pub struct RepeatDraw<'a> {
    /// The rubric's name.
    pub rubric: &'a str,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: &'a str,
    /// What they are about was planned since then, milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// And before.
    pub until_ms: i64,
    /// How many to draw on average.
    pub expected: f64,
    /// The largest share of them to draw.
    pub most: Probability,
}

/// Two verdicts of a judge on one answer, by the same model, read and rendered in the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct RepeatedVerdict {
    /// The rubric's name.
    pub rubric: String,
    /// The rubric's version.
    pub version: u32,
    /// The judge's name.
    pub judge: String,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
    /// The revisions behind both.
    pub revisions: Revisions,
    /// The first score; none of an abstention.
    pub first: Option<Score>,
    /// What it said again.
    pub again: Option<Score>,
}

row! {
    struct RepeatedRow {
        id: Uuid,
        rubric: String,
        version: i64,
        judge: String,
        judge_model: Option<String>,
        reading: Option<i64>,
        rendering: Option<i64>,
        first_score: Option<f64>,
        first_label: Option<String>,
        first_value: Option<f64>,
        score: Option<f64>,
        label: Option<String>,
        value: Option<f64>,
    }
}

const PAIRS: &str = "SELECT r.id, r.rubric, r.version, r.judge, r.judge_model, r.reading, r.rendering, \
     e.score AS first_score, e.label AS first_label, e.value AS first_value, r.score, r.label, r.value \
     FROM evaluations r JOIN evaluations e ON e.subject_id = r.subject_id AND e.rubric = r.rubric AND e.version = r.version \
     AND e.judge = r.judge AND e.revision = r.revision AND e.anchor_round IS NULL AND e.outcome IN ('scored', 'abstained') \
     AND COALESCE(e.judge_model, '') = COALESCE(r.judge_model, '') AND COALESCE(e.reading, 0) = COALESCE(r.reading, 0) \
     AND COALESCE(e.rendering, 0) = COALESCE(r.rendering, 0) \
     WHERE r.anchor_round IS NOT NULL AND r.anchor_round";

impl Store {
    /// Draws verdicts to be asked for again: each with the same probability, which follows from how many there are and is
    /// recorded, times that with which its answer was drawn. The draw is by the evaluation's id, which a hash made: the same on
    /// every worker.
    pub async fn draw_repeats(&self, draw: RepeatDraw<'_>) -> Result<Vec<AnchorReplay>, StoreError> {
        const GIVEN: &str = "e.outcome IN ('scored', 'abstained') AND e.created_at_ms >= $1 AND e.created_at_ms < $2 \
             AND e.rubric = $3 AND e.version = $4 AND e.judge = $5 AND e.anchor_round IS NULL";
        let (number,): (i64,) = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!("SELECT count(*) FROM evaluations e WHERE {GIVEN}")))
                .bind(draw.from_ms)
                .bind(draw.until_ms)
                .bind(draw.rubric)
                .bind(i64::from(draw.version))
                .bind(draw.judge)
                .fetch_one(pool)
                .await?
        });
        let share = (draw.expected / number.max(1) as f64).min(draw.most.get());
        let Ok(share) = Probability::try_from(share) else { return Ok(Vec::new()) };
        let drawn: Vec<(Uuid, f64)> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT e.subject_id, e.inclusion_probability FROM evaluations e JOIN subjects s ON s.id = e.subject_id \
                 WHERE {GIVEN} AND e.id < $6 AND s.revision = e.revision AND s.content IS NOT NULL ORDER BY e.id"
            )))
            .bind(draw.from_ms)
            .bind(draw.until_ms)
            .bind(draw.rubric)
            .bind(i64::from(draw.version))
            .bind(draw.judge)
            .bind(below(share))
            .fetch_all(pool)
            .await?
        });
        let round = format!("repeat {}", Moment(draw.from_ms));
        let replay = |(subject, probability): (Uuid, f64)| {
            let probability = rows::probability("evaluations", "inclusion_probability", probability)?;
            Ok(AnchorReplay {
                subject: subject.into(),
                rubric: draw.rubric.to_owned(),
                version: draw.version,
                judge: draw.judge.to_owned(),
                round: round.clone(),
                probability: probability.and(share),
            })
        };
        drawn.into_iter().map(replay).collect()
    }

    /// What judges said again of answers, since `since_ms`, oldest first.
    pub async fn repeated_verdicts(&self, since_ms: i64) -> Result<Vec<RepeatedVerdict>, StoreError> {
        let found: Vec<RepeatedRow> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "{PAIRS} {IS_REPEAT} AND r.outcome IN ('scored', 'abstained') AND r.created_at_ms >= $1 \
                 ORDER BY r.finished_at_ms, r.id"
            )))
            .bind(since_ms)
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(RepeatedRow::into_verdict).collect()
    }

    /// The first `number` of them, by one judge and rubric.
    pub async fn first_repeats(
        &self,
        rubric: &str,
        judge: &str,
        number: usize,
    ) -> Result<Vec<RepeatedVerdict>, StoreError> {
        let found: Vec<RepeatedRow> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "{PAIRS} {IS_REPEAT} AND r.outcome = $1 AND e.outcome = $1 AND r.rubric = $2 AND r.judge = $3 \
                 ORDER BY r.finished_at_ms, r.id LIMIT $4"
            )))
            .bind(Outcome::Scored.as_str())
            .bind(rubric)
            .bind(judge)
            .bind(number as i64)
            .fetch_all(pool)
            .await?
        });
        found.into_iter().map(RepeatedRow::into_verdict).collect()
    }
}

/// The id that a share of all lies below: their first 48 bits are those of a hash.
fn below(share: Probability) -> Uuid {
    Uuid::from_u128((((share.get() * (1_u64 << 48) as f64) as u128).min((1 << 48) - 1)) << 80)
}

impl RepeatedRow {
    fn into_verdict(self) -> Result<RepeatedVerdict, StoreError> {
        let id = self.id;
        self.read().map_err(|error| error.in_row(id))
    }

    fn read(self) -> Result<RepeatedVerdict, StoreError> {
        Ok(RepeatedVerdict {
            rubric: self.rubric,
            version: self.version as u32,
            judge: self.judge,
            judge_model: self.judge_model,
            revisions: Revisions::stored(self.reading, self.rendering),
            first: rows::score("evaluations", self.first_score, self.first_label, self.first_value)?,
            again: rows::score("evaluations", self.score, self.label, self.value)?,
        })
    }
}
