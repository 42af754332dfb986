//! What the integration tests share.

pub mod databases;
pub mod evaluated;
pub mod fake_judge;
pub mod records;
