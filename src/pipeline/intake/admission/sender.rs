//! Who shares the memory.

use std::net::IpAddr;
use std::sync::Arc;

/// One of those among whom memory is shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Whoever connects from this address, or this IPv6 network, without a token.
    Address(IpAddr),
    /// Whoever has the token of this name.
    Token(Arc<str>),
    /// The broker.
    Broker,
}
