//! What connections have in common: outgoing ones of their clients, incoming ones of their server.

pub mod error_words;
mod loopback;
mod proxy;
pub mod read_by;
mod request;
mod retry_after;
pub mod server;
mod settings;
pub mod tls;

use reqwest::{Client, ClientBuilder, redirect};

use proxy::with_proxy;

pub use loopback::is_loopback_host;
pub use proxy::{proxies_in_use, use_proxy};
pub use request::{bearer_token, named_host};
pub use retry_after::retry_after;
pub use settings::{add_headers, http_url};

/// A client that trusts the system's certificates. Where there are none (an empty container image) it trusts nobody, because
/// trusting the system would fail at once, even for plain HTTP.
pub fn plain_client() -> ClientBuilder {
    tls::install_provider();
    let builder = with_proxy(Client::builder());
    if tls::system_has_certificates() { builder } else { builder.tls_certs_only([]) }
}

/// The beginning of every HTTP client that carries credentials. It follows no redirect, which would take them to a place
/// that nobody configured.
pub fn http_client() -> ClientBuilder {
    plain_client().user_agent(concat!("judged/", env!("CARGO_PKG_VERSION"))).redirect(redirect::Policy::none())
}
