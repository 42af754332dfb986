//! Sufficient statistics of scores: what every mean, share and count of the traffic follows from, without reading the
//! evaluations again.
//!
//! A *cell* holds them for one series of scores, one release of the judged application, one segment value and one hour.
//! Cells are sums over evaluations and over conversations; adding cells gives the sums of the whole. All sums are integers,
//! so that neither the order in which evaluations were added nor one that was taken out again leaves a trace: cells that
//! were kept up over months equal those of a recomputation exactly. Reading and writing them is `store::cells`.

mod conversations;
mod delta;
mod estimates;
mod fixed;
mod folded;
mod keys;
mod latency;
mod scores;
mod sums;

#[cfg(test)]
pub use conversations::ConversationSums;
pub use delta::{ByHour, CellAt, Delta};
#[cfg(test)]
pub use fixed::{Fixed, Weight};
pub use folded::{Counted, Folded, FoldedScore, JudgeUse, large_level, tenth_of};
pub use keys::{OTHER_MODELS, PartKey, SeriesKey, ValueOf, release_of, segment_values};
pub use latency::Latencies;
pub use scores::{HourScore, HourSums, scores_of_hour};
pub use sums::Sums;

/// The number of what cells hold and how it is computed; cells of another number are built anew. Since 2 they tell the scores of
/// an hour apart by weight; since 3 they sum up the scores of an hour beside its conversations, bound the models of a judge,
/// and tell large levels apart.
pub const ALGORITHM: i64 = 3;
