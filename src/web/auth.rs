//! Who may look: log-in by token, requests of one's own pages only, and headers that keep a browser to it.

use std::time::Duration;

use axum::Form;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::percent::encoded;
use super::problem::{PageError, problem};
use super::state::Shared;
use crate::secrets::{MacKey, same};

const SESSION: &str = "judged_session";
const SESSION_SECONDS: u32 = 30 * 86_400;
/// A wrong token is answered this late: guessing is slow.
const PATIENCE: Duration = Duration::from_millis(500);
/// No script, style or picture from elsewhere; none inline; no frame around the pages.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets requests pass that carry the session cookie or the token; all when no token is configured.
pub(super) async fn require_login(State(web): State<Shared>, request: Request, next: Next) -> Response {
    let Some(token) = &web.parts.token else { return next.run(request).await };
    let token = token.expose_secret();
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .is_some_and(|given| same(given, token));
    let session = cookie(request.headers(), SESSION).is_some_and(|given| same(given, &session_of(token)));
    if bearer || session {
        return next.run(request).await;
    }
    let path = request.uri().path();
    if path.starts_with("/api/") || path == "/metrics" {
        let refusal = "log in: send the token as `Authorization: Bearer …`\n";
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response();
    }
    let wanted = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Redirect::to(&format!("/login?next={}", encoded(wanted))).into_response()
}

/// The value of the session cookie: follows from the token and does not contain it.
fn session_of(token: &str) -> String {
    MacKey::of_text(token).seal(&["session"])
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Refuses what a page elsewhere makes a browser send: requests that change something and come from another origin, and,
/// without a token, requests under a name that is not loopback's (a name that was re-bound to 127.0.0.1).
pub(super) async fn same_origin(State(web): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str))
        .unwrap_or_default();
    if web.parts.token.is_none() && !is_loopback_name(host) {
        let refusal =
            "Without a token these pages answer on loopback only: open http://127.0.0.1, or set a token in [web].";
        return problem(StatusCode::FORBIDDEN, refusal);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !comes_from_here(headers, host) {
        return problem(StatusCode::FORBIDDEN, "This request came from another site.");
    }
    next.run(request).await
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn comes_from_here(headers: &HeaderMap, host: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    // Programs send no origin; browsers do.
    text("origin").is_none_or(|origin| {
        origin.parse::<Uri>().is_ok_and(|origin| origin.authority().is_some_and(|authority| authority.as_str() == host))
    })
}

/// Headers of every answer.
pub(super) async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    next: Option<String>,
}

/// A path of these pages, never another site.
fn local(next: Option<&str>) -> &str {
    next.filter(|next| next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\n', '\r']))
        .unwrap_or("/")
}

/// Asks for the token.
pub(super) async fn login_page(
    State(web): State<Shared>,
    axum::extract::Query(wanted): axum::extract::Query<Wanted>,
) -> Result<Response, PageError> {
    web.pages.render("login.html", context! { next => local(wanted.next.as_deref()), wrong => false })
}

#[derive(Debug, Deserialize)]
pub(super) struct Login {
    token: String,
    next: Option<String>,
}

/// Takes the token and gives a session for it.
pub(super) async fn login(
    State(web): State<Shared>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, PageError> {
    let next = local(login.next.as_deref()).to_owned();
    let right = match &web.parts.token {
        Some(token) => same(login.token.trim(), token.expose_secret()).then(|| session_of(token.expose_secret())),
        None => return Ok(Redirect::to(&next).into_response()),
    };
    let Some(session) = right else {
        tokio::time::sleep(PATIENCE).await;
        let mut page = web.pages.render("login.html", context! { next, wrong => true })?;
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(page);
    };
    let secure = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let cookie = format!(
        "{SESSION}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age={SESSION_SECONDS}{}",
        if secure { "; Secure" } else { "" }
    );
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback() {
        for name in ["127.0.0.1:8080", "localhost", "LOCALHOST:80", "[::1]:8080", "judged.localhost:1"] {
            assert!(is_loopback_name(name), "{name}");
        }
        for name in ["evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost.evil.example"] {
            assert!(!is_loopback_name(name), "{name}");
        }
    }

    #[test]
    fn after_log_in_nobody_is_sent_elsewhere() {
        assert_eq!(local(Some("/label?rubric=a")), "/label?rubric=a");
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"] {
            assert_eq!(local(Some(elsewhere)), "/");
        }
    }

    #[test]
    fn a_browser_on_another_site_is_told_from_a_program() {
        let headers = |pairs: &[(&'static str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect::<HeaderMap>()
        };
        assert!(comes_from_here(&headers(&[]), "127.0.0.1:8080"));
        assert!(comes_from_here(&headers(&[("origin", "http://127.0.0.1:8080")]), "127.0.0.1:8080"));
        assert!(!comes_from_here(&headers(&[("origin", "https://evil.example")]), "127.0.0.1:8080"));
        assert!(!comes_from_here(&headers(&[("sec-fetch-site", "cross-site")]), "127.0.0.1:8080"));
        assert!(!comes_from_here(&headers(&[("origin", "null")]), "127.0.0.1:8080"));
    }
}
