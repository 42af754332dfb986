//! Tables as spreadsheets save them: any separator, cells with line breaks, rows that are too short.

use std::io::Cursor;
use std::sync::Arc;

use csv::{Reader, ReaderBuilder, StringRecord, StringRecordsIntoIter};
use serde_json::{Map, Value};

use super::super::columns::{Columns, Naming};
use super::super::error::{FileError, LabelError};
use super::formula::unguarded;
use super::record::{Place, Record, Records};

const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The records of a table, what stands between its cells, and its headings.
pub(super) fn records(text: String, naming: &Naming) -> Result<(Records, u8, Arc<[String]>), FileError> {
    let (named, start) = named_separator(&text);
    let bytes: Arc<[u8]> = text.into_bytes().split_off(start).into();
    let separator = named.unwrap_or_else(|| likely_separator(&bytes, naming));
    let mut rows = reader(bytes.clone(), separator).into_records();
    let mut lines = Breaks { bytes, at: 0, line: if start > 0 { 2 } else { 1 }, after_return: false };
    let Some(Ok(first)) = rows.next() else { return Err(FileError::Empty) };
    let headings: Arc<[String]> = headings_of(&first).into();
    lines.go_to(&first);
    let row = lines.line;
    Ok((Box::new(Rows { rows, lines, row, headings: headings.clone() }), separator, headings))
}

fn reader(bytes: Arc<[u8]>, separator: u8) -> Reader<Cursor<Arc<[u8]>>> {
    ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(Cursor::new(bytes))
}

fn headings_of(record: &StringRecord) -> Vec<String> {
    record.iter().map(|heading| unguarded(heading.trim()).to_owned()).collect()
}

/// The separator that a first line `sep=;` names, as some spreadsheets write and read it, and where the table begins.
fn named_separator(text: &str) -> (Option<u8>, usize) {
    let Some((first, _)) = text.split_once('\n') else { return (None, 0) };
    let line = first.trim().trim_matches('"');
    let named = line.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).map(|_| &line.as_bytes()[4..]);
    match named {
        Some([separator]) => (Some(*separator), first.len() + 1),
        // A tab is trimmed off.
        Some([]) => (Some(b'\t'), first.len() + 1),
        _ => (None, 0),
    }
}

/// The separator under which the headings are known best; of several, the one that makes most of them.
fn likely_separator(bytes: &Arc<[u8]>, naming: &Naming) -> u8 {
    let fit = |separator: u8| {
        let first = reader(bytes.clone(), separator).into_records().next();
        let headings = first.and_then(Result::ok).map(|record| headings_of(&record)).unwrap_or_default();
        (Columns::known_among(&headings, naming), headings.len())
    };
    // Of equals the first.
    SEPARATORS.into_iter().rev().max_by_key(|separator| fit(*separator)).unwrap_or(b',')
}

struct Rows {
    rows: StringRecordsIntoIter<Cursor<Arc<[u8]>>>,
    lines: Breaks,
    /// The number of the last row.
    row: usize,
    headings: Arc<[String]>,
}

impl Iterator for Rows {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let record = match self.rows.next()? {
            Ok(record) => record,
            Err(error) => {
                let place = Place::Line(self.lines.line);
                return Some(Record { place, fields: Err((LabelError::Row(error), String::new())) });
            }
        };
        let blank = self.lines.go_to(&record);
        self.row += 1 + blank;
        let place = Place::Row { line: self.lines.line, row: self.row };
        Some(Record { place, fields: self.fields(&record) })
    }
}

impl Rows {
    fn fields(&self, record: &StringRecord) -> Result<Map<String, Value>, (LabelError, String)> {
        let (found, headings) = (record.len(), self.headings.len());
        if record.iter().skip(headings).any(|cell| !cell.trim().is_empty()) {
            let text = record.iter().collect::<Vec<_>>().join(" | ");
            return Err((LabelError::Cells { found, headings }, text));
        }
        let cells = record.iter().map(|cell| Value::String(unguarded(cell).to_owned()));
        // A row that ends early has nothing in its last cells.
        let cells = cells.chain(std::iter::repeat(Value::Null));
        Ok(self.headings.iter().cloned().zip(cells).collect())
    }
}

/// Counts lines up to a record, whatever ends them.
struct Breaks {
    bytes: Arc<[u8]>,
    at: usize,
    line: usize,
    /// The byte before was a carriage return, which a line feed belongs to.
    after_return: bool,
}

impl Breaks {
    /// Goes to the beginning of a record; returns how many blank lines stand before it.
    fn go_to(&mut self, record: &StringRecord) -> usize {
        let start = record.position().map_or(self.at, |position| position.byte() as usize);
        while self.at < start {
            self.step();
        }
        let mut blank = 0;
        while matches!(self.bytes.get(self.at), Some(b'\r' | b'\n')) {
            blank += usize::from(self.step());
        }
        blank
    }

    /// Goes over a byte; says whether it ended a line.
    fn step(&mut self) -> bool {
        let byte = self.bytes.get(self.at).copied();
        let ends = byte == Some(b'\r') || byte == Some(b'\n') && !self.after_return;
        self.after_return = byte == Some(b'\r');
        self.at += 1;
        self.line += usize::from(ends);
        ends
    }
}
