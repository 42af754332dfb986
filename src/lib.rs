//! judged: an LLM-as-judge evaluation worker that stands next to an OpenTelemetry Collector.

pub mod calibration;
pub mod clock;
pub mod model;
pub mod otlp;
pub mod statistics;
pub mod store;
