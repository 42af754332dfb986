//! The way of a span, in order. The stages meet only in the store, not in each other.

pub mod assembly;
pub mod intake;
