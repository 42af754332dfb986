//! The way of a label into the store: what people are asked to label, and what they said, from files and annotation tools.

pub mod anchors;
pub mod annotations;
mod columns;
pub mod disagreements;
mod error;
mod export;
pub mod file;
mod import;
mod line;
mod names;
pub mod pool;
pub mod queue;
pub mod seal;
pub mod tools;
pub mod validation;
mod verdict;

pub use columns::Naming;
pub use error::LabelError;
pub use export::ExportedLabel;
pub use import::{Import, LabelledRubric, Refused, Terms, import, preview};
