//! Rubrics with their versions, and what changed from one to the next.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use minijinja::{Value, context};
use serde::Deserialize;
use similar::{ChangeTag, TextDiff};

use super::problem::PageError;
use super::state::Shared;
use crate::rubrics::Rubric;

/// Rubric versions on a page.
const PAGE: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Beginning {
    after: String,
}

impl Beginning {
    /// The name and version behind which the page begins.
    fn key(&self) -> Result<Option<(&str, u32)>, PageError> {
        if self.after.is_empty() {
            return Ok(None);
        }
        let key = self.after.rsplit_once(':').and_then(|(name, version)| Some((name, version.parse().ok()?)));
        key.map(Some).ok_or_else(|| PageError::BadRequest("`after` is the `next` of the page before".to_owned()))
    }
}

fn key(rubric: &Rubric) -> (&str, u32) {
    (&rubric.name, rubric.version)
}

/// Those behind `after` in order, and where the next page begins.
fn page(all: Vec<Arc<Rubric>>, after: Option<(&str, u32)>, limit: usize) -> (Vec<Arc<Rubric>>, Option<String>) {
    let mut page = all;
    page.retain(|rubric| after.is_none_or(|after| key(rubric) > after));
    let has_more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().filter(|_| has_more).map(|last| key(last));
    let next = last.map(|(name, version)| format!("{name}:{version}"));
    (page, next)
}

/// A page of rubric versions.
pub(super) async fn list(State(web): State<Shared>, Query(from): Query<Beginning>) -> Result<Response, PageError> {
    let aliases = web.parts.store.rubric_aliases().await?;
    let active = web.parts.catalogue.active();
    let published = web.parts.store.rubric_versions().await?;
    let after = from.key()?;
    let (page, next) = page(web.parts.catalogue.all(), after, PAGE);
    let rubrics: Vec<Value> = page
        .iter()
        .map(|rubric| {
            let known = published
                .iter()
                .find(|known| known.rubric.name == rubric.name && known.rubric.version == rubric.version);
            let named: Vec<String> = aliases
                .iter()
                .filter(|alias| alias.name == rubric.name && alias.version == rubric.version)
                .map(|alias| alias.alias.clone())
                .collect();
            context! {
                name => rubric.name.as_str(),
                version => rubric.version,
                description => rubric.description.as_str(),
                scale => rubric.scale.name(),
                subject => rubric.subject.as_str(),
                judge => rubric.judge.as_str(),
                active => active.iter().any(|other| other.name == rubric.name && other.version == rubric.version),
                aliases => named,
                published_at => known.map(|known| known.published_at_ms),
                author => known.and_then(|known| known.rubric.author.clone()),
            }
        })
        .collect();
    let findings: Vec<String> = web.parts.catalogue.findings().iter().map(ToString::to_string).collect();
    let first = after.is_none();
    web.pages.render("rubrics.html", context! { here => "/rubrics", rubrics, findings, next, first })
}

#[derive(Debug, Deserialize)]
pub(super) struct Versions {
    from: Option<u32>,
    to: Option<u32>,
}

/// One rubric: the newest version's text, or the difference between two.
pub(super) async fn one(
    State(web): State<Shared>,
    Path(name): Path<String>,
    Query(versions): Query<Versions>,
) -> Result<Response, PageError> {
    let all: Vec<_> = web.parts.catalogue.all().into_iter().filter(|rubric| rubric.name == name).collect();
    let missing = || PageError::NotFound("There is no such rubric version.".to_owned());
    let newest = all.iter().map(|rubric| rubric.version).max().ok_or_else(missing)?;
    let find = |version: u32| all.iter().find(|rubric| rubric.version == version).ok_or_else(missing);
    let shown = find(versions.to.unwrap_or(newest))?;
    let before = versions.from.map(find).transpose()?;
    let lines = before.map(|before| difference(&before.source, &shown.source));
    web.pages.render(
        "rubric.html",
        context! {
            here => "/rubrics",
            name,
            description => shown.description.as_str(),
            version => shown.version,
            hash => shown.hash.to_string(),
            scale_text => shown.scale_text(),
            source => shown.source.as_str(),
            versions => all.iter().map(|rubric| rubric.version).collect::<Vec<_>>(),
            from => versions.from,
            lines,
        },
    )
}

/// Lines of both texts, marked as kept, added or removed.
fn difference(before: &str, after: &str) -> Vec<Value> {
    TextDiff::from_lines(before, after)
        .iter_all_changes()
        .map(|change| {
            let kind = match change.tag() {
                ChangeTag::Equal => "kept",
                ChangeTag::Delete => "removed",
                ChangeTag::Insert => "added",
            };
            context! { kind, text => change.value().trim_end_matches('\n') }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::evaluated::rubrics;

    #[test]
    fn versions_come_a_page_at_a_time() {
        let mut all: Vec<Arc<Rubric>> = rubrics().into_iter().map(Arc::new).collect();
        all.sort_by(|one, other| key(one).cmp(&key(other)));
        let (mut found, mut from) = (Vec::new(), Beginning::default());
        loop {
            let (page, next) = page(all.clone(), from.key().unwrap(), 2);
            found.extend(page);
            let Some(after) = next else { break };
            from = Beginning { after };
        }
        let keys = |rubrics: &[Arc<Rubric>]| {
            rubrics.iter().map(|rubric| (rubric.name.clone(), rubric.version)).collect::<Vec<_>>()
        };
        assert_eq!((keys(&found), all.len() > 2), (keys(&all), true));
        assert!(Beginning { after: "x".into() }.key().is_err());
    }
}
