//! The way of a label: from a human's verdict to how far a judge can be trusted, and whether that still holds.

pub mod alerts;
pub mod anchors;
pub mod drift;
pub mod simulation;
