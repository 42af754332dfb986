//! Alerts: read, and changed together with the messages that a change owes.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::dialect::Dialect;
use super::{Stage, Store, StoreError, read, row, rows, transaction};
use crate::model::{
    Alert, AlertChange, AlertDeliveryId, AlertEvent, AlertFinding, AlertId, AlertState, Attribution, DriftKind,
    Named as _,
};

/// Where the next page of alerts begins: after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertCursor {
    /// Milliseconds since the Unix epoch.
    pub first_seen_ms: i64,
    pub id: AlertId,
}

impl AlertCursor {
    /// Behind `last`.
    pub fn after(last: &Alert) -> Self {
        Self { first_seen_ms: last.first_seen_ms, id: last.id }
    }
}

/// What a webhook wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRoute {
    /// Its name.
    pub webhook: String,
    pub events: BTreeSet<AlertEvent>,
}

/// What became of an attempt to change alerts.
#[derive(Debug, Clone, PartialEq)]
pub enum AlertWrite {
    /// They are changed.
    Written(Vec<AlertChange>),
    /// Another worker has taken the duty over; nothing is changed.
    NotLeading,
}

row! {
    struct AlertRow {
        id: Uuid,
        state: String,
        rubric: String,
        version: i64,
        judge: String,
        kind: String,
        segment: Option<String>,
        since_ms: i64,
        detected_at_ms: i64,
        labels_to_detection: i64,
        effect: String,
        evidence: String,
        attribution: String,
        advice: String,
        events: i64,
        told_at_ms: i64,
        first_seen_ms: i64,
        last_seen_ms: i64,
        absent_since_ms: Option<i64>,
        acknowledged_at_ms: Option<i64>,
        acknowledged_by: Option<String>,
        resolved_at_ms: Option<i64>,
        resolved_by: Option<String>,
    }
}

const COLUMNS: &str = "id, state, rubric, version, judge, kind, segment, since_ms, detected_at_ms, labels_to_detection, effect, \
    evidence, attribution, advice, events, told_at_ms, first_seen_ms, last_seen_ms, absent_since_ms, acknowledged_at_ms, \
    acknowledged_by, resolved_at_ms, resolved_by";

const UPSERT: &str = "INSERT INTO alerts (id, state, rubric, version, judge, kind, segment, since_ms, detected_at_ms, \
    labels_to_detection, effect, evidence, attribution, advice, events, told_at_ms, first_seen_ms, last_seen_ms, absent_since_ms, \
    acknowledged_at_ms, acknowledged_by, resolved_at_ms, resolved_by) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) \
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, version = excluded.version, since_ms = excluded.since_ms, \
    detected_at_ms = excluded.detected_at_ms, labels_to_detection = excluded.labels_to_detection, effect = excluded.effect, \
    evidence = excluded.evidence, attribution = excluded.attribution, advice = excluded.advice, events = excluded.events, \
    told_at_ms = excluded.told_at_ms, last_seen_ms = excluded.last_seen_ms, absent_since_ms = excluded.absent_since_ms, \
    acknowledged_at_ms = excluded.acknowledged_at_ms, acknowledged_by = excluded.acknowledged_by, \
    resolved_at_ms = excluded.resolved_at_ms, resolved_by = excluded.resolved_by";

const OWE: &str = "INSERT INTO alert_deliveries (id, alert_id, webhook, event, sequence, alert, state, due_at_ms, created_at_ms) \
    VALUES ($1, $2, $3, $4, $5, $6, 'owed', $7, $7) ON CONFLICT (id) DO NOTHING";

/// Writes changes in an open transaction, with the messages they owe. A macro, because the transaction's type differs
/// between the databases.
macro_rules! write_changes {
    ($tx:ident, $changes:expr, $routes:expr, $now_ms:expr) => {
        for AlertChange { alert, event } in $changes {
            let finding = &alert.finding;
            sqlx::query(UPSERT)
                .bind(alert.id.as_uuid())
                .bind(alert.state.as_str())
                .bind(rows::text(&finding.rubric))
                .bind(i64::from(finding.version))
                .bind(rows::text(&finding.judge))
                .bind(finding.kind.as_str())
                .bind(rows::optional(finding.segment.as_deref()))
                .bind(finding.since_ms)
                .bind(finding.detected_at_ms)
                .bind(finding.labels_to_detection as i64)
                .bind(rows::to_json("alerts", "effect", &finding.effect)?)
                .bind(rows::to_json("alerts", "evidence", &finding.evidence)?)
                .bind(finding.attribution.as_str())
                .bind(&finding.advice)
                .bind(i64::from(alert.events))
                .bind(alert.told_at_ms)
                .bind(alert.first_seen_ms)
                .bind(alert.last_seen_ms)
                .bind(alert.absent_since_ms)
                .bind(alert.acknowledged_at_ms)
                .bind(rows::optional(alert.acknowledged_by.as_deref()))
                .bind(alert.resolved_at_ms)
                .bind(rows::optional(alert.resolved_by.as_deref()))
                .execute(&mut *$tx)
                .await?;
            let Some(event) = event else { continue };
            // Of several reminders only the latest says anything.
            if *event == AlertEvent::Standing {
                sqlx::query(
                    "DELETE FROM alert_deliveries WHERE alert_id = $1 AND event = 'standing' AND lease_until_ms <= $2",
                )
                .bind(alert.id.as_uuid())
                .bind($now_ms)
                .execute(&mut *$tx)
                .await?;
            }
            for route in $routes.iter().filter(|route| route.events.contains(event)) {
                sqlx::query(OWE)
                    .bind(AlertDeliveryId::derive(alert.id, &route.webhook, alert.events).as_uuid())
                    .bind(alert.id.as_uuid())
                    .bind(&route.webhook)
                    .bind(event.as_str())
                    .bind(i64::from(alert.events))
                    .bind(rows::to_json("alert_deliveries", "alert", alert)?)
                    .bind($now_ms)
                    .execute(&mut *$tx)
                    .await?;
            }
        }
    };
}

impl Store {
    /// Every alert, the latest first.
    pub async fn alerts(&self) -> Result<Vec<Alert>, StoreError> {
        let found: Vec<AlertRow> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!("SELECT {COLUMNS} FROM alerts ORDER BY first_seen_ms DESC, id")))
                .fetch_all(pool)
                .await?
        });
        read_back(found)
    }

    /// The next `limit` alerts, the latest first; only those that are over where `is_over`.
    pub async fn alert_page(
        &self,
        is_over: bool,
        after: Option<AlertCursor>,
        limit: usize,
    ) -> Result<Vec<Alert>, StoreError> {
        let (before_ms, id) = after.map_or((i64::MAX, Uuid::nil()), |after| (after.first_seen_ms, after.id.as_uuid()));
        let over = if is_over { " AND state = 'resolved'" } else { "" };
        let found: Vec<AlertRow> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {COLUMNS} FROM alerts WHERE first_seen_ms <= $1 AND (first_seen_ms < $1 OR id > $2){over} \
                 ORDER BY first_seen_ms DESC, id LIMIT $3"
            )))
            .bind(before_ms)
            .bind(id)
            .bind(limit as i64)
            .fetch_all(pool)
            .await?
        });
        read_back(found)
    }

    /// The alerts that are not over, those that nobody has looked at first, each with the latest first.
    pub async fn unresolved_alerts(&self) -> Result<Vec<Alert>, StoreError> {
        let found: Vec<AlertRow> = read!(self, DB, pool => {
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {COLUMNS} FROM alerts WHERE state <> 'resolved' ORDER BY state DESC, first_seen_ms DESC, id"
            )))
            .fetch_all(pool)
            .await?
        });
        read_back(found)
    }

    /// How many alerts are not over, by rubric, kind and state.
    pub async fn alert_counts(&self) -> Result<BTreeMap<(String, DriftKind, AlertState), u64>, StoreError> {
        let found: Vec<(String, String, String, i64)> = read!(self, DB, pool => {
            sqlx::query_as(
                "SELECT rubric, kind, state, count(*) FROM alerts WHERE state <> 'resolved' GROUP BY rubric, kind, state",
            )
            .fetch_all(pool)
            .await?
        });
        let mut counts = BTreeMap::new();
        for (rubric, kind, state, number) in found {
            if let Some(kind) = known_kind(&kind) {
                counts.insert((rubric, kind, rows::named("alerts", "state", &state)?), number as u64);
            }
        }
        Ok(counts)
    }

    /// Changes all alerts at once by `decide`, which is given every alert there is, and writes what `routes` are owed for it.
    /// Only the worker that leads `duty` may: one that was taken over changes nothing.
    pub async fn reconcile_alerts(
        &self,
        duty: &str,
        routes: &[AlertRoute],
        decide: &(dyn Fn(&[Alert]) -> Vec<AlertChange> + Sync),
    ) -> Result<AlertWrite, StoreError> {
        let now_ms = self.now_ms();
        let written = transaction!(self, DB, tx => {
            let leading: Option<String> = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT worker FROM leaders WHERE duty = $1 AND worker = $2 AND until_ms > $3{}",
                <DB as Dialect>::FOR_UPDATE
            )))
            .bind(duty)
            .bind(self.worker())
            .bind(now_ms)
            .fetch_optional(&mut *tx)
            .await?;
            if leading.is_none() { None } else {
                let found: Vec<AlertRow> = sqlx::query_as(AssertSqlSafe(format!(
                    "SELECT {COLUMNS} FROM alerts ORDER BY id{}",
                    <DB as Dialect>::FOR_UPDATE
                )))
                .fetch_all(&mut *tx)
                .await?;
                let known = read_back(found)?;
                let mut changes = decide(&known);
                changes.sort_by_key(|change| change.alert.id);
                write_changes!(tx, &changes, routes, now_ms);
                Some(changes)
            }
        });
        Ok(written.map_or(AlertWrite::NotLeading, |changes| {
            self.wakeups.ring(Stage::Notify);
            AlertWrite::Written(changes)
        }))
    }

    /// Changes one alert by `decide` and writes what `routes` are owed for it. None when there is no such alert; the alert as
    /// it was, and no change, when `decide` wants none.
    pub async fn change_alert(
        &self,
        id: AlertId,
        routes: &[AlertRoute],
        decide: &(dyn Fn(Alert) -> Option<AlertChange> + Sync),
    ) -> Result<Option<(Alert, bool)>, StoreError> {
        let now_ms = self.now_ms();
        let outcome = transaction!(self, DB, tx => {
            let found: Option<AlertRow> = sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {COLUMNS} FROM alerts WHERE id = $1{}",
                <DB as Dialect>::FOR_UPDATE
            )))
            .bind(id.as_uuid())
            .fetch_optional(&mut *tx)
            .await?;
            match found.map(AlertRow::into_alert).transpose()?.flatten() {
                None => None,
                Some(alert) => match decide(alert.clone()) {
                    None => Some((alert, false)),
                    Some(change) => {
                        write_changes!(tx, std::slice::from_ref(&change), routes, now_ms);
                        Some((change.alert, true))
                    }
                },
            }
        });
        self.wakeups.ring(Stage::Notify);
        Ok(outcome)
    }
}

fn read_back(found: Vec<AlertRow>) -> Result<Vec<Alert>, StoreError> {
    found.into_iter().filter_map(|row| row.into_alert().transpose()).collect()
}

/// None for a kind that only a newer version knows: its alerts are left to the workers that do.
fn known_kind(name: &str) -> Option<DriftKind> {
    let kind = DriftKind::parse(name);
    if kind.is_none() {
        tracing::debug!(kind = name, "alerts of a kind that only a newer version of judged knows are left to it");
    }
    kind
}

impl AlertRow {
    /// None for an alert of a kind that only a newer version knows.
    fn into_alert(self) -> Result<Option<Alert>, StoreError> {
        let id = self.id;
        let Some(kind) = known_kind(&self.kind) else { return Ok(None) };
        self.with_kind(kind).map(Some).map_err(|error| error.in_row(id))
    }

    fn with_kind(self, kind: DriftKind) -> Result<Alert, StoreError> {
        let state = rows::named("alerts", "state", &self.state)?;
        // A cause that only a newer version knows is none that this one can single out.
        let attribution = Attribution::parse(&self.attribution).unwrap_or(Attribution::Ambiguous);
        Ok(Alert {
            id: self.id.into(),
            state,
            finding: AlertFinding {
                rubric: self.rubric,
                version: self.version as u32,
                judge: self.judge,
                kind,
                segment: self.segment,
                since_ms: self.since_ms,
                detected_at_ms: self.detected_at_ms,
                labels_to_detection: self.labels_to_detection.max(0) as u64,
                effect: rows::json("alerts", "effect", &self.effect)?,
                evidence: rows::json("alerts", "evidence", &self.evidence)?,
                attribution,
                advice: self.advice,
            },
            first_seen_ms: self.first_seen_ms,
            last_seen_ms: self.last_seen_ms,
            absent_since_ms: self.absent_since_ms,
            acknowledged_at_ms: self.acknowledged_at_ms,
            acknowledged_by: self.acknowledged_by,
            resolved_at_ms: self.resolved_at_ms,
            resolved_by: self.resolved_by,
            events: self.events as u32,
            told_at_ms: self.told_at_ms,
        })
    }
}
