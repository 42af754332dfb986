//! What moved and is not settled; who looks after it.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Json, http::StatusCode};
use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Deserialize;

use super::auth::cookie;
use super::labelling::{ANNOTATOR, name, remember};
use super::percent::decoded;
use super::problem::PageError;
use super::state::{Shared, Web};
use crate::model::{Alert, AlertChange, AlertId, AlertState};

/// How many alerts that are over are shown.
const PAST: usize = 50;

/// The alerts that are not over, and the latest of those that are.
pub(super) async fn page(State(web): State<Shared>, headers: HeaderMap) -> Result<Response, PageError> {
    let mut states = web.parts.store.alert_delivery_states().await?;
    let mut card = |alert: &Alert| {
        let deliveries = states.remove(&alert.id).unwrap_or_default();
        context! { deliveries => Value::from(Serde(&deliveries)), ..shown(alert) }
    };
    let open: Vec<Value> = web.parts.store.unresolved_alerts().await?.iter().map(&mut card).collect();
    let all = web.parts.store.alerts().await?;
    let past: Vec<Value> =
        all.iter().filter(|alert| alert.state == AlertState::Resolved).take(PAST).map(&mut card).collect();
    let by = cookie(&headers, ANNOTATOR).and_then(decoded).as_deref().and_then(name);
    web.pages.render("alerts.html", context! { here => "/alerts", open, past, by })
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
    Path(id): Path<String>,
    Form(settled): Form<Settled>,
) -> Result<Response, PageError> {
    let by = name(&settled.by)
        .ok_or_else(|| PageError::BadRequest("Say who you are, so that others know whom to ask.".to_owned()))?;
    web.settle(&id, &settled.action, &by).await?;
    Ok((remember(&by, "/alerts"), Redirect::to(&format!("/alerts#{id}"))).into_response())
}

/// The same for programs, which get the alert.
pub(super) async fn settle_api(
    State(web): State<Shared>,
    Path(id): Path<String>,
    Json(settled): Json<Settled>,
) -> Result<Response, PageError> {
    let by = name(&settled.by).ok_or_else(|| PageError::BadRequest("`by` is missing: say who acts".to_owned()))?;
    let alert = web.settle(&id, &settled.action, &by).await?;
    Ok((StatusCode::OK, Json(alert)).into_response())
}

/// Every alert, the latest first, for programs.
pub(super) async fn list_api(State(web): State<Shared>) -> Result<Response, PageError> {
    let alerts = web.parts.store.alerts().await?;
    Ok(Json(serde_json::json!({ "alerts": alerts })).into_response())
}

impl Web {
    /// The alerts that are not over, as the overview shows them.
    pub(super) async fn open_alerts(&self) -> Result<Vec<Value>, PageError> {
        Ok(self.parts.store.unresolved_alerts().await?.iter().map(shown).collect())
    }

    async fn settle(&self, id: &str, action: &str, by: &str) -> Result<Alert, PageError> {
        let unknown = || PageError::NotFound("There is no such alert.".to_owned());
        let id: AlertId = id.parse().map_err(|_| unknown())?;
        let now_ms = self.parts.store.now_ms();
        let decide: &(dyn Fn(Alert) -> Option<AlertChange> + Sync) = match action {
            "acknowledge" => &|alert| alert.acknowledged(by, now_ms),
            "resolve" => &|alert| alert.resolved(Some(by), now_ms),
            _ => {
                return Err(PageError::BadRequest(
                    "An alert is acknowledged or resolved; nothing else is known.".to_owned(),
                ));
            }
        };
        let changed = self.parts.store.change_alert(id, &self.parts.alert_routes, decide).await?;
        changed.map(|(alert, _)| alert).ok_or_else(unknown)
    }
}
