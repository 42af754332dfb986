//! `[delivery]`: how the outbox is worked on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lease;

/// How owed deliveries are worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// A worker that dies gives its deliveries back after this long. A batch that takes longer is sent twice.
    #[serde(with = "lease")]
    pub lease: Duration,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self { lease: Duration::from_mins(2) }
    }
}
