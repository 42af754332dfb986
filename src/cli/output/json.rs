//! JSON for programs: indented documents, each with the number of its format.

use serde::Serialize;

use crate::model::named_enum;

named_enum! {
    /// The JSON documents that commands print, by their names in docs/formats.md. The report numbers itself.
    pub(in crate::cli) enum JsonFormat {
        Agreement = "agreement",
        Alerts = "alerts",
        Audit = "audit",
        Backfill = "backfill",
        Comparison = "comparison",
        Drift = "drift",
        Evaluations = "evaluations",
        Forget = "forget",
        Judges = "judges",
        Ledger = "ledger",
        LedgerProof = "ledger_proof",
        Plan = "plan",
        Prompt = "prompt",
        Rubric = "rubric",
        Simulation = "simulation",
    }
}

impl JsonFormat {
    /// The number rises when a member goes or means something else, not when one is added.
    const fn number(self) -> u32 {
        match self {
            Self::Agreement
            | Self::Alerts
            | Self::Audit
            | Self::Backfill
            | Self::Comparison
            | Self::Drift
            | Self::Evaluations
            | Self::Forget
            | Self::Judges
            | Self::Ledger
            | Self::LedgerProof
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
    use crate::model::Named as _;
    use crate::report;

    /// Name and number of each document in docs/formats.md.
    fn documented() -> Vec<(String, u32)> {
        let page = include_str!("../../../docs/formats.md");
        let (_, documents) = page.split_once("## Documents").unwrap();
        let (documents, _) = documents.split_once("\n## ").unwrap();
        let rows = documents.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        rows.map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap().parse().unwrap())).collect()
    }

    #[test]
    fn every_document_is_listed_with_the_number_it_prints() {
        let mut printed: Vec<_> =
            JsonFormat::ALL.iter().map(|format| (format.as_str().to_owned(), format.number())).collect();
        printed.push(("report".to_owned(), report::FORMAT));
        printed.sort();
        assert_eq!(documented(), printed);
    }

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
