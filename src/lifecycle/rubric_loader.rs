//! Bringing the registry, the configuration and the folder of rubrics together: which versions judge, which are only
//! referred to, and which wait to be published.
//!
//! What judges comes from the registry alone. It is written by the command that publishes, by a start that finds it empty,
//! and by a start that is configured to; whoever only looks changes nothing.

use std::path::Path;
use std::sync::Arc;

use crate::config::{JudgesConfig, Publish, RubricsConfig};
use crate::judges::{BASELINE, DEFAULT, Judges, Unsupported, unsupported};
use crate::model::PRODUCTION;
use crate::rubrics::{
    AliasTarget, FolderFinding, InUse, Library, Published, Rubric, RubricReference, SelectionError, folder_findings,
    judging, plan_publication, select,
};
use crate::store::{Changes, NewRubricVersion, Publication, PublishedRubricVersion, Store, StoreError};

/// Why no rubric can judge.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// Names in the configuration that nothing published answers to, and the files that may be why.
    #[error("{}", lines(.missing, .unusable))]
    Selection { missing: Vec<SelectionError>, unusable: Vec<FolderFinding> },
    #[error(transparent)]
    UnfitJudge(#[from] UnfitJudge),
    /// The registry cannot be read.
    #[error("the registry of rubrics cannot be read")]
    Store(#[from] StoreError),
}

fn lines(missing: &[SelectionError], unusable: &[FolderFinding]) -> String {
    let missing = missing.iter().map(ToString::to_string);
    missing.chain(unusable.iter().map(ToString::to_string)).collect::<Vec<_>>().join("\n")
}

/// A rubric whose judge cannot judge by it.
#[derive(Debug, thiserror::Error)]
pub enum UnfitJudge {
    #[error(transparent)]
    Unknown(#[from] UnknownJudge),
    #[error("rubric `{rubric}` v{version} cannot be judged by `{judge}`, a decision model: {problem}")]
    Decision {
        rubric: String,
        version: u32,
        judge: String,
        #[source]
        problem: Unsupported,
    },
}

/// A rubric that names a judge that is not configured.
#[derive(Debug, thiserror::Error)]
#[error(
    "rubric `{rubric}` v{version} names the judge `{judge}`, which is not configured; add [judges.{judge}], or change the rubric and publish it with `judged rubrics publish --replace`, or as its next version"
)]
pub struct UnknownJudge {
    pub rubric: String,
    pub version: u32,
    pub judge: String,
}

/// What a start does: publishes into an empty registry, and into any other where the configuration says so; then looks.
pub async fn start(store: &Store, config: &RubricsConfig, judges: &JudgesConfig) -> Result<InUse, LibraryError> {
    let library = Library::open(&config.dir);
    let registry = store.rubric_versions().await?;
    if registry.is_empty() || config.publish == Publish::OnStart {
        let plan = plan_publication(&library, &published(&registry));
        check_first(plan.new.iter().copied(), &registry, config, judges).map_err(UnfitJudge::from)?;
        let versions: Vec<NewRubricVersion> = plan.new.iter().map(|rubric| new_version(rubric, None, None)).collect();
        match store.publish_rubric_versions(&versions, false).await? {
            Publication::Done(changes) => log(&changes),
            // Another start was faster, with another text: that one judges, and the look says so.
            Publication::Refused(_) => {}
        }
    }
    let in_use = look_at(store, config, library).await?;
    log_findings(&in_use.findings, &[]);
    Ok(in_use)
}

fn log(changes: &Changes) {
    for (rubric, version) in &changes.new {
        tracing::info!(rubric, version, "rubric version published");
    }
    for (rubric, version) in &changes.production {
        tracing::info!(rubric, version, "rubric version in production");
    }
}

/// Logs what is new among the files that do not judge as they stand.
pub fn log_findings(findings: &[FolderFinding], known: &[FolderFinding]) {
    for finding in findings.iter().filter(|finding| !known.contains(finding)) {
        match finding {
            FolderFinding::NotPublished { name, version, .. } => {
                tracing::warn!(rubric = name, version, "not published: {finding}");
            }
            FolderFinding::Changed(changed) => {
                tracing::warn!(
                    rubric = changed.name,
                    version = changed.version,
                    "changed after it was published: {finding}"
                );
            }
            FolderFinding::Unusable(_) => tracing::error!("a file of the rubrics cannot be used: {finding}"),
        }
    }
}

/// A version as it is published.
pub fn new_version(rubric: &Rubric, author: Option<&str>, commit: Option<&str>) -> NewRubricVersion {
    NewRubricVersion {
        name: rubric.name.clone(),
        version: rubric.version,
        hash: rubric.hash,
        description: rubric.description.clone(),
        source: rubric.source.clone(),
        author: author.map(str::to_owned),
        commit: commit.map(str::to_owned),
    }
}

/// What is compared with a folder.
pub fn published(registry: &[PublishedRubricVersion]) -> Vec<Published> {
    let known = registry.iter().map(|version| &version.rubric);
    known.map(|known| Published { name: known.name.clone(), version: known.version, hash: known.hash }).collect()
}

/// What judges, and what the folder has beside it. Before anything is published: what the first start would publish.
pub async fn look(store: &Store, config: &RubricsConfig) -> Result<InUse, LibraryError> {
    look_at(store, config, Library::open(&config.dir)).await
}

/// The version that `wanted` names: of a name alone the one in production.
pub async fn version(
    store: &Store,
    config: &RubricsConfig,
    wanted: &RubricReference,
) -> Result<Arc<Rubric>, LibraryError> {
    let (versions, aliases) = registry(store).await?;
    judging(wanted, "--rubric", &versions, &aliases).map_err(|error| {
        let unusable = unusable(&Library::open(&config.dir));
        LibraryError::Selection { missing: vec![error], unusable }
    })
}

async fn look_at(store: &Store, config: &RubricsConfig, library: Library) -> Result<InUse, LibraryError> {
    let known = published(&store.rubric_versions().await?);
    let (all, aliases) = if known.is_empty() { as_published(&library) } else { registry(store).await? };
    let active = select(&config.enabled, &all, &aliases)
        .map_err(|missing| LibraryError::Selection { missing, unusable: unusable(&library) })?;
    let findings = if known.is_empty() { unusable(&library) } else { folder_findings(&library, &known) };
    Ok(InUse { active, all, findings })
}

fn unusable(library: &Library) -> Vec<FolderFinding> {
    library.errors.iter().map(|error| FolderFinding::Unusable(error.to_string())).collect()
}

/// The registry as the first publication of this library will leave it.
fn as_published(library: &Library) -> (Vec<Arc<Rubric>>, Vec<AliasTarget>) {
    let versions: Vec<Arc<Rubric>> = library.rubrics.iter().cloned().map(Arc::new).collect();
    let newest = versions
        .iter()
        .filter(|rubric| library.find(&rubric.name, None).is_some_and(|newest| newest.version == rubric.version));
    let production = |rubric: &Arc<Rubric>| AliasTarget {
        name: rubric.name.clone(),
        alias: PRODUCTION.to_owned(),
        version: rubric.version,
    };
    let aliases = newest.map(production).collect();
    (versions, aliases)
}

async fn registry(store: &Store) -> Result<(Vec<Arc<Rubric>>, Vec<AliasTarget>), StoreError> {
    let mut versions = Vec::new();
    for version in store.rubric_versions().await?.into_iter().map(|version| version.rubric) {
        match Rubric::parse(&version.name, version.version, Path::new("registry"), &version.source) {
            Ok(rubric) => versions.push(Arc::new(rubric)),
            Err(error) => {
                tracing::error!(rubric = version.name, version = version.version, %error, "a published version cannot be read");
            }
        }
    }
    let aliases = store.rubric_aliases().await?.into_iter();
    let target =
        |alias: crate::store::RubricAlias| AliasTarget { name: alias.name, alias: alias.alias, version: alias.version };
    Ok((versions, aliases.map(target).collect()))
}

/// Refuses what would be the first version of a rubric that judges, and so go into production, while its judge is not
/// configured: no start would get past it.
pub fn check_first<'a>(
    new: impl Iterator<Item = &'a Rubric>,
    registry: &[PublishedRubricVersion],
    config: &RubricsConfig,
    judges: &JudgesConfig,
) -> Result<(), UnknownJudge> {
    let is_enabled = |name: &str| config.enabled.iter().any(|one| one.split('@').next() == Some(name));
    let is_known = |name: &str| registry.iter().any(|known| known.rubric.name == name);
    let mut first = new.filter(|rubric| is_enabled(&rubric.name) && !is_known(&rubric.name));
    first.try_for_each(|rubric| if is_configured(judges, &rubric.judge) { Ok(()) } else { Err(unknown_judge(rubric)) })
}

/// Refuses versions whose judge is not configured, or cannot judge on their scale: what is planned with them would wait for
/// nobody, or fail.
pub fn check_judges(rubrics: &[Arc<Rubric>], judges: &Judges) -> Result<(), UnfitJudge> {
    for rubric in rubrics {
        let Some(known) = judges.get(&rubric.judge) else { return Err(unknown_judge(rubric).into()) };
        if known.is_decision_model()
            && let Some(problem) = unsupported(&rubric.scale, &rubric.decision)
        {
            let (rubric, version, judge) = (rubric.name.clone(), rubric.version, rubric.judge.clone());
            return Err(UnfitJudge::Decision { rubric, version, judge, problem });
        }
    }
    Ok(())
}

/// Whether there is a judge of this name: told without its key, which whoever publishes need not have.
fn is_configured(judges: &JudgesConfig, name: &str) -> bool {
    [BASELINE, DEFAULT].contains(&name) || judges.contains_key(name)
}

fn unknown_judge(rubric: &Rubric) -> UnknownJudge {
    UnknownJudge { rubric: rubric.name.clone(), version: rubric.version, judge: rubric.judge.clone() }
}
