//! JSON lines, a JSON list, or one JSON object.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::error::{FileError, LabelError};
use super::record::{Place, Record, Records};

/// The records of a text that begins like JSON.
pub(super) fn records(text: String) -> Result<Records, FileError> {
    if text.trim_start().starts_with('[') {
        let items: Vec<Box<RawValue>> = serde_json::from_str(&text).map_err(FileError::Json)?;
        return Ok(Box::new((1..).zip(items).map(|(number, item)| record(Place::Item(number), item.get()))));
    }
    let is_object = |text: &str| serde_json::from_str::<Map<String, Value>>(text);
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    // One object on several lines; where no line is one, the lines say so each for itself.
    if is_object(first).is_err()
        && let Ok(one) = is_object(&text)
    {
        return Ok(Box::new(std::iter::once(Record { place: Place::Item(1), fields: Ok(one) })));
    }
    Ok(Box::new(JsonLines { text, at: 0, line: 0 }))
}

fn record(place: Place, text: &str) -> Record {
    let fields = match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err((LabelError::NoObject, text.to_owned())),
        Err(error) => Err((LabelError::Json(error), text.to_owned())),
    };
    Record { place, fields }
}

/// The lines of a text that are not blank.
struct JsonLines {
    text: String,
    at: usize,
    line: usize,
}

impl Iterator for JsonLines {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
            let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
            self.at += length;
            self.line += 1;
            let line = rest[..length].trim();
            if !line.is_empty() {
                return Some(record(Place::Line(self.line), line));
            }
        }
    }
}
