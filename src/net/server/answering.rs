//! The requests of one connection on their way to the router.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use tower_service::Service as _;

use super::activity::Activity;
use super::awaited::Awaited;

/// How long the next part of a body is waited for.
const FRAME_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a request came from: an extension of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

/// The address by which what is shared is counted: over IPv6 a host has a network of 64 bits, and an IPv4 address may be written
/// as one of IPv6.
pub fn as_one(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

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
        let answer = self.router.clone().call(request.map(|body| Body::new(Awaited::new(body, FRAME_TIMEOUT))));
        Box::pin(async move {
            let answer = answer.await;
            drop(in_hand);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_and_an_ipv4_address_are_one_each() {
        let one = |text: &str| as_one(text.parse().unwrap()).to_string();
        assert_eq!(one("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!((one("::ffff:10.0.0.7"), one("10.0.0.7")), ("10.0.0.7".to_owned(), "10.0.0.7".to_owned()));
    }
}
