//! Phoenix: annotations of spans, traces and sessions, which can only be asked for by id: those of kept subjects, in each
//! project.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use serde::Deserialize;

use super::super::error::DeliveryError;
use super::known_place::KnownPlace;
use super::server::{Server, parsed};
use crate::labels::annotations::phoenix::Item;
use crate::labels::annotations::{AnnotationTarget, Annotations, given};

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

pub(super) async fn read(server: &Server, known: &[KnownPlace]) -> Result<Annotations, DeliveryError> {
    let spans = known.iter().map(|one| (one.span_id.to_string(), AnnotationTarget::Span(one.trace_id, one.span_id)));
    let traces = known.iter().map(|one| (one.trace_id.to_string(), AnnotationTarget::Trace(one.trace_id)));
    let sessions: BTreeSet<&String> = known.iter().filter_map(|one| one.session_id.as_ref()).collect();
    let sessions = sessions.into_iter().map(|id| (id.clone(), AnnotationTarget::Session(id.clone())));
    let targets: [(&str, BTreeMap<String, AnnotationTarget>); 3] =
        [("span", spans.collect()), ("trace", traces.collect()), ("session", sessions.collect())];
    let mut found = Annotations::default();
    for (what, targets) in &targets {
        let ids: Vec<&String> = targets.keys().collect();
        for item in items(server, what, &ids).await? {
            let target = targets.get(&item.span_id).cloned();
            match target.and_then(|target| item.annotation(target)) {
                Some(annotation) => found.human.push(annotation),
                None => found.passed_over += 1,
            }
        }
    }
    Ok(found)
}

/// The annotations of spans, traces or sessions, in whichever project they are.
pub(in super::super) async fn items(server: &Server, what: &str, ids: &[&String]) -> Result<Vec<Item>, DeliveryError> {
    let mut found = Vec::new();
    if ids.is_empty() {
        return Ok(found);
    }
    for project in projects(server).await? {
        for ids in ids.chunks(IDS) {
            of_ids(server, &project, what, ids, &mut found).await?;
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
    found: &mut Vec<Item>,
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
        found.extend(page.data);
        match given(page.next_cursor) {
            next if next == cursor => return Ok(()),
            None => return Ok(()),
            next => cursor = next,
        }
    }
}
