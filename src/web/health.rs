//! For machines: is it alive, is it ready, how is it doing.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::state::Shared;

/// The process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The process can work: its database answers and it says so itself.
pub(super) async fn readyz(State(web): State<Shared>) -> Response {
    if let Err(error) = web.parts.store.ping().await {
        tracing::warn!(error = crate::error_chain::causes(&error), "not ready: the database does not answer");
        return (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response();
    }
    match (web.parts.ready)() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// Prometheus' text format.
pub(super) async fn metrics(State(web): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (web.parts.metrics)()).into_response()
}
