//! Workbooks (`.xlsx`): the sheet whose first row has the headings of labels.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::columns::{Columns, Naming};
use super::super::error::FileError;
use super::formula::unguarded;
use super::record::{Place, Record, Records};
use super::workbook::Workbook;

const ZIP: &[u8] = b"PK\x03\x04";
const OLD: &[u8] = b"\xd0\xcf\x11\xe0";

/// Whether the bytes are a workbook: a ZIP archive, or a file of its predecessor.
pub(super) fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(ZIP) || bytes.starts_with(OLD)
}

/// The records of a workbook, and its headings.
pub(super) fn records(bytes: Vec<u8>, naming: &Naming) -> Result<(Records, Arc<[String]>), FileError> {
    if bytes.starts_with(OLD) {
        return Err(FileError::OldWorkbook);
    }
    let workbook = Workbook::open(bytes).map_err(FileError::Workbook)?;
    let mut best: Option<(usize, String)> = None;
    for name in workbook.names() {
        let first = workbook.rows(&name, 1).map_err(FileError::Workbook)?.pop();
        let known = first.map_or(0, |(_, cells)| Columns::known_among(&headings_of(&cells), naming));
        if known > best.as_ref().map_or(0, |(most, _)| *most) {
            best = Some((known, name));
        }
    }
    let Some((_, name)) = best else { return Err(FileError::NoSheet(workbook.names().join(", "))) };
    let mut rows = workbook.rows(&name, usize::MAX).map_err(FileError::Workbook)?.into_iter();
    let headings: Arc<[String]> = rows.next().map(|(_, cells)| headings_of(&cells)).unwrap_or_default().into();
    let of_rows = headings.clone();
    let records = rows.map(move |(row, mut cells)| {
        cells.resize(of_rows.len(), Value::Null);
        let fields: Map<String, Value> = of_rows.iter().cloned().zip(cells.into_iter().map(cell)).collect();
        Record { place: Place::Sheet(row), fields: Ok(fields) }
    });
    Ok((Box::new(records), headings))
}

fn headings_of(cells: &[Value]) -> Vec<String> {
    let text = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), |text| text.trim().to_owned());
    cells.iter().map(|cell| if cell.is_null() { String::new() } else { text(cell) }).collect()
}

fn cell(value: Value) -> Value {
    match value {
        Value::String(text) => unguarded(&text).into(),
        other => other,
    }
}
