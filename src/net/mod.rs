//! What outgoing connections have in common.

mod retry_after;
mod settings;
pub mod tls;

use reqwest::{Client, ClientBuilder, redirect};

pub use retry_after::retry_after;
pub use settings::{add_headers, http_url};

/// The beginning of every HTTP client that carries credentials. It follows no redirect, which would take them to a place
/// that nobody configured.
pub fn http_client() -> ClientBuilder {
    tls::install_provider();
    Client::builder().user_agent(concat!("judged/", env!("CARGO_PKG_VERSION"))).redirect(redirect::Policy::none())
}
