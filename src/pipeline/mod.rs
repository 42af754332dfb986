//! The way of a span, in order. The stages meet only in the store.

pub mod intake;
