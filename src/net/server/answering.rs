//! The requests of one connection on their way to the router.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use tower_service::Service as _;

use super::activity::Activity;

/// Where a request came from: an extension of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

pub(super) struct Answering {
    router: Router,
    peer: Peer,
    activity: Activity,
}

impl Answering {
    pub(super) fn new(router: Router, peer: Peer, activity: Activity) -> Self {
        Self { router, peer, activity }
    }
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_hand = self.activity.request();
        request.extensions_mut().insert(self.peer);
        let answer = self.router.clone().call(request.map(Body::new));
        Box::pin(async move {
            let answer = answer.await;
            drop(in_hand);
            answer
        })
    }
}
