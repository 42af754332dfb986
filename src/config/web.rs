//! `[web]`: pages, API, health and metrics.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::TraceLink;

/// Where the pages are served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// The address. Other than loopback needs a token.
    pub listen: SocketAddr,
    /// The environment variable that holds the log-in token.
    pub token_env: Option<String>,
    /// The file that holds the log-in token.
    pub token_file: Option<std::path::PathBuf>,
    /// Where the tracing backend shows a trace.
    pub trace_link: Option<TraceLink>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), token_env: None, token_file: None, trace_link: None }
    }
}
