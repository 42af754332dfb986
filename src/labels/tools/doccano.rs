//! doccano: one object or row an item, with the labels of one person, or of all together.

use serde_json::{Map, Value};

use super::super::file::Place;
use super::export::{Mapping, ToolExport, list, parsed, text};
use super::judgement::Judgement;

pub(super) fn judgements(
    place: Place,
    fields: &Map<String, Value>,
    mapping: &Mapping,
    export: &mut ToolExport,
) -> Option<Vec<Judgement>> {
    let mut about = fields.clone();
    if let Some(Value::Object(meta)) = fields.get("meta").or_else(|| fields.get("metadata")).map(parsed) {
        about.extend(meta);
    }
    let item = || text(&about, "item").or_else(|| text(&about, "external_id"));
    // Earlier versions say who gave each label, by number.
    if let Some(annotations) = list(fields, "annotations") {
        let judged = annotations.iter().filter_map(Value::as_object).map(|annotation| Judgement {
            place: Some(place),
            about: about.clone(),
            item: item(),
            annotator: text(annotation, "user"),
            answers: annotation.get("label").map(|label| ("label".to_owned(), label.clone())).into_iter().collect(),
            asked: true,
            ..Judgement::default()
        });
        return Some(judged.collect());
    }
    let label = ["label", "labels", "cats", "category"].iter().find_map(|name| fields.get(*name))?;
    // A table holds several labels with `#` between them.
    let label = match parsed(label) {
        Value::String(text) if text.contains('#') => {
            Value::Array(text.split('#').map(|part| Value::String(part.to_owned())).collect())
        }
        other => other,
    };
    let annotator = text(fields, "user").or_else(|| text(fields, "username")).or_else(|| of_file(mapping, export));
    let comments = ["Comments", "comments"].iter().find_map(|name| fields.get(*name).map(parsed));
    let mut answers = vec![("label".to_owned(), label)];
    answers.extend(comments.map(|comments| ("comments".to_owned(), comments)));
    Some(vec![Judgement {
        place: Some(place),
        item: item(),
        about,
        annotator,
        answers,
        asked: true,
        ..Judgement::default()
    }])
}

/// doccano writes one file for each person, under the person's name, unless they work together on each item.
fn of_file(mapping: &Mapping, export: &mut ToolExport) -> Option<String> {
    if mapping.annotator.is_some() {
        return None;
    }
    if matches!(mapping.file_stem.as_str(), "all" | "unknown" | "-" | "") {
        export.lose("labels of which the export does not say whose they are: --annotator NAME says it");
        return None;
    }
    export.lose(format!("the export names nobody: `{}` is taken from the file's name", mapping.file_stem));
    Some(mapping.file_stem.clone())
}
