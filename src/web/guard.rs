//! The guard before every page: who asks, and whether they may.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::access::TokenOwner;
use super::log_in::session_id;
use super::percent::encoded;
use super::problem::{PageError, problem};
use super::state::{Shared, Web};
use crate::model::{AccessRole, AccessWay, Actor};
use crate::net::bearer_token;
use crate::net::server::Peer;

/// What a request needs.
fn needed(method: &Method, path: &str) -> AccessRole {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match path {
        "/metrics" => AccessRole::Metrics,
        "/session" => AccessRole::Viewer,
        "/audit" | "/api/audit" => AccessRole::Admin,
        "/label" | "/label/name" | "/api/labels" if !reads => AccessRole::Annotator,
        _ if reads => AccessRole::Viewer,
        _ => AccessRole::Admin,
    }
}

/// Lets requests pass whose sender is known and may do what they ask for; all where nobody is asked. Handlers find the
/// [`Actor`] in the request.
pub(super) async fn require_actor(State(web): State<Shared>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let actor = match web.actor(request.headers(), peer).await {
        Ok(Some(actor)) => actor,
        Ok(None) => return turned_away(&request),
        Err(error) => return error.into_response(),
    };
    let needed = needed(request.method(), request.uri().path());
    if actor.role < needed {
        let (role, needed) = (actor.role.as_str(), needed.as_str());
        let refusal = format!("You are here as {role}; this needs the role {needed}.");
        return problem(StatusCode::FORBIDDEN, &refusal);
    }
    request.extensions_mut().insert(actor);
    next.run(request).await
}

impl Web {
    /// Who sent a request, where that is known.
    pub(super) async fn actor(&self, headers: &HeaderMap, peer: Option<Peer>) -> Result<Option<Actor>, PageError> {
        let access = &self.parts.access;
        if access.is_open() {
            return Ok(Some(Actor { name: String::new(), role: AccessRole::Admin, way: AccessWay::Open }));
        }
        if let Some(actor) = access.proxied(headers, peer) {
            return Ok(Some(actor));
        }
        if let Some(token) = bearer_token(headers) {
            let Some(owner) = access.owner(token) else {
                access.failures.failed("bearer", peer).await?;
                return Ok(None);
            };
            return Ok(Some(owner.actor()));
        }
        let Some(session) = session_id(headers) else { return Ok(None) };
        let code = self.parts.store.log_in(&session).await?;
        Ok(code.and_then(|code| access.owner_of_code(&code, &self.parts.seal)).map(TokenOwner::actor))
    }
}

fn turned_away(request: &Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/") || path == "/metrics" {
        let refusal = "log in: send the token as `Authorization: Bearer …`\n";
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response();
    }
    let wanted = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Redirect::to(&format!("/login?next={}", encoded(wanted))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_needs_a_role_and_an_unknown_one_the_highest() {
        assert_eq!(needed(&Method::GET, "/metrics"), AccessRole::Metrics);
        assert_eq!(needed(&Method::GET, "/label"), AccessRole::Viewer);
        assert_eq!(needed(&Method::POST, "/label"), AccessRole::Annotator);
        assert_eq!(needed(&Method::POST, "/api/labels"), AccessRole::Annotator);
        assert_eq!(needed(&Method::POST, "/alerts/1"), AccessRole::Admin);
        assert_eq!(needed(&Method::DELETE, "/anything"), AccessRole::Admin);
        assert_eq!(needed(&Method::GET, "/audit"), AccessRole::Admin);
        assert!(AccessRole::Metrics < AccessRole::Viewer && AccessRole::Annotator < AccessRole::Admin);
    }
}
