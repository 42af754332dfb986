//! The configuration: plain typed sections, one file each; the defaults are the documentation.

pub mod intake;
pub mod sampling;
