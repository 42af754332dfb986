//! Phoenix: annotations of spans, traces and sessions, which can only be asked for by id: those of kept subjects, in each
//! project.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use serde::Deserialize;

use super::super::error::DeliveryError;
use super::annotation::{Annotation, AnnotationTarget, AnnotationValue, Annotations, KnownPlace, given};
use super::server::{Server, parsed};

/// Ids a request: an address may be some thousand characters long.
const IDS: usize = 50;
const PAGE: &str = "100";

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default = "Vec::new")]
    data: Vec<T>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Project {
    id: String,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    name: String,
    annotator_kind: String,
    result: Option<Outcome>,
    #[serde(default)]
    identifier: String,
    user_id: Option<String>,
    created_at: Option<jiff::Timestamp>,
    updated_at: Option<jiff::Timestamp>,
    #[serde(alias = "trace_id", alias = "session_id")]
    span_id: String,
}

#[derive(Deserialize)]
struct Outcome {
    label: Option<String>,
    score: Option<f64>,
    explanation: Option<String>,
}

pub(super) async fn read(server: &Server, known: &[KnownPlace]) -> Result<Annotations, DeliveryError> {
    let spans = known.iter().map(|one| (one.span_id.to_string(), AnnotationTarget::Span(one.trace_id, one.span_id)));
    let traces = known.iter().map(|one| (one.trace_id.to_string(), AnnotationTarget::Trace(one.trace_id)));
    let sessions: BTreeSet<&String> = known.iter().filter_map(|one| one.session_id.as_ref()).collect();
    let sessions = sessions.into_iter().map(|id| (id.clone(), AnnotationTarget::Session(id.clone())));
    let targets: [(&str, BTreeMap<String, AnnotationTarget>); 3] =
        [("span", spans.collect()), ("trace", traces.collect()), ("session", sessions.collect())];
    let mut found = Annotations::default();
    for project in projects(server).await? {
        for (what, targets) in &targets {
            let ids: Vec<&String> = targets.keys().collect();
            for ids in ids.chunks(IDS) {
                of_ids(server, &project, what, ids, targets, &mut found).await?;
            }
        }
    }
    Ok(found)
}

async fn projects(server: &Server) -> Result<Vec<String>, DeliveryError> {
    let (mut ids, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut url = server.url(&["projects"]);
        url.query_pairs_mut().append_pair("limit", PAGE);
        if let Some(cursor) = &cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let page: Page<Project> = parsed(&server.get(&url).await?)?;
        ids.extend(page.data.into_iter().map(|project| project.id));
        match given(page.next_cursor) {
            next if next == cursor => return Ok(ids),
            None => return Ok(ids),
            next => cursor = next,
        }
    }
}

async fn of_ids(
    server: &Server,
    project: &str,
    what: &str,
    ids: &[&String],
    targets: &BTreeMap<String, AnnotationTarget>,
    found: &mut Annotations,
) -> Result<(), DeliveryError> {
    let mut cursor = None::<String>;
    loop {
        let mut url = server.url(&["projects", project, &format!("{what}_annotations")]);
        for id in ids {
            url.query_pairs_mut().append_pair(&format!("{what}_ids"), id);
        }
        url.query_pairs_mut().append_pair("limit", PAGE);
        if let Some(cursor) = &cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let answer = server.get(&url).await?;
        // A project that has none of them; any other 404 is a wrong address.
        if answer.status == StatusCode::NOT_FOUND && answer.message().contains("None of the supplied") {
            return Ok(());
        }
        let page: Page<Item> = parsed(&answer)?;
        for item in page.data {
            match targets.get(&item.span_id).filter(|_| item.annotator_kind == "HUMAN") {
                Some(target) => found.human.push(annotation(item, target.clone())),
                None => found.passed_over += 1,
            }
        }
        match given(page.next_cursor) {
            next if next == cursor => return Ok(()),
            None => return Ok(()),
            next => cursor = next,
        }
    }
}

fn annotation(item: Item, target: AnnotationTarget) -> Annotation {
    let (score, label, explanation) =
        item.result.map_or((None, None, None), |result| (result.score, result.label, result.explanation));
    // A score says which level, a label often only what it is called.
    let value = score.map(AnnotationValue::Number).or_else(|| given(label).map(AnnotationValue::Text));
    // The interface notes the user; without accounts there is none, and what came over the API may name somebody.
    let by = given(item.user_id).or_else(|| given(Some(item.identifier)));
    Annotation {
        name: item.name,
        target,
        annotator: by.unwrap_or_else(|| "phoenix".to_owned()),
        value,
        rationale: given(explanation),
        at: item.updated_at.or(item.created_at),
        id: item.id,
    }
}
