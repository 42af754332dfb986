//! What the folder has that the registry has not: new versions, and versions that were changed after they had been
//! published.

use std::fmt;
use std::path::PathBuf;

use super::{Library, Rubric, RubricError};
use crate::model::ContentHash;

/// A version that the registry has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The rubric.
    pub name: String,
    pub version: u32,
    /// The content hash with which it was published.
    pub hash: ContentHash,
}

/// What publishing would do.
#[derive(Debug)]
pub struct PublishPlan<'a> {
    /// Versions that the registry does not have.
    pub new: Vec<&'a Rubric>,
    /// Versions that it has with another text, and what is wrong with that. Those of the library inside the program are
    /// not among them: the published text goes on judging, and nobody can put it right.
    pub changed: Vec<(&'a Rubric, Changed)>,
    /// Versions that it has, unchanged.
    pub unchanged: usize,
}

/// A published version whose file says something else now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: {name} v{version} was published with another text, and that text judges; save this one as v{next_free}.md, or, as long as \
     nothing was judged or labelled with it, run `judged rubrics publish --replace`",
    path.display()
)]
pub struct Changed {
    /// The rubric.
    pub name: String,
    pub version: u32,
    /// Its file.
    pub path: PathBuf,
    /// The first version number that neither the registry nor the folder has.
    pub next_free: u32,
}

/// Compares the library with the registry.
pub fn plan_publication<'a>(library: &'a Library, published: &[Published]) -> PublishPlan<'a> {
    let mut plan = PublishPlan { new: Vec::new(), changed: Vec::new(), unchanged: 0 };
    for rubric in &library.rubrics {
        let known = published.iter().find(|known| known.name == rubric.name && known.version == rubric.version);
        match known {
            None => plan.new.push(rubric),
            Some(known) if known.hash == rubric.hash || library.is_shipped(&rubric.name) => plan.unchanged += 1,
            Some(_) => {
                let changed = Changed {
                    name: rubric.name.clone(),
                    version: rubric.version,
                    path: rubric.path.clone(),
                    next_free: next_free(&rubric.name, &library.rubrics, published),
                };
                plan.changed.push((rubric, changed));
            }
        }
    }
    plan
}

fn next_free(name: &str, files: &[Rubric], published: &[Published]) -> u32 {
    let in_folder = files.iter().filter(|rubric| rubric.name == name).map(|rubric| rubric.version);
    let in_registry = published.iter().filter(|known| known.name == name).map(|known| known.version);
    in_folder.chain(in_registry).max().unwrap_or(0).saturating_add(1)
}

/// A file that does not judge as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderFinding {
    /// It is sound, and nobody published it.
    NotPublished {
        /// The rubric.
        name: String,
        version: u32,
        path: PathBuf,
    },
    /// It was published with another text.
    Changed(Changed),
    /// It is wrong: what, where, and the remedy.
    Unusable(String),
}

impl fmt::Display for FolderFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPublished { name, version, path } => write!(
                f,
                "{}: {name} v{version} is not published; nothing is judged with it until `judged rubrics publish`",
                path.display()
            ),
            Self::Changed(changed) => changed.fmt(f),
            Self::Unusable(what) => f.write_str(what),
        }
    }
}

/// Everything in a folder of one's own that does not judge as it stands.
pub fn folder_findings(library: &Library, published: &[Published]) -> Vec<FolderFinding> {
    let plan = plan_publication(library, published);
    let own = plan.new.iter().filter(|rubric| !library.is_shipped(&rubric.name));
    let new = own.map(|rubric| FolderFinding::NotPublished {
        name: rubric.name.clone(),
        version: rubric.version,
        path: rubric.path.clone(),
    });
    let unusable = library.errors.iter().map(|error: &RubricError| FolderFinding::Unusable(error.to_string()));
    let changed = plan.changed.into_iter().map(|(_, changed)| FolderFinding::Changed(changed));
    unusable.chain(changed).chain(new).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::rubrics::tests::TOY;

    fn rubric(version: u32, text: &str) -> Rubric {
        Rubric::parse("toy", version, Path::new("rubrics/toy/v.md"), text).unwrap()
    }

    fn folder(rubrics: Vec<Rubric>) -> Library {
        let mut library = Library::default();
        library.rubrics = rubrics;
        library
    }

    fn published(rubric: &Rubric) -> Published {
        Published { name: rubric.name.clone(), version: rubric.version, hash: rubric.hash }
    }

    #[test]
    fn what_the_registry_lacks_is_new_and_the_rest_unchanged() {
        let files = folder(vec![rubric(1, TOY), rubric(2, TOY)]);
        let plan = plan_publication(&files, &[published(&files.rubrics[0])]);
        assert_eq!((plan.new.len(), plan.new[0].version, plan.unchanged), (1, 2, 1));
    }

    #[test]
    fn a_published_version_that_changed_names_the_next_free_number() {
        let edited = folder(vec![rubric(1, &TOY.replace("Is it kind?", "Is it very kind?")), rubric(2, TOY)]);
        let known = [published(&rubric(1, TOY)), published(&rubric(4, TOY))];
        let plan = plan_publication(&edited, &known);
        assert_eq!((plan.changed[0].1.version, plan.changed[0].1.next_free), (1, 5));
        let findings: Vec<String> =
            folder_findings(&edited, &known).iter().map(|finding| finding.to_string().replace("v.md", "…")).collect();
        assert!(findings[0].contains("toy v1 was published with another text") && findings[0].contains("v5.md"));
        assert!(findings[1].contains("toy v2 is not published"), "{findings:?}");
    }

    #[test]
    fn what_the_library_inside_says_otherwise_is_nobody_s_mistake() {
        let library = Library::shipped();
        let other = published(&rubric(1, TOY)).hash;
        let known = library.rubrics.iter().map(|rubric| Published { hash: other, ..published(rubric) });
        let known: Vec<Published> = known.collect();
        assert_eq!(folder_findings(&library, &known), []);
        assert_eq!(folder_findings(&library, &[]), [], "nor is it a draft");
    }

    #[test]
    fn line_ends_and_trailing_blank_lines_change_nothing() {
        let edited = rubric(1, &(TOY.replace('\n', "\r\n") + "\r\n\r\n"));
        assert_eq!(edited.hash, rubric(1, TOY).hash);
    }
}
