//! The audit log: every change by a person. Rows are added and never changed.

use serde::Serialize;

use super::{Store, StoreError, read, rows, transaction};
use crate::model::{AccessWay, Actor, Moment, named_enum};

named_enum! {
    /// What somebody did.
    pub enum AuditAction {
        LoggedIn = "logged_in",
        LoggedOut = "logged_out",
        Labelled = "labelled",
        LabelsImported = "labels_imported",
        AlertAcknowledged = "alert_acknowledged",
        AlertResolved = "alert_resolved",
        RubricPublished = "rubric_published",
        RubricPromoted = "rubric_promoted",
        SecretsRotated = "secrets_rotated",
        AnchorsChanged = "anchors_changed",
        ThresholdChosen = "threshold_chosen",
        BackfillStarted = "backfill_started",
        CellsRebuilt = "cells_rebuilt",
        Forgotten = "forgotten",
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its number: later ones are higher.
    pub id: i64,
    pub at: Moment,
    /// Who; empty where nobody was asked.
    pub actor: String,
    pub way: AccessWay,
    pub action: AuditAction,
    /// What it was done to: an alert, a rubric, a subject.
    pub target: String,
    /// What else is worth knowing, never content or a secret.
    pub detail: String,
}

/// Longer texts than these are cut: names and targets come from outside.
const LONGEST: usize = 300;

pub(super) fn cut(text: &str) -> String {
    rows::text(text).chars().filter(|character| !character.is_control()).take(LONGEST).collect()
}

/// Adds an entry within the transaction that does what it tells.
macro_rules! insert {
    ($tx:ident, $now_ms:expr, $actor:expr, $action:expr, $target:expr, $detail:expr) => {
        sqlx::query("INSERT INTO audit_log (at_ms, actor, way, action, target, detail) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind($now_ms)
            .bind($crate::store::audit::cut(&$actor.name))
            .bind($actor.way.as_str())
            .bind($action.as_str())
            .bind($crate::store::audit::cut($target))
            .bind($crate::store::audit::cut($detail))
            .execute(&mut *$tx)
            .await?
            .rows_affected()
    };
}
pub(super) use insert;

impl Store {
    /// Notes that somebody did something.
    pub async fn note_action(
        &self,
        actor: &Actor,
        action: AuditAction,
        target: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        transaction!(self, DB, tx => insert!(tx, now_ms, actor, action, target, detail));
        Ok(())
    }

    /// At most `limit` entries since `since_ms` with lower numbers than `before`, the latest first.
    pub async fn audit_log(
        &self,
        since_ms: i64,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        type Row = (i64, i64, String, String, String, String, String);
        let found: Vec<Row> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT id, at_ms, actor, way, action, target, detail FROM audit_log \
                 WHERE at_ms >= $1 AND id < $2 ORDER BY id DESC LIMIT $3",
            )
            .bind(since_ms)
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await?
        });
        let entry = |(id, at_ms, actor, way, action, target, detail): Row| {
            Ok(AuditEntry {
                id,
                at: Moment(at_ms),
                actor,
                way: rows::named("audit_log", "way", &way)?,
                action: rows::named("audit_log", "action", &action)?,
                target,
                detail,
            })
        };
        found.into_iter().map(entry).collect()
    }
}
