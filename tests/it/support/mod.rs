//! What the integration tests share.

pub mod databases;
pub mod fake_judge;
pub mod records;
