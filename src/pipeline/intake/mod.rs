//! Where telemetry comes in.

pub mod files;
