//! How a worker finds a judge at present.

use serde::{Deserialize, Serialize};

use super::named::named_enum;

named_enum! {
    /// What ends an obstacle.
    pub enum Mended {
        /// It ends by itself.
        ByTime = "time",
        /// Somebody has to do something.
        ByAPerson = "person",
    }
}

/// What keeps a judge from judging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// The code of the failure.
    pub code: String,
    /// What ends it.
    pub mended: String,
    /// What it is, and the remedy.
    pub said: String,
    /// When it ends, or when the judge is tried again, milliseconds since the Unix epoch.
    pub until_ms: Option<i64>,
    /// Since when it stands in the way, milliseconds since the Unix epoch.
    pub since_ms: i64,
}

/// How a worker finds a judge.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JudgeState {
    /// Absent while it judges.
    pub obstacle: Option<Obstacle>,
    /// The calls that may run at a time now.
    pub concurrency: usize,
    /// Calls answered in the last minute.
    pub calls_per_minute: f64,
    /// Of the last calls that were answered.
    pub latency_ms_median: Option<i64>,
    pub latency_ms_p95: Option<i64>,
    /// What the endpoint refuses most often in words that are not known, and how often it came.
    pub unknown_refusal: Option<String>,
    pub unknown_refusals: u64,
}
