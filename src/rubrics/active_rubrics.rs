//! The rubric versions a process works with: those that are active, and every version that scores refer to.
//!
//! Shared by all stages and replaced as a whole on reload, so that work in hand keeps the versions it began with.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{FolderFinding, Rubric};

/// What registry and configuration make of the rubrics, and what the folder has beside it.
#[derive(Debug, Default)]
pub struct InUse {
    /// The versions new subjects are planned with.
    pub active: Vec<Arc<Rubric>>,
    /// Every version that plans and scores may refer to.
    pub all: Vec<Arc<Rubric>>,
    /// The files that do not judge as they stand.
    pub findings: Vec<FolderFinding>,
}

/// A shared, replaceable set of rubric versions; cheap to clone.
#[derive(Clone, Default)]
pub struct Catalogue(Arc<RwLock<Arc<Versions>>>);

#[derive(Default)]
struct Versions {
    active: Vec<Arc<Rubric>>,
    all: HashMap<(String, u32), Arc<Rubric>>,
    findings: Vec<FolderFinding>,
}

impl Catalogue {
    /// A catalogue of these versions, all of them active.
    #[cfg(test)]
    pub fn of(active: Vec<Arc<Rubric>>) -> Self {
        Self::from(InUse { active, ..InUse::default() })
    }

    /// Puts other versions in place, for every holder at once.
    pub fn replace(&self, in_use: InUse) {
        let InUse { active, all, findings } = in_use;
        let all = all
            .into_iter()
            .chain(active.iter().cloned())
            .map(|rubric| ((rubric.name.clone(), rubric.version), rubric))
            .collect();
        // The lock guards only the exchange of a pointer: it is whole even after a panic.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Versions { active, all, findings });
    }

    /// The versions new subjects are planned with, in order of name and version.
    pub fn active(&self) -> Vec<Arc<Rubric>> {
        self.versions().active.clone()
    }

    /// One version, active or retired.
    pub fn version(&self, name: &str, version: u32) -> Option<Arc<Rubric>> {
        self.versions().all.get(&(name.to_owned(), version)).cloned()
    }

    /// Every version, in order of name and version.
    pub fn all(&self) -> Vec<Arc<Rubric>> {
        let mut all: Vec<Arc<Rubric>> = self.versions().all.values().cloned().collect();
        all.sort_by(|left, right| (&left.name, left.version).cmp(&(&right.name, right.version)));
        all
    }

    /// The files that do not judge as they stand.
    pub fn findings(&self) -> Vec<FolderFinding> {
        self.versions().findings.clone()
    }

    fn versions(&self) -> Arc<Versions> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<InUse> for Catalogue {
    fn from(in_use: InUse) -> Self {
        let catalogue = Self::default();
        catalogue.replace(in_use);
        catalogue
    }
}
