//! What was refused of a file, as a file of its own that can be mended and imported.

use serde_json::{Map, Value};

use super::super::columns::Column;
use super::formula::guarded;
use super::record::{Form, Original};

/// The refused lines with why, written as the file was.
pub fn rejected<'a>(form: &Form, refused: impl Iterator<Item = (&'a Original, String)>) -> Result<String, csv::Error> {
    match form {
        Form::Json => Ok(json_lines(refused)),
        Form::Table { separator, headings } => table(*separator, headings, refused),
    }
}

const BECAUSE: &str = Column::RefusedBecause.name();

fn json_lines<'a>(refused: impl Iterator<Item = (&'a Original, String)>) -> String {
    let mut text = String::new();
    for (original, because) in refused {
        let mut fields = match original {
            Original::Fields(fields) => fields.clone(),
            Original::Line(line) => match serde_json::to_value(line) {
                Ok(Value::Object(fields)) => fields,
                _ => Map::new(),
            },
            Original::Text(raw) => {
                text += raw;
                text.push('\n');
                continue;
            }
        };
        fields.insert(BECAUSE.to_owned(), because.into());
        text += &Value::Object(fields).to_string();
        text.push('\n');
    }
    text
}

fn table<'a>(
    separator: u8,
    headings: &[String],
    refused: impl Iterator<Item = (&'a Original, String)>,
) -> Result<String, csv::Error> {
    let mut table = csv::WriterBuilder::new().delimiter(separator).flexible(true).from_writer(Vec::new());
    let kept: Vec<&String> = headings.iter().filter(|heading| heading.as_str() != BECAUSE).collect();
    table.write_record(kept.iter().map(|heading| heading.as_str()).chain([BECAUSE]))?;
    for (original, because) in refused {
        let cell = |heading: &str| match original {
            Original::Fields(fields) => fields.get(heading).map_or_else(String::new, cell_of),
            Original::Text(_) | Original::Line(_) => String::new(),
        };
        let because = match original {
            Original::Text(raw) => format!("{because}: {raw}"),
            Original::Fields(_) | Original::Line(_) => because,
        };
        let row: Vec<String> = kept.iter().map(|heading| cell(heading)).chain([because]).collect();
        table.write_record(row.iter().map(|cell| guarded(cell).into_owned()))?;
    }
    let bytes = table.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn cell_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
