//! Cells: kept up from a queue of changed evaluations, built anew, and read.
//!
//! Every transaction that gives an evaluation an outcome, or takes one away, appends the evaluation to a queue; triggers see to
//! that, so that workers of earlier versions append as well. Folding takes a group of them off the queue, compares each row
//! with what its column `folded` says was counted of it, and stores the difference in cells, totals and the row, all in
//! one transaction: a crash leaves either none of it or all. Which evaluations are folded together, in which order, and how
//! often does not matter. Nobody holds a lock on evaluations for folding to wait for: rows that another transaction is
//! changing stay in the queue.

mod dictionary;
mod evaluation;
mod fold;
mod kept_accounts;
mod parts;
mod placing;
mod reading;
mod series_hours;
mod set_aside;
#[cfg(test)]
mod tests;
mod transaction;

pub use parts::CellPart;
pub use reading::{CellsBuilt, PartSums};
pub use series_hours::Extent;
