//! Argilla: records as `records.to_list()` and `records.to_json()` write them, nested or flat.

use serde_json::{Map, Value};

use super::super::file::Place;
use super::export::{ToolExport, list, parsed, text};
use super::judgement::Judgement;

/// One answer to one question.
struct Response {
    question: String,
    value: Value,
    user: Option<String>,
    status: Option<String>,
}

pub(super) fn judgements(place: Place, fields: &Map<String, Value>, export: &mut ToolExport) -> Option<Vec<Judgement>> {
    let responses = match fields.get("responses").map(parsed) {
        Some(Value::Object(questions)) => nested(&questions),
        Some(Value::Array(people)) => of_people(&people),
        _ => flat(fields)?,
    };
    let mut about = fields.clone();
    for name in ["fields", "metadata"] {
        if let Some(Value::Object(more)) = fields.get(name).map(parsed) {
            about.extend(more);
        }
    }
    let item = text(fields, "id").or_else(|| text(fields, "external_id"));
    let at = text(fields, "updated_at").or_else(|| text(fields, "inserted_at"));
    let mut judgements: Vec<Judgement> = Vec::new();
    for Response { question, value, user, status } in responses {
        match status.as_deref() {
            Some("draft") => {
                export.lose("drafts that nobody submitted");
                continue;
            }
            Some("discarded") => {
                export.lose("items that somebody discarded");
                continue;
            }
            _ => {}
        }
        match judgements.iter_mut().find(|judgement| judgement.annotator == user) {
            Some(judgement) => judgement.answers.push((question, value)),
            None => judgements.push(Judgement {
                place: Some(place),
                about: about.clone(),
                item: item.clone(),
                annotator: user,
                answers: vec![(question, value)],
                asked: true,
                at: at.clone(),
                ..Judgement::default()
            }),
        }
    }
    Some(judgements)
}

/// By question: `{"verdict": [{"value": "pass", "user_id": …}]}`.
fn nested(questions: &Map<String, Value>) -> Vec<Response> {
    let mut responses = Vec::new();
    for (question, answers) in questions {
        let answers = match answers {
            Value::Array(answers) => answers.clone(),
            one => vec![one.clone()],
        };
        for answer in answers.iter().filter_map(Value::as_object) {
            responses.push(Response {
                question: question.clone(),
                value: answer.get("value").cloned().unwrap_or(Value::Null),
                user: text(answer, "user_id").or_else(|| text(answer, "username")),
                status: text(answer, "status"),
            });
        }
    }
    responses
}

/// By person, as the server has them: `[{"user_id": …, "status": …, "values": {"verdict": {"value": "pass"}}}]`.
fn of_people(people: &[Value]) -> Vec<Response> {
    let mut responses = Vec::new();
    for person in people.iter().filter_map(Value::as_object) {
        let Some(Value::Object(values)) = person.get("values") else { continue };
        for (question, value) in values {
            responses.push(Response {
                question: question.clone(),
                value: value.get("value").cloned().unwrap_or_else(|| value.clone()),
                user: text(person, "user_id"),
                status: text(person, "status"),
            });
        }
    }
    responses
}

/// In columns: `verdict.responses`, `verdict.responses.users`, `verdict.responses.status`.
fn flat(fields: &Map<String, Value>) -> Option<Vec<Response>> {
    const RESPONSES: &str = ".responses";
    let questions: Vec<&str> = fields.keys().filter_map(|column| column.strip_suffix(RESPONSES)).collect();
    if questions.is_empty() {
        return None;
    }
    let mut responses = Vec::new();
    for question in questions {
        let values = list(fields, &format!("{question}{RESPONSES}")).unwrap_or_default();
        let users = list(fields, &format!("{question}{RESPONSES}.users")).unwrap_or_default();
        let statuses = list(fields, &format!("{question}{RESPONSES}.status")).unwrap_or_default();
        for (index, value) in values.into_iter().enumerate() {
            let at = |all: &[Value]| all.get(index).and_then(Value::as_str).map(str::to_owned);
            responses.push(Response { question: question.to_owned(), value, user: at(&users), status: at(&statuses) });
        }
    }
    Some(responses)
}
