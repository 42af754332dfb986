//! Log-in by token, sessions that end, and log-out.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use minijinja::context;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::access::token_code;
use super::cookie::cookie;
use super::problem::PageError;
use super::state::Shared;
use crate::model::Actor;
use crate::net::server::Peer;
use crate::store::AuditAction;

const SESSION: &str = "judged_session";
/// A working day.
const SESSION_SECONDS: u32 = 12 * 3_600;

/// What the store knows a session by.
pub(super) fn session_id(headers: &HeaderMap) -> Option<[u8; 32]> {
    cookie(headers, SESSION).map(|session| Sha256::digest(session).into())
}

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    next: Option<String>,
}

/// A path of these pages, never another site: browsers read a backslash as a slash, and drop tabs and line ends.
fn local(next: Option<&str>) -> &str {
    let is_here = |next: &&str| {
        next.starts_with('/')
            && !next.starts_with("//")
            && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    next.filter(is_here).unwrap_or("/")
}

/// Asks for the token.
pub(super) async fn login_page(State(web): State<Shared>, Query(wanted): Query<Wanted>) -> Result<Response, PageError> {
    web.pages.render("login.html", context! { next => local(wanted.next.as_deref()), wrong => false })
}

#[derive(Debug, Deserialize)]
pub(super) struct Login {
    token: String,
    next: Option<String>,
}

/// Takes a token and gives a session for it.
pub(super) async fn login(
    State(web): State<Shared>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, PageError> {
    let next = local(login.next.as_deref()).to_owned();
    let (access, store, token) = (&web.parts.access, &web.parts.store, login.token.trim());
    if access.is_open() {
        return Ok(Redirect::to(&next).into_response());
    }
    let Some(owner) = access.owner(token) else {
        access.failures.failed("form", peer.map(|Extension(peer)| peer)).await?;
        let mut page = web.pages.render("login.html", context! { next, wrong => true })?;
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(page);
    };
    let session = hex::encode(rand::random::<[u8; 32]>());
    let ends_at_ms = store.now_ms() + i64::from(SESSION_SECONDS) * 1_000;
    store.begin_log_in(&Sha256::digest(&session), &token_code(&web.parts.seal, token), ends_at_ms).await?;
    store.note_action(&owner.actor(), AuditAction::LoggedIn, "", "").await?;
    let cookie = session_cookie(&session, SESSION_SECONDS, &headers);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response())
}

/// Says who is logged in.
pub(super) async fn session_page(
    State(web): State<Shared>,
    Extension(actor): Extension<Actor>,
) -> Result<Response, PageError> {
    let (role, way) = (actor.role.as_str(), actor.way.as_str());
    web.pages.render("session.html", context! { here => "/session", name => actor.name, role, way })
}

/// Ends the session.
pub(super) async fn log_out(
    State(web): State<Shared>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    if let Some(session) = session_id(&headers) {
        web.parts.store.end_log_in(&session).await?;
        web.parts.store.note_action(&actor, AuditAction::LoggedOut, "", "").await?;
    }
    Ok(([(header::SET_COOKIE, session_cookie("", 0, &headers))], Redirect::to("/login")).into_response())
}

fn session_cookie(session: &str, seconds: u32, headers: &HeaderMap) -> String {
    // The last word is that of the proxy next to judged.
    let scheme = headers.get_all("x-forwarded-proto").iter().next_back().and_then(|value| value.to_str().ok());
    let is_https = scheme.and_then(|value| value.rsplit(',').next()).is_some_and(|last| last.trim() == "https");
    let secure = if is_https { "; Secure" } else { "" };
    format!("{SESSION}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_log_in_nobody_is_sent_elsewhere() {
        assert_eq!(local(Some("/label?rubric=a")), "/label?rubric=a");
        for elsewhere in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\u{0}/evil.example",
            "/\u{2028}/evil.example",
            "javascript:alert(1)",
        ] {
            assert_eq!(local(Some(elsewhere)), "/", "{elsewhere:?}");
        }
    }

    #[test]
    fn the_cookie_is_secure_where_the_proxy_says_so_last() {
        let secure = |values: &[&str]| {
            let pair = |value: &&str| (header::HeaderName::from_static("x-forwarded-proto"), value.parse().unwrap());
            session_cookie("x", 1, &values.iter().map(pair).collect()).contains("Secure")
        };
        assert!(secure(&["https"]) && secure(&["http, https"]) && secure(&["http", "https"]));
        assert!(!secure(&[]) && !secure(&["https,http"]) && !secure(&["https", "http"]));
    }
}
