//! The cells of a workbook (Office Open XML, ECMA-376 part 1, clause 18): shared strings, numbers, dates by their format.

use std::collections::BTreeMap;

use jiff::civil::date;
use jiff::{Span, Unit};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

use super::archive::{Archive, ArchiveError};

/// Why a workbook cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WorkbookError {
    /// The archive around it.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A part that every workbook has.
    #[error("it has no {0}")]
    Missing(String),
    /// A part that is no XML.
    #[error("{part} is no XML")]
    Xml {
        /// The part.
        part: String,
        /// What is wrong with it.
        source: quick_xml::Error,
    },
}

/// A workbook with what its sheets share.
pub(super) struct Workbook {
    archive: Archive,
    /// Name and part of each sheet, in order.
    sheets: Vec<(String, String)>,
    strings: Vec<String>,
    /// Whether cells of a format hold moments, by the number of the format.
    moments: Vec<bool>,
    since_1904: bool,
}

/// A row's number, and its cells up to the last that holds something.
pub(super) type Row = (usize, Vec<Value>);

/// A cell further right than this is no label's.
const WIDEST: usize = 1_000;

impl Workbook {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, WorkbookError> {
        let archive = Archive::open(bytes)?;
        let relations = relations(&archive)?;
        let (mut sheets, mut since_1904) = (Vec::new(), false);
        each(&archive, "xl/workbook.xml", true, |tag, _| match tag.local_name().as_ref() {
            "sheet" => {
                if let (Some(name), Some(relation)) = (attribute(tag, "name"), attribute(tag, "id")) {
                    sheets.extend(relations.get(&relation).map(|part| (name, part.clone())));
                }
            }
            "workbookPr" => since_1904 = attribute(tag, "date1904").is_some_and(|set| set == "1" || set == "true"),
            _ => {}
        })?;
        let strings = strings(&archive)?;
        let moments = moments(&archive)?;
        Ok(Self { archive, sheets, strings, moments, since_1904 })
    }

    /// The names of the sheets.
    pub(super) fn names(&self) -> Vec<String> {
        self.sheets.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The rows of a sheet that hold something, up to `most`.
    pub(super) fn rows(&self, sheet: &str, most: usize) -> Result<Vec<Row>, WorkbookError> {
        let Some((_, part)) = self.sheets.iter().find(|(name, _)| name == sheet) else { return Ok(Vec::new()) };
        let bytes = self.archive.file(part)?.ok_or_else(|| WorkbookError::Missing(part.clone()))?;
        let mut rows = Rows { workbook: self, rows: Vec::new(), number: 0, cell: Cell::default(), is_value: false };
        let mut reader = Reader::from_reader(bytes.as_slice());
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let event = reader.read_event_into(&mut buffer);
            match event.map_err(|source| WorkbookError::Xml { part: part.clone(), source })? {
                Event::Eof => break,
                Event::Start(tag) => rows.start(&tag),
                Event::Empty(tag) => {
                    rows.start(&tag);
                    rows.end(tag.local_name().as_ref());
                }
                Event::End(tag) => rows.end(tag.local_name().as_ref()),
                Event::Text(text) if rows.is_value => rows.cell.text += &text,
                Event::CData(text) if rows.is_value => rows.cell.text += &text,
                Event::GeneralRef(name) if rows.is_value => rows.cell.text += &referred(&name),
                _ => {}
            }
            if rows.rows.len() > most {
                rows.rows.truncate(most);
                break;
            }
        }
        Ok(rows.rows)
    }

    fn value(&self, cell: &Cell) -> Value {
        let text = cell.text.as_str();
        match cell.kind.as_deref() {
            Some("s") => {
                let shared = text.trim().parse::<usize>().ok().and_then(|number| self.strings.get(number));
                shared.map_or(Value::Null, |text| text.clone().into())
            }
            Some("b") => (text.trim() == "1").into(),
            Some("str" | "inlineStr" | "e" | "d") => text.into(),
            _ if text.trim().is_empty() => Value::Null,
            _ => match text.trim().parse::<f64>() {
                Ok(number) if cell.format.is_some_and(|format| self.moments.get(format) == Some(&true)) => {
                    moment(number, self.since_1904).map_or_else(|| number.into(), Value::from)
                }
                // Workbooks know no whole numbers.
                Ok(number) if number.fract() == 0.0 && number.abs() < 9e15 => (number as i64).into(),
                Ok(number) => number.into(),
                Err(_) => text.into(),
            },
        }
    }
}

/// A cell that is being read.
#[derive(Default)]
struct Cell {
    column: usize,
    kind: Option<String>,
    format: Option<usize>,
    text: String,
}

/// The rows of a sheet that is being read.
struct Rows<'w> {
    workbook: &'w Workbook,
    rows: Vec<Row>,
    number: usize,
    cell: Cell,
    is_value: bool,
}

impl Rows<'_> {
    fn start(&mut self, tag: &BytesStart<'_>) {
        match tag.local_name().as_ref() {
            "row" => {
                let said = attribute(tag, "r").and_then(|number| number.parse().ok());
                self.number = said.unwrap_or(self.number + 1);
                self.cell = Cell::default();
            }
            "c" => {
                let column = attribute(tag, "r").and_then(|place| column(&place)).unwrap_or(self.cell.column);
                self.cell = Cell {
                    column,
                    kind: attribute(tag, "t"),
                    format: attribute(tag, "s").and_then(|format| format.parse().ok()),
                    text: String::new(),
                };
            }
            "v" | "t" => self.is_value = true,
            _ => {}
        }
    }

    fn end(&mut self, tag: &str) {
        match tag {
            "v" | "t" => self.is_value = false,
            "c" => {
                let value = self.workbook.value(&self.cell);
                let column = self.cell.column;
                self.cell.column += 1;
                if value.is_null() || column >= WIDEST {
                    return;
                }
                if self.rows.last().is_none_or(|(last, _)| *last != self.number) {
                    self.rows.push((self.number, Vec::new()));
                }
                if let Some((_, cells)) = self.rows.last_mut() {
                    cells.resize(cells.len().max(column + 1), Value::Null);
                    cells[column] = value;
                }
            }
            _ => {}
        }
    }
}

/// The column of a place such as `AB12`, counted from 0.
fn column(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let column = letters
        .take(4)
        .fold(0_usize, |column, letter| column * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1);
    column.checked_sub(1)
}

/// A day since the beginning of 1900, or of 1904, as a moment.
fn moment(days: f64, since_1904: bool) -> Option<String> {
    // 1900 counts as a leap year there, as it did in the first spreadsheets.
    let first = if since_1904 { date(1904, 1, 1) } else { date(1899, 12, 30) };
    if !(0.0..3_000_000.0).contains(&days) {
        return None;
    }
    let milliseconds = (days * 86_400_000.0).round() as i64;
    let at = first.at(0, 0, 0, 0).checked_add(Span::new().milliseconds(milliseconds)).ok()?;
    Some(at.round(Unit::Second).ok()?.to_string())
}

/// Calls `seen` for each element of a part with its text up to the next tag.
fn each(
    archive: &Archive,
    part: &str,
    is_needed: bool,
    mut seen: impl FnMut(&BytesStart<'_>, &str),
) -> Result<(), WorkbookError> {
    let Some(bytes) = archive.file(part)? else {
        return if is_needed { Err(WorkbookError::Missing(part.to_owned())) } else { Ok(()) };
    };
    let mut reader = Reader::from_reader(bytes.as_slice());
    let (mut buffer, mut open, mut text) = (Vec::new(), None::<BytesStart<'static>>, String::new());
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        let event = event.map_err(|source| WorkbookError::Xml { part: part.to_owned(), source })?;
        match event {
            Event::Text(more) => {
                text += &more;
                continue;
            }
            Event::GeneralRef(name) => {
                text += &referred(&name);
                continue;
            }
            _ => {}
        }
        if let Some(tag) = open.take() {
            seen(&tag, &text);
        }
        text.clear();
        match event {
            Event::Eof => return Ok(()),
            Event::Start(tag) | Event::Empty(tag) => open = Some(tag.into_owned()),
            _ => {}
        }
    }
}

/// What `&amp;` and its kin stand for.
fn referred(name: &str) -> String {
    let of_number = |digits: &str, radix: u32| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let letter = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        other => match other.strip_prefix("#x").or_else(|| other.strip_prefix("#X")) {
            Some(digits) => of_number(digits, 16),
            None => other.strip_prefix('#').and_then(|digits| of_number(digits, 10)),
        },
    };
    letter.map_or_else(String::new, String::from)
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().flatten().find(|one| one.key.local_name().as_ref() == name)?;
    let text = found.value.into_owned();
    if !text.contains('&') {
        return Some(text);
    }
    let mut parts = text.split('&');
    let mut value = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(';').unwrap_or((part, ""));
        value += &referred(name);
        value += rest;
    }
    Some(value)
}

/// The part that each relation of the workbook means.
fn relations(archive: &Archive) -> Result<BTreeMap<String, String>, WorkbookError> {
    let mut relations = BTreeMap::new();
    each(archive, "xl/_rels/workbook.xml.rels", true, |tag, _| {
        if let (Some(id), Some(target)) = (attribute(tag, "Id"), attribute(tag, "Target")) {
            let part = match target.strip_prefix('/') {
                Some(from_the_root) => from_the_root.to_owned(),
                None => format!("xl/{target}"),
            };
            relations.insert(id, part);
        }
    })?;
    Ok(relations)
}

/// The texts that cells name by number; each may be in several runs.
fn strings(archive: &Archive) -> Result<Vec<String>, WorkbookError> {
    let mut strings: Vec<String> = Vec::new();
    let mut is_phonetic = false;
    each(archive, "xl/sharedStrings.xml", false, |tag, text| match tag.local_name().as_ref() {
        "si" => {
            strings.push(String::new());
            is_phonetic = false;
        }
        // How the text is read aloud, which is no part of it.
        "rPh" => is_phonetic = true,
        "r" => is_phonetic = false,
        "t" if !is_phonetic => {
            if let Some(last) = strings.last_mut() {
                last.push_str(text);
            }
        }
        _ => {}
    })?;
    Ok(strings)
}

/// Whether cells of a format hold moments, by the number of the format.
fn moments(archive: &Archive) -> Result<Vec<bool>, WorkbookError> {
    let mut own: BTreeMap<u32, bool> = BTreeMap::new();
    let (mut moments, mut is_of_cells) = (Vec::new(), false);
    each(archive, "xl/styles.xml", false, |tag, _| {
        let number = || attribute(tag, "numFmtId").and_then(|number| number.parse::<u32>().ok());
        match tag.local_name().as_ref() {
            "numFmt" => {
                if let (Some(number), Some(code)) = (number(), attribute(tag, "formatCode")) {
                    own.insert(number, tells_a_moment(&code));
                }
            }
            "cellXfs" => is_of_cells = true,
            "cellStyles" | "cellStyleXfs" | "dxfs" => is_of_cells = false,
            "xf" if is_of_cells => {
                let number = number().unwrap_or(0);
                let is_moment =
                    own.get(&number).copied().unwrap_or(matches!(number, 14..=22 | 27..=36 | 45..=47 | 50..=58));
                moments.push(is_moment);
            }
            _ => {}
        }
    })?;
    Ok(moments)
}

/// Whether a format writes days or hours: what stands in quotes and brackets is not of the number.
fn tells_a_moment(code: &str) -> bool {
    let (mut is_quoted, mut is_bracketed, mut is_escaped) = (false, false, false);
    for letter in code.chars() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' | '_' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '[' if !is_quoted => is_bracketed = true,
            ']' if !is_quoted => is_bracketed = false,
            'd' | 'D' | 'y' | 'Y' | 'h' | 'H' if !is_quoted && !is_bracketed => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_days_are_counted_as_spreadsheets_do() {
        assert_eq!(["A1", "Z9", "AA10", "AB2"].map(column), [Some(0), Some(25), Some(26), Some(27)]);
        assert_eq!(moment(46_023.5, false).as_deref(), Some("2026-01-01T12:00:00"));
        assert_eq!(moment(44_561.0, true).as_deref(), Some("2026-01-01T00:00:00"));
        assert_eq!(moment(-1.0, false), None);
    }

    #[test]
    fn a_format_tells_a_moment_by_its_letters() {
        for code in ["yyyy-mm-dd", "[$-407]d/m/yy h:mm", "hh:mm"] {
            assert!(tells_a_moment(code), "{code}");
        }
        for code in ["0.00", "General", "#,##0 \"days\"", "[Red]0"] {
            assert!(!tells_a_moment(code), "{code}");
        }
    }
}
