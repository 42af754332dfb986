//! JSON for programs: indented documents, each with the number of its format.

use serde::Serialize;

/// The JSON documents that commands print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum JsonFormat {
    Agreement,
    Alerts,
    Backfill,
    Drift,
    Ledger,
    Plan,
    Prompt,
    Rubric,
    Simulation,
}

impl JsonFormat {
    /// The number rises when a member goes or means something else, not when one is added.
    const fn number(self) -> u32 {
        match self {
            Self::Agreement
            | Self::Alerts
            | Self::Backfill
            | Self::Drift
            | Self::Ledger
            | Self::Plan
            | Self::Prompt
            | Self::Rubric
            | Self::Simulation => 1,
        }
    }
}

#[derive(Serialize)]
struct Numbered<'a, T> {
    format: u32,
    #[serde(flatten)]
    value: &'a T,
}

/// `value`, which must be an object, with the member `format` before its own.
pub(super) fn document(format: JsonFormat, value: &impl Serialize) -> serde_json::Result<String> {
    pretty(&Numbered { format: format.number(), value })
}

/// A list has no place for a number.
pub(super) fn list(values: &[impl Serialize]) -> serde_json::Result<String> {
    pretty(&values)
}

pub(super) fn line(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    Ok(text)
}

fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_begins_with_the_number_of_its_format() {
        #[derive(Serialize)]
        struct Content {
            share: f64,
            name: Option<&'static str>,
        }
        let text = document(JsonFormat::Ledger, &Content { share: 0.5, name: None }).unwrap();
        assert_eq!(text, "{\n  \"format\": 1,\n  \"share\": 0.5,\n  \"name\": null\n}\n");
    }
}
