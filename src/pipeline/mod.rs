//! The way of a span, in order. The stages meet only in the store: each takes its work from there, commits its result
//! there, and any of them can die at any point.

pub mod assembly;
pub mod backfill;
pub mod delivery;
pub mod evaluation;
pub mod intake;

mod db_backoff;
mod task_loop;
