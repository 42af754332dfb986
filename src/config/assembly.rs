//! `[assembly]`: when a trace is complete, and what of it is judged.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{duration, lease};

/// When a trace is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssemblyConfig {
    /// A trace whose root has ended is complete when nothing new came for this long.
    #[serde(with = "duration")]
    pub settle: Duration,
    /// A trace is judged as it is after this long, root or not.
    #[serde(with = "duration")]
    pub max_wait: Duration,
    /// A session is complete when none of its traces brought anything new for this long.
    #[serde(with = "duration")]
    pub session_idle: Duration,
    /// A worker that dies while it assembles gives its traces back after this long.
    #[serde(with = "lease")]
    pub lease: Duration,
    /// Whether what was cut off, or may have been, is judged as if it were whole.
    pub judge_cut: bool,
}

impl Default for AssemblyConfig {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(10),
            max_wait: Duration::from_mins(2),
            session_idle: Duration::from_mins(30),
            lease: Duration::from_mins(1),
            judge_cut: false,
        }
    }
}
