//! Label Studio: tasks with annotations (JSON), or one row for each annotation (`JSON_MIN`, CSV, TSV).

use serde_json::{Map, Value};

use super::super::file::Place;
use super::export::{ToolExport, list, parsed, text};
use super::judgement::Judgement;

/// What rows say of the annotation itself, not of the item.
const OWN: [&str; 7] = ["id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"];

pub(super) fn judgements(place: Place, fields: &Map<String, Value>, export: &mut ToolExport) -> Option<Vec<Judgement>> {
    if fields.contains_key("annotation_id") {
        return Some(vec![of_row(place, fields)]);
    }
    let annotations = list(fields, "annotations").or_else(|| list(fields, "completions"))?;
    let about = match fields.get("data") {
        Some(Value::Object(data)) => data.clone(),
        _ => Map::new(),
    };
    if list(fields, "drafts").is_some_and(|drafts| !drafts.is_empty()) {
        export.lose("drafts that nobody submitted");
    }
    let mut judgements = Vec::new();
    for annotation in annotations {
        let Value::Object(annotation) = annotation else { continue };
        let is_true = |name: &str| annotation.get(name).and_then(Value::as_bool).unwrap_or(false);
        if is_true("was_cancelled") || is_true("skipped") {
            export.lose("items that somebody skipped");
            continue;
        }
        judgements.push(Judgement {
            place: Some(place),
            about: about.clone(),
            annotator: annotator(&annotation),
            answers: answers(&annotation),
            asked: true,
            at: text(&annotation, "updated_at").or_else(|| text(&annotation, "created_at")),
            ..Judgement::default()
        });
    }
    Some(judgements)
}

/// Who it was: the address where the export has it, else a number.
fn annotator(annotation: &Map<String, Value>) -> Option<String> {
    match annotation.get("completed_by")? {
        Value::Object(user) => ["email", "username", "id"].iter().find_map(|name| text(user, name)),
        _ => text(annotation, "completed_by"),
    }
}

/// What was answered under each control; a control may be answered in several regions.
fn answers(annotation: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut answers: Vec<(String, Value)> = Vec::new();
    for result in list(annotation, "result").unwrap_or_default() {
        let (Some(name), Some(Value::Object(value))) =
            (result.get("from_name").and_then(Value::as_str), result.get("value"))
        else {
            continue;
        };
        let kind = result.get("type").and_then(Value::as_str).unwrap_or_default();
        let Some(answer) = value.get(kind).or_else(|| value.get("text")).cloned() else { continue };
        match answers.iter_mut().find(|(earlier, _)| earlier == name) {
            Some((_, Value::Array(all))) => all.push(answer),
            Some((_, one)) => *one = Value::Array(vec![one.clone(), answer]),
            None => answers.push((name.to_owned(), answer)),
        }
    }
    answers
}

/// A row holds the item and the answers side by side, the latter as JSON where they are no mere text.
fn of_row(place: Place, fields: &Map<String, Value>) -> Judgement {
    let answers = fields.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    Judgement {
        place: Some(place),
        about: fields.clone(),
        annotator: text(fields, "annotator"),
        answers: answers.map(|(name, value)| (name.clone(), unfolded(parsed(value)))).collect(),
        at: text(fields, "updated_at").or_else(|| text(fields, "created_at")),
        ..Judgement::default()
    }
}

/// `{"choices": ["a", "b"]}` and `[{"rating": 4}]` hold the answer one level down.
fn unfolded(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let answer = ["choices", "text", "rating", "number"].iter().find_map(|name| members.get(*name).cloned());
            answer.unwrap_or(Value::Object(members))
        }
        other => other,
    }
}
