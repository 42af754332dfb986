//! `[evaluation]`: how long an evaluation may wait, and how often it is tried.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{duration, lease};

/// How pending evaluations are worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// An evaluation not judged this long after it was planned ends as `expired`.
    #[serde(with = "duration")]
    pub deadline: Duration,
    /// A judge that is away is tried this often, minutes apart, before the evaluation ends as `failed`.
    pub attempts: u32,
    /// Whether rates are lowered so that a judge's budget lasts until it renews, instead of being spent on the first hours.
    pub spread_budgets: bool,
    /// A worker that dies gives its evaluations back after this long.
    #[serde(with = "lease")]
    pub lease: Duration,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { deadline: Duration::from_hours(24), attempts: 5, spread_budgets: true, lease: Duration::from_mins(2) }
    }
}
