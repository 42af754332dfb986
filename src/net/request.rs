//! What a request says of where it comes from.

use axum::http::{HeaderMap, Request, header};

/// The token of an `Authorization: Bearer` header.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The host that a request names: the header of HTTP/1, the authority of HTTP/2; empty when there is none that can be read.
pub fn named_host<B>(request: &Request<B>) -> &str {
    let authority = || request.uri().authority().map(axum::http::uri::Authority::as_str);
    request
        .headers()
        .get(header::HOST)
        .map_or_else(|| authority().unwrap_or_default(), |host| host.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_read_in_any_case() {
        let given = |value: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            bearer_token(&headers).map(str::to_owned)
        };
        assert_eq!(given("bearer abc"), Some("abc".to_owned()));
        assert_eq!(given("Bearer abc "), Some("abc".to_owned()));
        assert_eq!(given("Basic abc"), None);
        assert_eq!(given("abc"), None);
    }

    #[test]
    fn the_host_is_that_of_either_version() {
        let old = Request::builder().uri("/").header("host", "a:1").body(()).unwrap();
        let new = Request::builder().uri("http://b:2/").body(()).unwrap();
        assert_eq!((named_host(&old), named_host(&new)), ("a:1", "b:2"));
    }
}
