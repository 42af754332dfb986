//! What the integration tests share.

pub mod databases;
pub mod fake_judge;
pub mod evaluated;
pub mod records;
