//! `judged rubrics list --registry`: the published versions and their aliases.

use std::process::ExitCode;

use serde_json::json;

use super::super::open_store::open_store;
use super::super::output::{Format, Output, Table, minute};
use crate::config::Config;
use crate::store::{PublishedRubricVersion, RubricAlias};

pub(super) async fn list(config: &Config, format: Format, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_store(config).await?;
    let (versions, aliases) = (store.rubric_versions().await?, store.rubric_aliases().await?);
    store.close().await;
    match format {
        Format::Json => {
            let all: Vec<_> = versions.iter().map(|version| json_row(version, &aliases)).collect();
            output.json_list(&all)?;
        }
        Format::Table if versions.is_empty() => {
            output.say("Nothing is published; `judged rubrics publish` does it.")?;
        }
        Format::Table => output.text(&registry_table(&versions, &aliases))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn aliases_of<'a>(version: &PublishedRubricVersion, aliases: &'a [RubricAlias]) -> Vec<&'a str> {
    aliases
        .iter()
        .filter(|alias| alias.name == version.rubric.name && alias.version == version.rubric.version)
        .map(|alias| alias.alias.as_str())
        .collect()
}

fn registry_table(versions: &[PublishedRubricVersion], aliases: &[RubricAlias]) -> String {
    let mut table = Table::new(&["rubric", "version", "aliases", "published (UTC)", "author", "commit", "hash"]);
    for version in versions {
        let rubric = &version.rubric;
        let short = |text: &str| text.chars().take(12).collect::<String>();
        table.row(vec![
            rubric.name.clone(),
            format!("v{}", rubric.version),
            aliases_of(version, aliases).join(", "),
            minute(version.published_at_ms),
            rubric.author.clone().unwrap_or_default(),
            rubric.commit.as_deref().map(short).unwrap_or_default(),
            short(&rubric.hash.to_string()),
        ]);
    }
    table.render()
}

fn json_row(version: &PublishedRubricVersion, aliases: &[RubricAlias]) -> serde_json::Value {
    json!({
        "name": version.rubric.name,
        "version": version.rubric.version,
        "aliases": aliases_of(version, aliases),
        "hash": version.rubric.hash,
        "description": version.rubric.description,
        "author": version.rubric.author,
        "commit": version.rubric.commit,
        "published_at_ms": version.published_at_ms,
    })
}
