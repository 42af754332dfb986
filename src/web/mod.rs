//! Pages and API: what people look at while judged runs.
//!
//! Everything is rendered on the server and works without JavaScript; one small script adds keys to the labelling page.
//! Text from spans is only ever shown as text. Without a token the pages answer on loopback only, and only to requests
//! that name it; with one, a log-in is asked for.

mod access;
mod access_error;
mod alerts;
mod api;
mod audit;
mod browser;
mod compare;
mod cookie;
mod evaluations;
mod failures;
mod filter;
mod forget;
mod guard;
mod health;
mod labelling;
mod log_in;
mod overview;
mod pages;
mod percent;
mod problem;
mod rubrics;
mod state;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::WebConfig;
use crate::net::server::{self, Serving};
use pages::Pages;
use problem::PageError;
use state::{ReportCache, Shared, Web};

pub use access::Access;
pub use access_error::AccessError;
pub use state::WebParts;

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// It cannot be found out who asks.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The address is taken or not ours.
    #[error("[web] cannot listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        source: std::io::Error,
    },
    /// A template of judged itself is wrong.
    #[error("a page template is wrong; please report this")]
    Template(#[from] minijinja::Error),
}

/// Binds the configured address.
pub async fn bind(config: &WebConfig) -> Result<TcpListener, WebError> {
    let address = config.listen;
    TcpListener::bind(address).await.map_err(|source| WebError::Bind { address, source })
}

/// All pages and the API.
pub fn router(parts: WebParts) -> Result<Router, WebError> {
    let pages = Pages::new(parts.trace_link.clone())?;
    let web: Shared = Arc::new(Web { parts, pages, report: ReportCache::default() });
    let guarded = Router::new()
        .route("/", get(overview::overview))
        .route("/report", get(overview::report))
        .route("/ledger", get(overview::ledger))
        .route("/judges", get(overview::judges))
        .route("/compare", get(compare::page))
        .route("/alerts", get(alerts::page))
        .route("/alerts/{id}", post(alerts::settle))
        .route("/evaluations", get(evaluations::list))
        .route("/evaluations/{id}", get(evaluations::one))
        .route("/label", get(labelling::page).post(labelling::save))
        .route("/label/name", post(labelling::introduce))
        .route("/session", get(log_in::session_page).post(log_in::log_out))
        .route("/audit", get(audit::page))
        .route("/rubrics", get(rubrics::list))
        .route("/rubrics/{name}", get(rubrics::one))
        .route("/metrics", get(health::metrics))
        .route("/api/alerts", get(alerts::list_api))
        .route("/api/alerts/{id}", post(alerts::settle_api))
        .route("/api/compare", get(compare::compare_api))
        .route("/api/evaluations", get(api::evaluations))
        .route("/api/evaluations/{id}", get(api::evaluation))
        .route("/api/ledger", get(api::ledger))
        .route("/api/report", get(api::report))
        .route("/api/labels", post(api::labels))
        .route("/api/audit", get(audit::list_api))
        .route("/api/forget", post(forget::forget_api))
        .layer(middleware::from_fn_with_state(Arc::clone(&web), guard::require_actor));
    let open = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/login", get(log_in::login_page).post(log_in::login))
        .route("/style.css", get(pages::style))
        .route("/label.js", get(pages::script));
    Ok(guarded
        .merge(open)
        .fallback(not_found)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&web), browser::same_origin))
        .layer(middleware::from_fn(browser::security_headers))
        .with_state(web))
}

/// The largest request that is read.
const MAX_BODY_BYTES: usize = 4 << 20;

/// Serves until `shutdown`.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> Result<(), WebError> {
    server::serve(listener, Serving { protocol: "pages", router, tls: None }, shutdown).await;
    Ok(())
}

async fn not_found() -> PageError {
    PageError::NotFound("There is no such page.".to_owned())
}
