//! What moved and is not settled; who looks after it.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use axum::{Json, http::StatusCode};
use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Deserialize;

use super::access::person;
use super::filter::{place, written_place};
use super::labelling::{own_name, remember, signing};
use super::problem::PageError;
use super::state::{Shared, Web};
use crate::model::{Actor, Alert, AlertChange, AlertId};
use crate::store::{AlertCursor, AuditAction};

/// How many alerts that are over a page shows.
const PAST: usize = 50;

/// How many alerts a program gets at once.
const MOST: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Beginning {
    after: String,
}

impl Beginning {
    fn cursor(&self) -> Result<Option<AlertCursor>, PageError> {
        Ok(place(&self.after)?.map(|(first_seen_ms, id)| AlertCursor { first_seen_ms, id: id.into() }))
    }
}

/// Cuts alerts to a page, and says where the next one begins.
fn cut(alerts: &mut Vec<Alert>, limit: usize) -> Option<String> {
    let has_more = alerts.len() > limit;
    alerts.truncate(limit);
    let last = alerts.last().filter(|_| has_more).map(AlertCursor::after)?;
    Some(written_place(last.first_seen_ms, last.id))
}

/// The alerts that are not over, and a page of those that are.
pub(super) async fn page(
    State(web): State<Shared>,
    Query(from): Query<Beginning>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let (store, after) = (&web.parts.store, from.cursor()?);
    let open = store.unresolved_alerts().await?;
    let mut past = store.alert_page(true, after, PAST + 1).await?;
    let next = cut(&mut past, PAST);
    let mut states = store.alert_delivery_states(&open).await?;
    let card = |alert: &Alert| {
        let deliveries = states.remove(&alert.id).unwrap_or_default();
        context! { deliveries => Value::from(Serde(&deliveries)), ..shown(alert) }
    };
    let open: Vec<Value> = open.iter().map(card).collect();
    let past: Vec<Value> = past.iter().map(shown).collect();
    let (by, is_known) = (signing(&actor, &headers), own_name(&actor).is_some());
    let first = after.is_none();
    web.pages.render("alerts.html", context! { here => "/alerts", open, past, next, first, by, is_known })
}

/// An alert as the templates read it.
fn shown(alert: &Alert) -> Value {
    context! { summary => alert.finding.summary(), alert => Value::from(Serde(alert)) }
}

#[derive(Debug, Deserialize)]
pub(super) struct Settled {
    action: String,
    #[serde(default)]
    by: String,
}

/// Takes what somebody says of an alert, and goes back to the list.
pub(super) async fn settle(
    State(web): State<Shared>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Form(settled): Form<Settled>,
) -> Result<Response, PageError> {
    let by = own_name(&actor)
        .or_else(|| person(&settled.by))
        .ok_or_else(|| PageError::BadRequest("Say who you are, so that others know whom to ask.".to_owned()))?;
    web.settle(&actor, &id, &settled.action, &by).await?;
    Ok((remember(&by, "/alerts"), Redirect::to(&format!("/alerts#{id}"))).into_response())
}

/// The same for programs, which get the alert.
pub(super) async fn settle_api(
    State(web): State<Shared>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Json(settled): Json<Settled>,
) -> Result<Response, PageError> {
    let by = own_name(&actor)
        .or_else(|| person(&settled.by))
        .ok_or_else(|| PageError::BadRequest("`by` is missing: say who acts".to_owned()))?;
    let alert = web.settle(&actor, &id, &settled.action, &by).await?;
    Ok((StatusCode::OK, Json(alert)).into_response())
}

/// Every alert, the latest first, for programs; `next` continues.
pub(super) async fn list_api(State(web): State<Shared>, Query(from): Query<Beginning>) -> Result<Response, PageError> {
    let mut alerts = web.parts.store.alert_page(false, from.cursor()?, MOST + 1).await?;
    let next = cut(&mut alerts, MOST);
    Ok(Json(serde_json::json!({ "alerts": alerts, "next": next })).into_response())
}

/// What an alert becomes, if it changes.
type Decide<'a> = &'a (dyn Fn(Alert) -> Option<AlertChange> + Sync);

impl Web {
    /// The alerts that are not over, as the overview shows them.
    pub(super) async fn open_alerts(&self) -> Result<Vec<Value>, PageError> {
        Ok(self.parts.store.unresolved_alerts().await?.iter().map(shown).collect())
    }

    async fn settle(&self, actor: &Actor, id: &str, action: &str, by: &str) -> Result<Alert, PageError> {
        let unknown = || PageError::NotFound("There is no such alert.".to_owned());
        let id: AlertId = id.parse().map_err(|_| unknown())?;
        let now_ms = self.parts.store.now_ms();
        let (action, decide): (_, Decide<'_>) = match action {
            "acknowledge" => (AuditAction::AlertAcknowledged, &|alert| alert.acknowledged(by, now_ms)),
            "resolve" => (AuditAction::AlertResolved, &|alert| alert.resolved(Some(by), now_ms)),
            _ => {
                return Err(PageError::BadRequest(
                    "An alert is acknowledged or resolved; nothing else is known.".to_owned(),
                ));
            }
        };
        let changed = self.parts.store.change_alert(id, &self.parts.alert_routes, decide).await?;
        let (alert, is_changed) = changed.ok_or_else(unknown)?;
        if is_changed {
            self.parts.store.note_action(actor, action, &alert.id.to_string(), &format!("by {by}")).await?;
        }
        Ok(alert)
    }
}
