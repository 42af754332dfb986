//! `[web]`: pages, API, health and metrics.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::TraceLink;
use super::address_range::AddressRange;
use crate::model::AccessRole;

/// Where the pages are served, and to whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// The address. Other than loopback needs a token.
    pub listen: SocketAddr,
    /// The environment variable that holds a token that may do everything.
    pub token_env: Option<String>,
    /// The file that holds a token that may do everything.
    pub token_file: Option<PathBuf>,
    /// Tokens of people and programs.
    pub tokens: Vec<WebToken>,
    /// A proxy before the pages that knows who people are.
    pub login_proxy: Option<LoginProxy>,
    /// Where the tracing backend shows a trace.
    pub trace_link: Option<TraceLink>,
}

/// A token of a person or a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebToken {
    /// Whose it is; labels and the audit log bear it.
    pub name: String,
    /// What they may do.
    pub role: AccessRole,
    /// The environment variable that holds the token.
    pub token_env: Option<String>,
    /// The file that holds the token.
    pub token_file: Option<PathBuf>,
}

/// A proxy that logs people in and says who they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginProxy {
    /// The request header that holds a person's name. The proxy must take away what others write into it.
    pub header: String,
    /// What they may do.
    pub role: AccessRole,
    /// From where the proxy comes; the header of others is not looked at.
    #[serde(default = "loopback")]
    pub from: Vec<AddressRange>,
}

fn loopback() -> Vec<AddressRange> {
    [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)].map(AddressRange::of).into()
}

impl Default for WebConfig {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        Self { listen, token_env: None, token_file: None, tokens: Vec::new(), login_proxy: None, trace_link: None }
    }
}
