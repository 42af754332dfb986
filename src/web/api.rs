//! The same as JSON.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::{Value, json};

use super::evaluations::PATIENCE;
use super::filter::{FilterForm, written};
use super::problem::PageError;
use super::state::Shared;
use crate::agreement::spelling_key;
use crate::config::TraceLink;
use crate::labels::file::{self, Place};
use crate::labels::{self, LabelError, LabelledRubric, Refused, Terms};
use crate::model::{Actor, LabelWay};
use crate::report::Moment;
use crate::store::{AuditAction, EvaluationSummary};

/// Annotators that an entry of the audit log names.
const NAMES_TOLD: usize = 20;

/// An error as JSON.
pub(super) struct Problem(PageError);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.0.status();
        if status.is_server_error() && !matches!(self.0, PageError::NoReport) {
            tracing::error!(error = crate::error_chain::causes(&self.0), "an API call failed");
        }
        (status, Json(json!({ "error": self.0.to_string() }))).into_response()
    }
}

impl<E: Into<PageError>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// An evaluation with the address of its trace, where the configuration says how it is made.
#[derive(Serialize)]
struct Linked<'e> {
    #[serde(flatten)]
    evaluation: &'e EvaluationSummary,
    trace_url: Option<String>,
}

impl<'e> Linked<'e> {
    fn of(evaluation: &'e EvaluationSummary, link: Option<&TraceLink>) -> Self {
        let trace_url = link.map(|link| link.address(evaluation.trace_id, evaluation.span_id));
        Self { evaluation, trace_url }
    }
}

/// `GET /api/evaluations`: the filters of the page; `next` continues. `searched` tells how far a search came that ended early.
pub(super) async fn evaluations(
    State(web): State<Shared>,
    Query(form): Query<FilterForm>,
) -> Result<Response, Problem> {
    let limit = form.limit()?;
    let page = web
        .parts
        .store
        .evaluation_page(&form.filter(web.parts.store.now_ms())?, form.after()?, limit, PATIENCE)
        .await?;
    let next = page.next.map(written);
    let searched = page.searched.map(|searched| {
        json!({ "evaluations": searched.evaluations, "planned_since": Moment(searched.until_ms).to_string() })
    });
    let link = web.parts.trace_link.as_ref();
    let evaluations: Vec<Linked<'_>> = page.evaluations.iter().map(|one| Linked::of(one, link)).collect();
    Ok(Json(json!({ "evaluations": evaluations, "next": next, "searched": searched })).into_response())
}

/// `GET /api/evaluations/{id}`: one evaluation with its content, labels and deliveries.
pub(super) async fn evaluation(State(web): State<Shared>, Path(id): Path<String>) -> Result<Response, Problem> {
    let detail = web.evaluation(&id).await?;
    Ok(Json(json!({
        "evaluation": Linked::of(&detail.evaluation, web.parts.trace_link.as_ref()),
        "content": detail.subject.content,
        "session_id": detail.subject.session_id,
        "problems": detail.subject.problems,
        "deliveries": detail.deliveries,
        "labels": detail.labels,
        "others": detail.others,
    }))
    .into_response())
}

/// `GET /api/ledger`: every account.
pub(super) async fn ledger(State(web): State<Shared>) -> Result<Response, Problem> {
    Ok(Json(web.parts.store.ledger(0).await?).into_response())
}

/// `GET /api/report`: the JSON twin of the report that is kept.
pub(super) async fn report(State(web): State<Shared>) -> Result<Response, Problem> {
    let report = web.kept_report().await?.ok_or(PageError::NoReport)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], report.json()?).into_response())
}

/// `POST /api/labels`: one label or an array of them, in the form of `judged labels import`, under the
/// name of whoever has one. What is right is stored; what is not is named by its position.
pub(super) async fn labels(
    State(web): State<Shared>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Response, Problem> {
    let body: Value = serde_json::from_slice(&body)
        .map_err(|error| PageError::BadRequest(format!("the body is no JSON: {error}")))?;
    let items = match body {
        Value::Array(items) => items,
        one => vec![one],
    };
    let mut unknown = BTreeSet::new();
    let entries = items.into_iter().enumerate().map(|(index, item)| {
        let (entry, passed_over) = file::of_json(Place::Item(index), item);
        unknown.extend(passed_over);
        under_own_name(entry, &actor)
    });
    let entries: Vec<file::Entry> = entries.collect();
    let rubrics: BTreeMap<String, LabelledRubric> = web
        .parts
        .catalogue
        .all()
        .iter()
        .map(|rubric| (rubric.name.clone(), LabelledRubric { subject: rubric.subject, scale: rubric.scale.clone() }))
        .collect();
    let terms = Terms { rubrics: &rubrics, via: LabelWay::Api, key: &web.parts.seal, trusts_draws: false };
    let import = labels::import(&web.parts.store, &terms, entries.into_iter()).await?;
    if import.stored > 0 {
        let names: Vec<&str> = import.annotators.keys().take(NAMES_TOLD).map(String::as_str).collect();
        let more = if import.annotators.len() > NAMES_TOLD { " and others" } else { "" };
        let detail = format!("{} labels over the API by {}{more}", import.stored, names.join(", "));
        web.parts.store.note_action(&actor, AuditAction::LabelsImported, "", &detail).await?;
    }
    let refused: Vec<Value> = import.refused.iter().map(refused).collect();
    let accepted = import.stored + import.known > 0 || refused.is_empty();
    let status = if accepted { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let told = json!({
        "stored": import.stored,
        "known": import.known,
        "empty": import.empty,
        "replaced": import.replaced,
        "unsealed": import.unsealed,
        "annotators": import.names,
        "passed_over": unknown,
        "refused": refused,
    });
    Ok((status, Json(told)).into_response())
}

/// Who has a name labels under it: a label that names nobody bears it, one that names somebody else is refused.
fn under_own_name(mut entry: file::Entry, actor: &Actor) -> file::Entry {
    if actor.name.is_empty() {
        return entry;
    }
    if let Ok(line) = &mut entry.line {
        match line.annotator.take() {
            Some(given) if spelling_key(&given) != spelling_key(&actor.name) => {
                entry.line = Err(LabelError::AnotherName { given, own: actor.name.clone() });
            }
            Some(_) | None => line.annotator = Some(actor.name.clone()),
        }
    }
    entry
}

fn refused(one: &Refused) -> Value {
    let index = match one.place {
        Place::Item(index) => json!(index),
        other => json!(other.to_string()),
    };
    json!({ "index": index, "error": crate::error_chain::causes(&one.error) })
}
