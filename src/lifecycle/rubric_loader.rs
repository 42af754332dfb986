//! Bringing the folder of rubrics, the registry and the configuration together: which versions judge, and which are only
//! referred to.

use std::path::Path;
use std::sync::Arc;

use crate::config::RubricsConfig;
use crate::rubrics::{
    AliasTarget, Catalogue, Changed, Library, Published, Rubric, RubricError, RubricReference, SelectionError, judging,
    plan_publication, select,
};
use crate::store::{NewRubricVersion, Store, StoreError};

/// Why no rubric can judge.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// Files that are wrong.
    #[error("{}", lines(.0))]
    Files(Vec<RubricError>),
    /// Published versions whose files changed.
    #[error("{}", lines(.0))]
    Changed(Vec<Changed>),
    /// Names in the configuration that nothing answers to.
    #[error("{}", lines(.0))]
    Selection(Vec<SelectionError>),
    /// The registry cannot be read.
    #[error("the registry of rubrics cannot be read")]
    Store(#[from] StoreError),
}

fn lines<T: ToString>(problems: &[T]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Every version there is, and where the aliases point.
struct Versions {
    all: Vec<Arc<Rubric>>,
    aliases: Vec<AliasTarget>,
}

/// Reads folder and registry and publishes the versions that judge, so that no score refers to a version that is not
/// kept. Returns the active versions and the retired ones.
pub async fn load(store: &Store, config: &RubricsConfig) -> Result<(Vec<Arc<Rubric>>, Vec<Arc<Rubric>>), LibraryError> {
    let Versions { all, aliases } = read(store, config).await?;
    let active = select(&config.enabled, &all, &aliases).map_err(LibraryError::Selection)?;
    publish(store, &active).await?;
    Ok((active, all))
}

/// The version that `wanted` names: of a name alone the one in production, else the newest. It need not be published.
pub async fn version(
    store: &Store,
    config: &RubricsConfig,
    wanted: &RubricReference,
) -> Result<Arc<Rubric>, LibraryError> {
    let Versions { all, aliases } = read(store, config).await?;
    judging(wanted, "--rubric", &all, &aliases).map_err(|error| LibraryError::Selection(vec![error]))
}

/// Publishes versions that are about to judge; those that are published already stay as they are.
pub async fn publish(store: &Store, rubrics: &[Arc<Rubric>]) -> Result<(), StoreError> {
    let versions: Vec<NewRubricVersion> = rubrics
        .iter()
        .map(|rubric| NewRubricVersion {
            name: rubric.name.clone(),
            version: rubric.version,
            hash: rubric.hash,
            description: rubric.description.clone(),
            source: rubric.source.clone(),
            author: None,
            commit: None,
        })
        .collect();
    store.publish_rubric_versions(&versions).await?;
    Ok(())
}

async fn read(store: &Store, config: &RubricsConfig) -> Result<Versions, LibraryError> {
    let library = if config.dir.is_dir() { Library::read(&config.dir) } else { Library::shipped() };
    if !library.errors.is_empty() {
        return Err(LibraryError::Files(library.errors));
    }
    let registry = store.rubric_versions().await?;
    let published: Vec<Published> = registry
        .iter()
        .map(|version| Published {
            name: version.rubric.name.clone(),
            version: version.rubric.version,
            hash: version.rubric.hash,
        })
        .collect();
    plan_publication(&library.rubrics, &published).map_err(LibraryError::Changed)?;

    let mut all: Vec<Arc<Rubric>> = library.rubrics.into_iter().map(Arc::new).collect();
    for version in registry.into_iter().map(|version| version.rubric) {
        if all.iter().any(|rubric| rubric.name == version.name && rubric.version == version.version) {
            continue;
        }
        // Its file is gone; what was published still judges what was planned with it.
        match Rubric::parse(&version.name, version.version, Path::new("registry"), &version.source) {
            Ok(rubric) => all.push(Arc::new(rubric)),
            Err(error) => {
                tracing::error!(rubric = version.name, version = version.version, %error, "a published version cannot be read");
            }
        }
    }
    let aliases: Vec<AliasTarget> = store
        .rubric_aliases()
        .await?
        .into_iter()
        .map(|alias| AliasTarget { name: alias.name, alias: alias.alias, version: alias.version })
        .collect();
    Ok(Versions { all, aliases })
}

/// A catalogue of what [`load`] found.
pub async fn catalogue(store: &Store, config: &RubricsConfig) -> Result<Catalogue, LibraryError> {
    let (active, all) = load(store, config).await?;
    Ok(Catalogue::new(active, all))
}
