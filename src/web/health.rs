//! For machines: is it alive, is it ready, how is it doing.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::state::Shared;
use crate::net::server::Peer;

/// The process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The process can work: its database answers and it says so itself.
pub(super) async fn readyz(State(web): State<Shared>, peer: Option<Extension<Peer>>, headers: HeaderMap) -> Response {
    if let Err(error) = web.parts.store.ping().await {
        tracing::warn!(error = crate::error_chain::causes(&error), "not ready: the database does not answer");
        return (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response();
    }
    let troubles = (web.parts.troubles)();
    if troubles.is_empty() {
        return "ready\n".into_response();
    }
    // Strangers may ask, and hear what is away, but not what was said of it.
    let is_known = matches!(web.actor(&headers, peer.map(|Extension(peer)| peer)).await, Ok(Some(_)));
    let line = |(what, why): (&str, String)| if is_known { format!("{what}: {why}\n") } else { format!("{what}\n") };
    (StatusCode::SERVICE_UNAVAILABLE, troubles.into_iter().map(line).collect::<String>()).into_response()
}

/// Prometheus' text format.
pub(super) async fn metrics(State(web): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (web.parts.metrics)()).into_response()
}
