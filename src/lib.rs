//! judged: an LLM-as-judge evaluation worker that stands next to an OpenTelemetry Collector.

pub mod conventions;
pub mod model;
pub mod otlp;
