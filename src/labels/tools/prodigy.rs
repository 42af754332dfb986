//! Prodigy: examples as `db-out` writes them.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::file::Place;
use super::export::{Mapping, ToolExport, list, text};
use super::judgement::Judgement;

pub(super) fn judgements(
    place: Place,
    fields: &Map<String, Value>,
    mapping: &Mapping,
    export: &mut ToolExport,
) -> Option<Vec<Judgement>> {
    let answer = text(fields, "answer")?;
    if answer == "ignore" {
        export.lose("items that somebody ignored");
        return Some(Vec::new());
    }
    let mut about = fields.clone();
    about.retain(|name, _| !matches!(name.as_str(), "label" | "score" | "accept"));
    if let Some(Value::Object(meta)) = fields.get("meta") {
        about.extend(meta.clone());
    }
    let mut answers = Vec::new();
    match (list(fields, "accept"), fields.get("label")) {
        (Some(accepted), _) if answer == "accept" => answers.push(("label".to_owned(), Value::Array(accepted))),
        (Some(_), _) => export.lose("choices that somebody rejected"),
        // The question was whether the label holds.
        (None, Some(Value::String(label))) => {
            let holds = answer == "accept";
            let asks_of_a_rubric = mapping.names.contains_key(label) || mapping.rubrics.contains(label);
            if asks_of_a_rubric {
                answers.push((label.clone(), Value::Bool(holds)));
            } else if holds {
                answers.push(("label".to_owned(), Value::String(label.clone())));
            } else {
                export.lose(format!("rejections of the label `{label}`, which do not say what holds instead"));
            }
        }
        (None, _) => answers.push(("pass".to_owned(), Value::Bool(answer == "accept"))),
    }
    if answers.is_empty() {
        return Some(Vec::new());
    }
    // What a field for text is called is up to the recipe.
    let of_text = ["user_input", "comment", "reason", "rationale", "notes"].iter().find_map(|name| text(fields, name));
    let seconds = fields.get("_timestamp").and_then(Value::as_f64);
    let at = seconds.and_then(|seconds| Timestamp::from_millisecond((seconds * 1_000.0) as i64).ok());
    Some(vec![Judgement {
        place: Some(place),
        item: text(&about, "id"),
        about,
        annotator: text(fields, "_annotator_id").or_else(|| text(fields, "_session_id")),
        answers,
        asked: true,
        rationale: of_text,
        at: at.map(|at| at.to_string()),
    }])
}
