//! `[calibration]`: how a judge is held against what never changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// How judges are watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalibrationConfig {
    /// How often the anchors are judged again without a change of version, judge or model; zero for never.
    #[serde(with = "duration")]
    pub anchors_every: Duration,
    /// About how many answers a day every judge is asked about a second time for each rubric, to measure its own noise; zero for none.
    pub repeats_per_day: u32,
}

impl Default for CalibrationConfig {
    fn default() -> Self {
        Self { anchors_every: Duration::from_hours(168), repeats_per_day: 24 }
    }
}
