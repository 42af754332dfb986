//! Pages and API: what people look at while judged runs.
//!
//! Everything is rendered on the server and works without JavaScript; one small script adds keys to the labelling page.
//! Text from spans is only ever shown as text. Without a token the pages answer on loopback only, and only to requests
//! that name it; with one, a log-in is asked for.

mod alerts;
mod api;
mod auth;
mod evaluations;
mod filter;
mod health;
mod labelling;
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
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::WebConfig;
use crate::secrets::{SecretError, SecretPlace, process_variable};
use pages::Pages;
use problem::PageError;
use state::{ReportCache, Shared, Web};

pub use state::WebParts;

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// An address that others can reach, without a token.
    #[error(
        "[web] listen = \"{0}\" can be reached from other machines, which needs a token: set `token_env` or `token_file` in [web], \
         or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// The address is taken or not ours.
    #[error("[web] cannot listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        source: std::io::Error,
    },
    /// The token is not where the configuration says.
    #[error("[web] {0}")]
    Token(SecretError),
    /// A template of judged itself is wrong.
    #[error("a page template is wrong; please report this")]
    Template(#[from] minijinja::Error),
    /// Serving failed.
    #[error("the pages stopped being served")]
    Serve(#[source] std::io::Error),
}

/// The log-in token of the configuration, if it names one.
pub fn token(config: &WebConfig) -> Result<Option<SecretString>, WebError> {
    let place = SecretPlace {
        env_key: "token_env",
        env: config.token_env.as_deref(),
        file_key: "token_file",
        file: config.token_file.as_deref(),
    };
    place.read(&process_variable).map_err(WebError::Token)
}

/// Binds the configured address; refuses one that others can reach when there is no token.
pub async fn bind(config: &WebConfig, token: Option<&SecretString>) -> Result<TcpListener, WebError> {
    let address = config.listen;
    if token.is_none() && !address.ip().is_loopback() {
        return Err(WebError::Exposed(address));
    }
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
        .route("/alerts", get(alerts::page))
        .route("/alerts/{id}", post(alerts::settle))
        .route("/evaluations", get(evaluations::list))
        .route("/evaluations/{id}", get(evaluations::one))
        .route("/label", get(labelling::page).post(labelling::save))
        .route("/rubrics", get(rubrics::list))
        .route("/rubrics/{name}", get(rubrics::one))
        .route("/metrics", get(health::metrics))
        .route("/api/alerts", get(alerts::list_api))
        .route("/api/alerts/{id}", post(alerts::settle_api))
        .route("/api/evaluations", get(api::evaluations))
        .route("/api/evaluations/{id}", get(api::evaluation))
        .route("/api/ledger", get(api::ledger))
        .route("/api/report", get(api::report))
        .route("/api/labels", post(api::labels))
        .layer(middleware::from_fn_with_state(Arc::clone(&web), auth::require_login));
    let open = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/login", get(auth::login_page).post(auth::login))
        .route("/style.css", get(pages::style))
        .route("/label.js", get(pages::script));
    Ok(guarded
        .merge(open)
        .fallback(not_found)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&web), auth::same_origin))
        .layer(middleware::from_fn(auth::security_headers))
        .with_state(web))
}

/// The largest request that is read.
const MAX_BODY_BYTES: usize = 4 << 20;

/// Serves until `shutdown`.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> Result<(), WebError> {
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { shutdown.cancelled().await })
        .await
        .map_err(WebError::Serve)
}

async fn not_found() -> PageError {
    PageError::NotFound("There is no such page.".to_owned())
}
