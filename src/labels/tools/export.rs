//! A tool, what is said of its export, and what the export comes to.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::error::LabelError;
use super::super::file::{Entry, Original, Place};
use crate::model::named_enum;

named_enum! {
    /// A tool in which people label.
    pub enum Tool {
        /// JSON, `JSON_MIN`, CSV and TSV.
        LabelStudio = "label-studio",
        /// JSONL and CSV of text classification.
        Doccano = "doccano",
        /// The exporters' JSONL, CSV and TSV, `user_state.json`, and `annotated_instances` of earlier versions.
        Potato = "potato",
        /// `records.to_list()` and `records.to_json()`, flat or nested.
        Argilla = "argilla",
        /// `db-out`.
        Prodigy = "prodigy",
        /// Scores of its API and of its exports.
        Langfuse = "langfuse",
        /// Annotations of its API and of its client.
        Phoenix = "phoenix",
        /// Traces with assessments.
        Mlflow = "mlflow",
    }
}

/// What the person at the terminal says of an export.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// The rubrics there are.
    pub rubrics: Vec<String>,
    /// The rubric that a question of the tool is about, by the question's name.
    pub names: BTreeMap<String, String>,
    /// The rubric of what names none.
    pub rubric: Option<String>,
    /// Who somebody is whom the tool knows by a number.
    pub who: BTreeMap<String, String>,
    /// Who gave the labels of an export that names nobody.
    pub annotator: Option<String>,
    /// The name of the file, which some tools give the name of the person.
    pub file_stem: String,
    /// The folder in which it lies, which another tool gives the name of the person.
    pub folder: Option<String>,
}

/// An export as lines of labels.
#[derive(Debug, Default)]
pub struct ToolExport {
    /// Its labels, right or wrong.
    pub entries: Vec<Entry>,
    /// What was left out, and what the export does not say, with how often.
    pub lost: BTreeMap<String, u64>,
}

impl ToolExport {
    pub(super) fn lose(&mut self, what: impl Into<String>) {
        *self.lost.entry(what.into()).or_default() += 1;
    }

    pub(super) fn refuse(&mut self, place: Place, error: LabelError, original: Original) {
        self.entries.push(Entry { place, line: Err(error), original });
    }
}

/// A member that is a list, also where a table holds it as JSON text.
pub(super) fn list(fields: &Map<String, Value>, name: &str) -> Option<Vec<Value>> {
    match parsed(fields.get(name)?) {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

/// A value, where a table holds it as JSON text.
pub(super) fn parsed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        other => other.clone(),
    }
}

/// A member as text, where it says something.
pub(super) fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
