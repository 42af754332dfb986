//! Anchors: the fixed set of each rubric, and the rounds in which it is judged again.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::commit_plan::account_planned;
use super::{Stage, Store, StoreError, read, transaction};
use crate::model::{EvaluationId, Probability, Revisions, SubjectId};

/// What the names of rounds begin with in which no anchors, but verdicts of any answer are asked for again.
pub(super) const IS_REPEAT: &str = "LIKE 'repeat %'";

/// A subject of the fixed set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The rubric it stands for.
    pub rubric: String,
    pub subject: SubjectId,
    /// When it was added, milliseconds since the Unix epoch.
    pub added_at_ms: i64,
    /// Whether its content is still there; without it, it cannot be judged again.
    pub judgeable: bool,
}

/// An anchor was brought to a judge, in a round or as any other subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorEvaluation {
    /// The anchor.
    pub subject: SubjectId,
    /// The rubric's version.
    pub version: u32,
    pub judge: String,
    /// The model the provider says it was.
    pub judge_model: Option<String>,
    /// The revisions behind what the judge said.
    pub revisions: Revisions,
    /// The round; `None` when it was judged as any other subject.
    pub round: Option<String>,
}

/// One anchor to be judged again, or one answer that was drawn to be judged once more.
#[derive(Debug, Clone, PartialEq)]
pub struct AnchorReplay {
    /// The anchor.
    pub subject: SubjectId,
    /// The rubric's name.
    pub rubric: String,
    /// The rubric's version.
    pub version: u32,
    pub judge: String,
    /// What names the round: the same on every worker, so that planning it twice is harmless.
    pub round: String,
    /// The probability with which it was drawn to be judged again.
    pub probability: Probability,
}

impl Store {
    /// Adds subjects to the fixed set of a rubric. Returns how many were new; subjects that are not stored are passed over.
    pub async fn add_anchors(&self, rubric: &str, subjects: &[SubjectId]) -> Result<u64, StoreError> {
        let now_ms = self.now_ms();
        Ok(transaction!(self, DB, tx => {
            let mut added = 0;
            for subject in subjects {
                added += sqlx::query(
                    "INSERT INTO anchors (rubric, subject_id, added_at_ms) SELECT $1, id, $2 FROM subjects WHERE id = $3 \
                     ON CONFLICT (rubric, subject_id) DO NOTHING",
                )
                .bind(rubric)
                .bind(now_ms)
                .bind(subject.as_uuid())
                .execute(&mut *tx)
                .await?
                .rows_affected();
            }
            added
        }))
    }

    /// Takes subjects out of the fixed set of a rubric. What was judged stays. Returns how many were in it.
    pub async fn remove_anchors(&self, rubric: &str, subjects: &[SubjectId]) -> Result<u64, StoreError> {
        Ok(transaction!(self, DB, tx => {
            let mut removed = 0;
            for subject in subjects {
                removed += sqlx::query("DELETE FROM anchors WHERE rubric = $1 AND subject_id = $2")
                    .bind(rubric)
                    .bind(subject.as_uuid())
                    .execute(&mut *tx)
                    .await?
                    .rows_affected();
            }
            removed
        }))
    }

    /// The fixed sets of all rubrics.
    pub async fn anchors(&self) -> Result<Vec<Anchor>, StoreError> {
        let found: Vec<(String, Uuid, i64, bool)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT a.rubric, a.subject_id, a.added_at_ms, s.content IS NOT NULL AND s.unjudgeable IS NULL \
                 FROM anchors a JOIN subjects s ON s.id = a.subject_id ORDER BY a.rubric, a.added_at_ms, a.subject_id",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(found
            .into_iter()
            .map(|(rubric, subject, added_at_ms, judgeable)| Anchor {
                rubric,
                subject: subject.into(),
                added_at_ms,
                judgeable,
            })
            .collect())
    }

    /// By which judges and models the anchors of a rubric have been judged, or are about to be.
    pub async fn anchor_evaluations(&self, rubric: &str) -> Result<Vec<AnchorEvaluation>, StoreError> {
        type Row = (Uuid, i64, String, Option<String>, Option<i64>, Option<i64>, Option<String>);
        let found: Vec<Row> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT DISTINCT e.subject_id, e.version, e.judge, e.judge_model, e.reading, e.rendering, e.anchor_round \
                 FROM anchors a \
                 JOIN evaluations e ON e.subject_id = a.subject_id AND e.rubric = a.rubric \
                 WHERE a.rubric = $1 AND e.outcome IN ('pending', 'scored', 'abstained', 'refused', 'failed') \
                 AND (e.anchor_round IS NULL OR NOT e.anchor_round {IS_REPEAT})"
            )))
            .bind(rubric)
            .fetch_all(pool)
            .await?
        });
        Ok(found
            .into_iter()
            .map(|(subject, version, judge, judge_model, reading, rendering, round)| AnchorEvaluation {
                subject: subject.into(),
                version: version as u32,
                judge,
                judge_model,
                revisions: Revisions::stored(reading, rendering),
                round,
            })
            .collect())
    }

    /// The model that last answered for a judge under a rubric version, as the provider reports it.
    pub async fn newest_model(&self, rubric: &str, version: u32, judge: &str) -> Result<Option<String>, StoreError> {
        let found: Option<(String,)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT judge_model FROM evaluations WHERE rubric = $1 AND version = $2 AND judge = $3 \
                 AND outcome = 'scored' AND judge_model IS NOT NULL AND anchor_round IS NULL \
                 ORDER BY created_at_ms DESC, id DESC LIMIT 1",
            )
            .bind(rubric)
            .bind(i64::from(version))
            .bind(judge)
            .fetch_optional(pool)
            .await?
        });
        Ok(found.map(|(model,)| model))
    }

    /// The revisions behind the newest score by a judge under a rubric version; `None` without a score.
    pub async fn newest_revisions(
        &self,
        rubric: &str,
        version: u32,
        judge: &str,
    ) -> Result<Option<Revisions>, StoreError> {
        let found: Option<(Option<i64>, Option<i64>)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT reading, rendering FROM evaluations WHERE rubric = $1 AND version = $2 AND judge = $3 \
                 AND outcome = 'scored' AND anchor_round IS NULL ORDER BY created_at_ms DESC, id DESC LIMIT 1",
            )
            .bind(rubric)
            .bind(i64::from(version))
            .bind(judge)
            .fetch_optional(pool)
            .await?
        });
        Ok(found.map(|(reading, rendering)| Revisions::stored(reading, rendering)))
    }

    /// Plans answers to be judged again, each counted in the ledger like any other subject. Returns how many were new: a
    /// round that another worker has planned, or an anchor without content, changes nothing.
    pub async fn plan_replays(&self, replays: &[AnchorReplay], deadline_ms: i64) -> Result<u64, StoreError> {
        let now_ms = self.now_ms();
        let mut ordered: Vec<&AnchorReplay> = replays.iter().collect();
        ordered.sort_by_key(|replay| (replay.subject, replay.version));
        let planned = transaction!(self, DB, tx => {
            let mut planned: BTreeMap<(&str, i64, &str), i64> = BTreeMap::new();
            for replay in ordered {
                let id = EvaluationId::of_replay(
                    replay.subject, &replay.rubric, replay.version, &replay.judge, &replay.round,
                );
                let new = sqlx::query(
                    "INSERT INTO evaluations (id, subject_id, revision, rubric, version, judge, outcome, inclusion_probability, \
                     due_at_ms, deadline_ms, created_at_ms, anchor_round) \
                     SELECT $1, id, revision, $2, $3, $4, 'pending', $9, $5, $6, $5, $7 FROM subjects \
                     WHERE id = $8 AND content IS NOT NULL AND unjudgeable IS NULL ON CONFLICT (id) DO NOTHING",
                )
                .bind(id.as_uuid())
                .bind(&replay.rubric)
                .bind(i64::from(replay.version))
                .bind(&replay.judge)
                .bind(now_ms)
                .bind(deadline_ms)
                .bind(&replay.round)
                .bind(replay.subject.as_uuid())
                .bind(f64::from(replay.probability))
                .execute(&mut *tx)
                .await?
                .rows_affected() as i64;
                *planned.entry((&replay.rubric, i64::from(replay.version), &replay.judge)).or_default() += new;
            }
            account_planned!(self, tx, now_ms, planned.iter().filter(|(_, subjects)| **subjects > 0));
            planned.values().sum::<i64>()
        });
        if planned > 0 {
            self.wakeups.ring(Stage::Evaluate);
        }
        Ok(planned as u64)
    }
}
