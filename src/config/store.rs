//! `[store]`: where state lives.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite://path` (one process) or `postgres://user@host/database` (many).
    pub url: String,
    /// After this long, digests of received requests are forgotten: no exporter retries that long.
    #[serde(with = "duration")]
    pub keep_digests: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { url: "sqlite://judged.db".to_owned(), keep_digests: Duration::from_hours(48) }
    }
}
