//! Exports of Langfuse, Phoenix and MLflow: the same records as `labels pull` fetches, in a file.

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::annotations::langfuse::Score;
use super::super::annotations::mlflow::Assessment;
use super::super::annotations::phoenix::Item;
use super::super::annotations::{Annotation, AnnotationTarget, NoLine, entry};
use super::super::error::LabelError;
use super::super::file::{Original, Place};
use super::export::{Mapping, Tool, ToolExport, list, parsed, text};

/// The lines of a record, which may hold a page of them; returns how many annotations there were, whoever made them.
pub(super) fn lines(
    tool: Tool,
    place: Place,
    fields: &Map<String, Value>,
    mapping: &Mapping,
    export: &mut ToolExport,
) -> usize {
    for page in ["data", "traces", "scores"] {
        if let Some(items) = list(fields, page).filter(|items| items.iter().all(Value::is_object)) {
            return items
                .iter()
                .filter_map(Value::as_object)
                .map(|item| lines(tool, place, item, mapping, export))
                .sum();
        }
    }
    match tool {
        Tool::Langfuse => one(place, fields, mapping, export, |fields| {
            read::<Score>(fields).map_or(Record::Unknown, |score| Record::of(score.annotation()))
        }),
        Tool::Phoenix => one(place, fields, mapping, export, phoenix),
        _ => of_trace(place, fields, mapping, export),
    }
}

fn read<T: DeserializeOwned>(fields: &Map<String, Value>) -> Option<T> {
    // A table has a cell for everything, empty where there is nothing.
    let given = fields.iter().filter(|(_, value)| value.as_str() != Some(""));
    let given: Map<String, Value> = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    T::deserialize(Value::Object(given)).ok()
}

/// What a record of a backend is.
enum Record {
    OfPerson(Annotation),
    OfProgram,
    /// Of a form that the backend does not write.
    Unknown,
}

impl Record {
    fn of(annotation: Option<Annotation>) -> Self {
        annotation.map_or(Self::OfProgram, Self::OfPerson)
    }
}

/// A record that is one annotation.
fn one(
    place: Place,
    fields: &Map<String, Value>,
    mapping: &Mapping,
    export: &mut ToolExport,
    record: impl Fn(&Map<String, Value>) -> Record,
) -> usize {
    match record(fields) {
        Record::OfPerson(annotation) => take(place, &annotation, mapping, export),
        Record::OfProgram => export.lose("annotations of programs"),
        Record::Unknown => return 0,
    }
    1
}

/// The client writes what the API has inside of `result` beside it: `result.label`, in earlier versions `label`.
fn phoenix(fields: &Map<String, Value>) -> Record {
    let mut fields = fields.clone();
    let mut result = match fields.get("result").map(parsed) {
        Some(Value::Object(result)) => result,
        _ => Map::new(),
    };
    for name in ["label", "score", "explanation"] {
        let beside = [format!("result.{name}"), name.to_owned()].into_iter().find_map(|name| fields.remove(&name));
        let beside = beside.filter(|value| !value.is_null() && value.as_str() != Some(""));
        if let Some(value) = beside.filter(|_| !result.contains_key(name)) {
            let number = value.as_str().and_then(|text| text.trim().parse::<f64>().ok());
            result.insert(name.to_owned(), number.filter(|_| name == "score").map_or(value, Value::from));
        }
    }
    fields.insert("result".to_owned(), Value::Object(result));
    let (span, trace, session) = (text(&fields, "span_id"), text(&fields, "trace_id"), text(&fields, "session_id"));
    let span = span.or_else(|| text(&fields, "context.span_id"));
    let target = match (span, trace, session) {
        (Some(span), ..) => span.parse().map(AnnotationTarget::AnySpan).ok(),
        (None, Some(trace), _) => trace.parse().map(AnnotationTarget::Trace).ok(),
        (None, None, Some(session)) => Some(AnnotationTarget::Session(session)),
        (None, None, None) => None,
    };
    // One of them names the place; the record has one member for it.
    fields.retain(|name, _| !matches!(name.as_str(), "trace_id" | "session_id" | "context.span_id"));
    fields.insert("span_id".to_owned(), "named".into());
    match read::<Item>(&fields).zip(target) {
        Some((item, target)) => Record::of(item.annotation(target)),
        None => Record::Unknown,
    }
}

/// The assessments of a trace.
fn of_trace(place: Place, fields: &Map<String, Value>, mapping: &Mapping, export: &mut ToolExport) -> usize {
    let info = match fields.get("info").or_else(|| fields.get("trace_info")).map(parsed) {
        Some(Value::Object(info)) => info,
        _ => fields.clone(),
    };
    let Some(trace) = text(&info, "trace_id").or_else(|| text(&info, "request_id")) else { return 0 };
    let Some(assessments) = list(&info, "assessments") else { return 0 };
    for assessment in &assessments {
        match Assessment::deserialize(assessment).ok().map(|assessment| assessment.annotation(&trace)) {
            Some(Some(annotation)) => take(place, &annotation, mapping, export),
            Some(None) => export.lose("assessments of programs, or replaced since"),
            None => export.lose("assessments that are no feedback"),
        }
    }
    1
}

fn take(place: Place, annotation: &Annotation, mapping: &Mapping, export: &mut ToolExport) {
    let rubric =
        mapping.names.get(&annotation.name).or_else(|| mapping.rubrics.iter().find(|name| **name == annotation.name));
    let Some(rubric) = rubric.or(mapping.rubric.as_ref()) else {
        export.lose(format!(
            "annotations `{0}`, which no rubric is called: --name {0}=RUBRIC says which",
            annotation.name
        ));
        return;
    };
    match annotation.line(Some(rubric)) {
        Ok(mut line) => {
            if let Some(name) = mapping.who.get(&annotation.annotator) {
                line.annotator = Some(name.clone());
            }
            export.entries.push(entry(place, line));
        }
        Err(NoLine::NoVerdict) => export.lose("comments and corrections, which are no verdict"),
        Err(NoLine::NoSubject(what)) => {
            export.refuse(place, LabelError::UnknownSubject(what), Original::Text(annotation.id.clone()));
        }
    }
}
