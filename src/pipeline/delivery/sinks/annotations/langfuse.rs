//! Langfuse: the scores of people, which its own interface and annotation queues write.

use reqwest::StatusCode;
use serde::Deserialize;

use super::super::error::DeliveryError;
use super::super::http::Answer;
use super::server::{Server, parsed};
use crate::labels::annotations::langfuse::Score;
use crate::labels::annotations::{Annotations, given};

const PAGE: &str = "100";

#[derive(Deserialize)]
struct Page {
    data: Vec<Score>,
    meta: Meta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    /// In the second version of the API.
    total_pages: Option<u32>,
    /// In the third.
    cursor: Option<String>,
}

/// The scores of people, by the second version of the API; a server that has it no more has the third.
pub(super) async fn read(server: &Server) -> Result<Annotations, DeliveryError> {
    let mut found = Annotations::default();
    for page in 1.. {
        let page_number = page.to_string();
        let mut url = server.url(&["v2", "scores"]);
        let query = [("source", "ANNOTATION"), ("fields", "score"), ("limit", PAGE), ("page", page_number.as_str())];
        url.query_pairs_mut().extend_pairs(query);
        let answer = server.get(&url).await?;
        if page == 1 && answer.status == StatusCode::NOT_FOUND {
            return by_cursor(server, &answer).await;
        }
        let Page { data, meta } = parsed(&answer)?;
        let ended = data.is_empty() || meta.total_pages.is_none_or(|pages| page >= pages);
        take(data, &mut found);
        if ended {
            break;
        }
    }
    Ok(found)
}

async fn by_cursor(server: &Server, missing: &Answer) -> Result<Annotations, DeliveryError> {
    let (mut found, mut cursor): (Annotations, Option<String>) = Default::default();
    loop {
        let mut url = server.url(&["v3", "scores"]);
        let query = [("source", "ANNOTATION"), ("fields", "details,subject,annotation"), ("limit", PAGE)];
        url.query_pairs_mut().extend_pairs(query).extend_pairs(cursor.iter().map(|cursor| ("cursor", cursor)));
        let answer = server.get(&url).await?;
        if cursor.is_none() && answer.status == StatusCode::NOT_FOUND {
            // The address is wrong, not the version.
            return Err(missing.idempotent_error());
        }
        let Page { data, meta } = parsed(&answer)?;
        take(data, &mut found);
        match given(meta.cursor) {
            next if next == cursor => return Ok(found),
            None => return Ok(found),
            next => cursor = next,
        }
    }
}

/// Servers that do not know the filter send everything.
fn take(scores: Vec<Score>, found: &mut Annotations) {
    for score in scores {
        match score.annotation() {
            Some(annotation) => found.human.push(annotation),
            None => found.passed_over += 1,
        }
    }
}
