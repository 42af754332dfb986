//! Rubrics with their versions, and what changed from one to the next.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use minijinja::{Value, context};
use serde::Deserialize;
use similar::{ChangeTag, TextDiff};

use super::problem::PageError;
use super::state::Shared;

/// All rubrics.
pub(super) async fn list(State(web): State<Shared>) -> Result<Response, PageError> {
    let aliases = web.parts.store.rubric_aliases().await?;
    let active = web.parts.catalogue.active();
    let published = web.parts.store.rubric_versions().await?;
    let rubrics: Vec<Value> = web
        .parts
        .catalogue
        .all()
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
    web.pages.render("rubrics.html", context! { here => "/rubrics", rubrics, findings })
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
