//! judged: an LLM-as-judge evaluation worker that stands next to an OpenTelemetry Collector.

pub mod clock;
pub mod config;
pub mod model;
pub mod otlp;
pub mod pipeline;
pub mod sampling;
pub mod store;
