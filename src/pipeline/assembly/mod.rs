//! From stored spans to planned evaluations: when a trace is complete, its spans are normalised, its subjects frozen, and
//! one decision recorded for each subject and rubric.
//!
//! The rules on one trace are pure functions in files of their own; [`Assembly`] only moves work through the store.

pub mod assembled_trace;
pub mod document_propagation;
pub mod duplicates;
mod guarded;
mod interruptions;
mod late_records;
mod limits;
mod log_copies;
mod planner;
mod poison;
mod problems;
mod segments;
mod session_subject;
mod stage;
pub mod subjects;
#[cfg(test)]
mod tests;
mod tool_turns;
pub mod trace;
mod trace_rates;
pub mod trace_warnings;

pub use planner::decide;
pub use stage::Assembly;
pub use trace_rates::TraceSampling;
