//! From the spans of a trace to the subjects that rubrics judge.

pub mod documents;
pub mod duplicates;
pub mod problems;
pub mod subjects;
pub mod trace;
