//! What the integration tests share.

pub mod databases;
pub mod evaluated;
pub mod fake_api;
pub mod fake_judge;
pub mod markup;
pub mod otlp_receiver;
pub mod records;
pub mod wire;
