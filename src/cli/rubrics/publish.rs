//! `judged rubrics publish`: the act by which a version enters the registry.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use super::super::acting;
use super::super::open_store::open_store;
use super::super::output::Output;
use super::files::plural;
use super::provenance;
use crate::config::Config;
use crate::lifecycle::rubric_loader::{self, new_version, published};
use crate::model::PRODUCTION;
use crate::rubrics::{Changed, Library, Rubric, RubricReference, plan_publication};
use crate::store::{AuditAction, Changes, Conflict, NewRubricVersion, Publication, RubricAlias, Store};

/// What to publish.
pub(super) struct Wanted {
    /// These only; everything when there is none.
    pub(super) rubrics: Vec<RubricReference>,
    /// Put new text in the place of published text that nothing refers to.
    pub(super) replace: bool,
}

impl Wanted {
    fn includes(&self, rubric: &Rubric) -> bool {
        let named = |wanted: &RubricReference| {
            wanted.name == rubric.name && wanted.version.is_none_or(|version| version == rubric.version)
        };
        self.rubrics.is_empty() || self.rubrics.iter().any(named)
    }
}

pub(super) async fn publish(
    library: &Library,
    dir: &Path,
    wanted: &Wanted,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    if let Some(unknown) = wanted.rubrics.iter().find(|one| library.find(&one.name, one.version).is_none()) {
        super::library::find(library, unknown)?;
    }
    let store = open_store(config).await?;
    let done = publish_into(&store, library, dir, wanted, config).await;
    let aliases = store.rubric_aliases().await;
    store.close().await;
    let (changes, unchanged) = done?;
    say(&changes, unchanged, library, &aliases?, config, output)?;
    Ok(ExitCode::SUCCESS)
}

async fn publish_into(
    store: &Store,
    library: &Library,
    dir: &Path,
    wanted: &Wanted,
    config: &Config,
) -> anyhow::Result<(Changes, usize)> {
    let registry = store.rubric_versions().await?;
    let known = published(&registry);
    let plan = plan_publication(library, &known);
    // An empty registry gets the library inside as well, as from a first start: what is enabled by default judges then.
    let is_first = |rubric: &Rubric| known.is_empty() && library.is_shipped(&rubric.name);
    let (author, commit) = (provenance::author(dir), provenance::commit(dir));
    let version = |rubric: &Rubric| new_version(rubric, author.as_deref(), commit.as_deref());
    let new = plan.new.iter().filter(|rubric| wanted.includes(rubric) || is_first(rubric));
    let new: Vec<&Rubric> = new.copied().collect();
    rubric_loader::check_first(new.iter().copied(), &registry, &config.rubrics, &config.judges)?;
    let mut versions: Vec<NewRubricVersion> = new.into_iter().map(version).collect();
    let changed: Vec<&(&Rubric, Changed)> = plan.changed.iter().filter(|(rubric, _)| wanted.includes(rubric)).collect();
    if !wanted.replace && !changed.is_empty() {
        let changed: Vec<String> = changed.iter().map(|(_, changed)| changed.to_string()).collect();
        bail!("nothing was published:\n{}", changed.join("\n"));
    }
    versions.extend(changed.iter().map(|(rubric, _)| version(rubric)));
    match store.publish_rubric_versions(&versions, wanted.replace).await? {
        Publication::Done(changes) => {
            for (name, version) in &changes.new {
                acting::note(store, AuditAction::RubricPublished, &format!("{name} v{version}"), "").await?;
            }
            for (name, version) in &changes.replaced {
                acting::note(store, AuditAction::RubricPublished, &format!("{name} v{version}"), "replaced").await?;
            }
            Ok((changes, plan.unchanged))
        }
        Publication::Refused(conflicts) => {
            let conflicts: Vec<String> = conflicts.iter().map(|conflict| refusal(conflict, &plan.changed)).collect();
            bail!("nothing was published:\n{}", conflicts.join("\n"))
        }
    }
}

fn refusal(conflict: &Conflict, changed: &[(&Rubric, Changed)]) -> String {
    let Conflict { name, version, reason } = conflict;
    let next = changed.iter().find(|(_, changed)| changed.name == *name).map(|(_, changed)| changed.next_free);
    let remedy = next.map_or("look at it again".to_owned(), |next| format!("save this text as v{next}.md"));
    format!("{name} v{version} stays as it is: {reason}; {remedy}")
}

fn say(
    changes: &Changes,
    unchanged: usize,
    library: &Library,
    aliases: &[RubricAlias],
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<()> {
    let production = |name: &str| aliases.iter().find(|alias| alias.name == name && alias.alias == PRODUCTION);
    let is_own = |name: &str| !library.is_shipped(name);
    for (name, version) in changes.new.iter().filter(|(name, _)| is_own(name)) {
        let state = match production(name).map(|alias| alias.version) {
            Some(current) if current == *version && !is_enabled(name, config) => {
                "in production; it judges once rubrics.enabled names it".to_owned()
            }
            Some(current) if current == *version => "in production".to_owned(),
            Some(current) => {
                format!("v{current} stays in production; `judged rubrics promote {name} {version}` moves it")
            }
            None => "not in production".to_owned(),
        };
        output.say(format_args!("published {name} v{version}: {state}"))?;
    }
    for (name, version) in &changes.replaced {
        output.say(format_args!("replaced the text of {name} v{version}, to which nothing refers"))?;
    }
    let inside = changes.new.iter().filter(|(name, _)| !is_own(name)).count();
    if inside > 0 {
        output.say(format_args!("published the library inside judged: {}", plural(inside, "rubric")))?;
    }
    let own = changes.new.len() - inside + changes.replaced.len();
    output.say(format_args!("{own} of your own new, {unchanged} unchanged"))?;
    Ok(())
}

fn is_enabled(name: &str, config: &Config) -> bool {
    config.rubrics.enabled.iter().any(|enabled| enabled.split('@').next() == Some(name))
}
