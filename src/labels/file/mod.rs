//! Files of labels as people have them: tables of any spreadsheet, workbooks, JSON lines, JSON arrays.
//!
//! What a file is, is told by its content. Each of its records becomes a line that is right or wrong by itself, and keeps
//! its original for the file of what was refused.

mod archive;
mod encoding;
pub mod formula;
mod json;
mod record;
mod rejected;
mod sheet;
mod table;
mod workbook;

use serde_json::{Map, Value};

pub use record::{Entry, Form, Original, Place};
pub use rejected::rejected;
pub use workbook::WorkbookError;

use self::record::{Record, Records};
use super::columns::{Columns, Naming};
use super::error::{FileError, LabelError};
use super::line::LabelLine;

/// The records of a file whose headings mean what its tool says.
pub(super) fn records(
    bytes: Vec<u8>,
    reading: &Reading,
) -> Result<impl Iterator<Item = (Place, Result<Map<String, Value>, (LabelError, String)>)>, FileError> {
    let (records, ..) = opened(bytes, reading)?;
    Ok(records.map(|record| (record.place, record.fields)))
}

/// What the person at the terminal says of a file.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Its encoding.
    pub encoding: Option<String>,
    /// Whether it is a table; told by its content where nothing is said.
    pub is_table: Option<bool>,
    /// Its headings.
    pub naming: Naming,
}

/// A file of labels, read line by line.
pub struct LabelFile {
    records: Records,
    form: Form,
    columns: Columns,
    naming: Naming,
    remark: Option<String>,
}

impl LabelFile {
    /// Opens what a file holds.
    pub fn open(bytes: Vec<u8>, reading: &Reading) -> Result<Self, FileError> {
        let naming = reading.naming.clone();
        let mut columns = Columns::new(&naming)?;
        let (records, form, remark) = opened(bytes, reading)?;
        if let Form::Table { headings, .. } = &form {
            columns.check(headings, &naming)?;
        }
        Ok(Self { records, form, columns, naming, remark })
    }

    /// How it is written.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// What should be said of how it was read.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// The headings and members that were passed over so far.
    pub fn passed_over(&self) -> Vec<String> {
        self.columns.unknown()
    }
}

fn opened(bytes: Vec<u8>, reading: &Reading) -> Result<(Records, Form, Option<String>), FileError> {
    if sheet::is_workbook(&bytes) {
        let (records, headings) = sheet::records(bytes, &reading.naming)?;
        return Ok((records, Form::Table { separator: b',', headings }, None));
    }
    let (text, remark) = encoding::decoded(bytes, reading.encoding.as_deref())?;
    let (records, form) = of_text(text, reading)?;
    Ok((records, form, remark))
}

fn of_text(text: String, reading: &Reading) -> Result<(Records, Form), FileError> {
    let start = text.trim_start();
    if start.is_empty() {
        return Err(FileError::Empty);
    }
    if reading.is_table.unwrap_or(!start.starts_with(['{', '['])) {
        let (records, separator, headings) = table::records(text, &reading.naming)?;
        return Ok((records, Form::Table { separator, headings }));
    }
    Ok((json::records(text)?, Form::Json))
}

impl Iterator for LabelFile {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let Record { place, fields } = self.records.next()?;
        Some(match fields {
            Ok(fields) => entry(place, fields, &mut self.columns, &self.naming),
            Err((error, text)) => Entry { place, line: Err(error), original: Original::Text(text) },
        })
    }
}

fn entry(place: Place, fields: Map<String, Value>, columns: &mut Columns, naming: &Naming) -> Entry {
    let known = fields.iter().filter_map(|(name, value)| Some((columns.meaning(name)?, value.clone())));
    let line = LabelLine::of(known).map(|mut line| {
        line.rubric = line.rubric.or_else(|| naming.rubric.clone());
        line.annotator = line.annotator.or_else(|| naming.annotator.clone());
        line
    });
    Entry { place, line, original: Original::Fields(fields) }
}

/// A label that came as JSON by itself, and the members that were passed over.
pub fn of_json(place: Place, value: Value) -> (Entry, Vec<String>) {
    let mut columns = Columns::default();
    let entry = match value {
        Value::Object(fields) => entry(place, fields, &mut columns, &Naming::default()),
        other => Entry { place, line: Err(LabelError::NoObject), original: Original::Text(other.to_string()) },
    };
    (entry, columns.unknown())
}

#[cfg(test)]
mod tests;
