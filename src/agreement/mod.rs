//! Agreement of judges with people: pure, over [`Observation`]s, whatever they were read from.
//!
//! A [`ScaleReader`] places scores and labels on the rubric's scale, [`Clusters`] tells which items depend on each other, and
//! several people become one human side. What is compared are the pairs of a view: pass or fail ([`by_side`]), or the places on the
//! scale ([`by_place`]). Every number has its interval by the one table in [`intervals`], or the reason for none. The report, the
//! promotion gate and the pages come here from the store, `judged agreement` from a [`mod@file`] of labels.

mod advantage;
mod clusters;
mod coefficient;
mod comparison;
mod confusion;
mod consensus;
pub mod file;
mod humans;
pub mod intervals;
mod label;
mod noise;
mod numbers;
mod observation;
mod pairs;
mod people;
mod placed;
mod quality;
mod reader;
mod scale;
pub mod spelling;
mod summary;
mod units;
mod words;

pub use advantage::advantage;
pub use clusters::Clusters;
pub use coefficient::Coefficient;
pub use comparison::{Comparison, by_place, by_side, raw_agreement};
pub use humans::AltTestReport;
pub use label::{BadLine, Item, Label};
pub use noise::{Noise, Repeated};
pub use observation::{Observation, Place, Verdict};
pub use people::{AmongPeople, Said, among_people};
pub use quality::quality;
pub use reader::ScaleReader;
pub use scale::{Declaration, Kind, LabelScale};
pub use summary::shown;
pub use words::spelling_key;
