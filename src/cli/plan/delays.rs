//! What a plan says: how long drops stay unseen.

use serde::Serialize;

use crate::statistics::planning::Delay;

/// The plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Plan {
    pub(super) agreement: f64,
    pub(super) labels_per_week: f64,
    pub(super) weeks: f64,
    pub(super) tolerance: f64,
    pub(super) run_length: f64,
    /// Weeks until the baseline stands.
    pub(super) baseline_weeks: f64,
    /// Labels for an interval of five points either side.
    pub(super) labels_for_five_points: u64,
    pub(super) drops: Vec<DropPlan>,
}

/// What one drop takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DropPlan {
    pub(super) drop: f64,
    /// Labels from the drop to its detection; null above 20,000.
    pub(super) labels: Delay,
    /// Weeks of that at the affordable rate.
    pub(super) weeks: Delay,
    /// Labels a week to see the drop within the given weeks.
    pub(super) labels_per_week_needed: Delay,
}
