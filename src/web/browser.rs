//! What browsers may be made to do: only requests of one's own pages, and headers that keep a browser to them.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::problem;
use super::state::Shared;
use crate::net::{is_loopback_host, named_host};

/// No script, style or picture from elsewhere; none inline; no frame around the pages.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Nothing that a browser could be asked for is needed.
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=()";

/// Refuses what a page elsewhere makes a browser send: requests that change something and come from another origin, and,
/// where nobody is asked who they are, requests under a name that is not loopback's (a name that was re-bound to 127.0.0.1).
pub(super) async fn same_origin(State(web): State<Shared>, request: Request, next: Next) -> Response {
    let host = named_host(&request);
    if web.parts.access.is_open() && !is_loopback_host(host) {
        let refusal =
            "Without a token these pages answer on loopback only: open http://127.0.0.1, or set a token in [web].";
        return problem(StatusCode::FORBIDDEN, refusal);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !comes_from_here(request.headers(), host) {
        return problem(StatusCode::FORBIDDEN, "This request came from another site.");
    }
    next.run(request).await
}

/// Whether nothing says that a page elsewhere sent this. Programs send neither header; browsers send both, once and legibly.
fn comes_from_here(headers: &HeaderMap, host: &str) -> bool {
    let is_own = |name: &str, is_own: &dyn Fn(&str) -> bool| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => true,
            (Some(value), None) => value.to_str().is_ok_and(is_own),
            (Some(_), Some(_)) => false,
        }
    };
    let of_origin = |origin: &str| {
        origin.parse::<Uri>().is_ok_and(|origin| origin.authority().is_some_and(|authority| authority.as_str() == host))
    };
    is_own("sec-fetch-site", &|site| matches!(site, "same-origin" | "none")) && is_own("origin", &of_origin)
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
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_on_another_site_is_told_from_a_program() {
        let from_here = |pairs: &[(&str, &[u8])]| {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.append(name.parse::<header::HeaderName>().unwrap(), HeaderValue::from_bytes(value).unwrap());
            }
            comes_from_here(&map, "127.0.0.1:8080")
        };
        let (own, foreign) = (("origin", &b"http://127.0.0.1:8080"[..]), ("origin", &b"https://evil.example"[..]));
        assert!(from_here(&[]));
        assert!(from_here(&[own]));
        assert!(from_here(&[own, ("sec-fetch-site", b"same-origin")]));
        assert!(!from_here(&[foreign]));
        assert!(!from_here(&[("origin", b"null")]));
        assert!(!from_here(&[("sec-fetch-site", b"cross-site")]));
        assert!(!from_here(&[foreign, ("sec-fetch-site", b"same-origin")]), "both must say so");
        assert!(!from_here(&[own, foreign]));
        assert!(!from_here(&[("origin", b"http://127.0.0.1:8080\xe9")]), "what cannot be read is foreign");
    }
}
