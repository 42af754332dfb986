//! Who changed what, and when.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Deserialize;

use super::problem::PageError;
use super::state::Shared;

/// Entries on a page.
const PAGE: u32 = 100;

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    /// Entries before this number.
    before: Option<i64>,
}

/// The audit log, the latest first.
pub(super) async fn page(State(web): State<Shared>, Query(wanted): Query<Wanted>) -> Result<Response, PageError> {
    let entries = web.parts.store.audit_log(0, wanted.before, PAGE).await?;
    let earlier = entries.last().filter(|_| entries.len() == PAGE as usize).map(|last| last.id);
    let entries = Value::from(Serde(&entries));
    web.pages.render("audit.html", context! { here => "/audit", entries, earlier })
}

/// The same for programs; `next` is the `before` of the page after this one.
pub(super) async fn list_api(State(web): State<Shared>, Query(wanted): Query<Wanted>) -> Result<Response, PageError> {
    let entries = web.parts.store.audit_log(0, wanted.before, PAGE).await?;
    let next = entries.last().filter(|_| entries.len() == PAGE as usize).map(|last| last.id);
    Ok(Json(serde_json::json!({ "entries": entries, "next": next })).into_response())
}
