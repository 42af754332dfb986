//! The records of a file, and the labels that they become.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::error::LabelError;
use super::super::line::LabelLine;

/// Where a label stands in what brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of a text, counted from 1.
    Line(usize),
    /// A row of a table: the line on which it begins, and the number that a spreadsheet shows beside it.
    Row {
        /// The line.
        line: usize,
        /// The number.
        row: usize,
    },
    /// A row of a workbook.
    Sheet(usize),
    /// A member of a list, counted from 1.
    Item(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "{line}"),
            Self::Row { line, row } if line == row => write!(f, "{line}"),
            Self::Row { line, row } => write!(f, "{line} (row {row})"),
            Self::Sheet(row) => write!(f, "row {row}"),
            Self::Item(item) => write!(f, "item {item}"),
        }
    }
}

/// What a line was made of.
#[derive(Debug, Clone)]
pub enum Original {
    /// Cells or members with their headings.
    Fields(Map<String, Value>),
    /// A text that could not be read.
    Text(String),
    /// A line that was put together from something else.
    Line(Box<LabelLine>),
}

/// One label of a file, right or wrong.
#[derive(Debug)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// What it says.
    pub line: Result<LabelLine, LabelError>,
    /// What it was made of.
    pub original: Original,
}

/// How a file is written, as far as that shows in what was refused of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line, or a list of them.
    Json,
    /// A table.
    Table {
        /// What stands between its cells.
        separator: u8,
        /// Its headings.
        headings: Arc<[String]>,
    },
}

/// A record as it is read.
pub(super) struct Record {
    pub(super) place: Place,
    pub(super) fields: Result<Map<String, Value>, (LabelError, String)>,
}

pub(super) type Records = Box<dyn Iterator<Item = Record> + Send>;
