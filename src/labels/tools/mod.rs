//! What annotation tools export, as lines of labels.
//!
//! Each tool has its own form; what it says of one item by one person becomes a `Judgement`, and that one line for each
//! rubric it answers. What a tool's export does not say, or says of things that are no labels, is counted and named.

mod argilla;
mod backends;
mod doccano;
mod export;
mod judgement;
mod label_studio;
mod potato;
mod prodigy;
mod queue;

pub use export::{Mapping, Tool, ToolExport};
pub use queue::{QueuedItem, label_studio_interface, queued};

use super::error::FileError;
use super::file::{Original, Reading, records};

/// Reads what a tool exported.
pub fn read(tool: Tool, bytes: Vec<u8>, reading: &Reading, mapping: &Mapping) -> Result<ToolExport, FileError> {
    let mut export = ToolExport::default();
    let mut read = 0_usize;
    for (place, fields) in records(bytes, reading)? {
        let fields = match fields {
            Ok(fields) => fields,
            Err((error, text)) => {
                export.refuse(place, error, Original::Text(text));
                continue;
            }
        };
        let judged = match tool {
            Tool::LabelStudio => label_studio::judgements(place, &fields, &mut export),
            Tool::Doccano => doccano::judgements(place, &fields, mapping, &mut export),
            Tool::Potato => potato::judgements(place, &fields, mapping),
            Tool::Argilla => argilla::judgements(place, &fields, &mut export),
            Tool::Prodigy => prodigy::judgements(place, &fields, mapping, &mut export),
            Tool::Langfuse | Tool::Phoenix | Tool::Mlflow => {
                read += backends::lines(tool, place, &fields, mapping, &mut export);
                continue;
            }
        };
        read += usize::from(judged.is_some());
        for judgement in judged.into_iter().flatten() {
            judgement.into_lines(mapping, &mut export);
        }
    }
    if read == 0 && export.entries.iter().all(|entry| entry.line.is_err()) {
        return Err(FileError::NoExport { tool: tool.as_str(), expected: expected(tool) });
    }
    Ok(export)
}

/// What an export of a tool has in it.
fn expected(tool: Tool) -> &'static str {
    match tool {
        Tool::LabelStudio => "tasks with `annotations` (JSON), or rows with `annotation_id` (JSON_MIN, CSV, TSV)",
        Tool::Doccano => "items with `label` (JSONL, CSV)",
        Tool::Potato => "`instance_id` and `user_id` (JSONL, CSV, TSV), `user_state.json`, or `label_annotations`",
        Tool::Argilla => "records with `responses`, as records.to_list() and records.to_json() write them",
        Tool::Prodigy => "examples with `answer`, as db-out writes them",
        Tool::Langfuse => "scores with `source` and `name`, from the export of scores or GET /api/public/v2/scores",
        Tool::Phoenix => "annotations with `annotator_kind`, from its client or its REST API",
        Tool::Mlflow => "traces with `assessments`, from mlflow.search_traces or its REST API",
    }
}

#[cfg(test)]
mod tests;
