//! The way of a label into the store: what people are asked to label, and what they said, from files and annotation tools.

pub mod anchors;
mod import;
pub mod pool;
pub mod queue;

pub use import::{
    ExportedLabel, Import, LabelError, LabelFormat, LabelLine, LabelledRubric, Lines, import, preview, read_lines,
};
