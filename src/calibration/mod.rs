//! The way of a label: from a human's verdict to what can be said of the judge.

pub mod labels;
