//! From stored spans to planned evaluations: when a trace is complete, its spans are normalised, its subjects frozen, and
//! one decision recorded for each subject and rubric.
//!
//! The rules on one trace are pure functions in files of their own; `stage` only moves work through the store.

pub mod documents;
pub mod duplicates;
pub mod problems;
pub mod trace;
