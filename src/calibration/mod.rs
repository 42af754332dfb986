//! The way of a label: from a human's verdict to how far a judge can be trusted, and whether that still holds.

pub mod agreement;
pub mod alerts;
pub mod anchors;
pub mod baseline;
pub mod drift;
pub mod labels;
pub mod queue;
pub mod report;
pub mod simulation;
pub mod snapshots;
