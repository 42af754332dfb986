//! Which versions are new to the registry, and which were changed after they had been published.

use std::fmt;
use std::path::PathBuf;

use super::Rubric;
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
    /// Versions that it has, unchanged.
    pub unchanged: usize,
}

/// A published version whose file says something else now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: {name} v{version} was published with other content, and scores refer to it; put the published text back and save \
     this one as v{next_free}.md",
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

/// Compares the folder with the registry. A changed version stops everything: nothing is published half.
pub fn plan_publication<'a>(files: &'a [Rubric], published: &[Published]) -> Result<PublishPlan<'a>, Vec<Changed>> {
    let mut plan = PublishPlan { new: Vec::new(), unchanged: 0 };
    let mut changed = Vec::new();
    for rubric in files {
        let known = published.iter().find(|known| known.name == rubric.name && known.version == rubric.version);
        match known {
            None => plan.new.push(rubric),
            Some(known) if known.hash == rubric.hash => plan.unchanged += 1,
            Some(_) => changed.push(Changed {
                name: rubric.name.clone(),
                version: rubric.version,
                path: rubric.path.clone(),
                next_free: next_free(&rubric.name, files, published),
            }),
        }
    }
    if changed.is_empty() { Ok(plan) } else { Err(changed) }
}

fn next_free(name: &str, files: &[Rubric], published: &[Published]) -> u32 {
    let in_folder = files.iter().filter(|rubric| rubric.name == name).map(|rubric| rubric.version);
    let in_registry = published.iter().filter(|known| known.name == name).map(|known| known.version);
    in_folder.chain(in_registry).max().unwrap_or(0).saturating_add(1)
}

/// Whether a version agrees with human labels well enough to be promoted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PromotionGate {
    /// The lower confidence bound of agreement.
    pub lower_bound: f64,
    /// What it must reach.
    pub required: f64,
    /// The labels it rests on.
    pub labels: usize,
}

impl PromotionGate {
    /// Whether the bound reaches what is required.
    pub fn holds(&self) -> bool {
        self.lower_bound >= self.required
    }
}

impl fmt::Display for PromotionGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds() { "the gate holds" } else { "the gate does not hold" };
        write!(
            f,
            "{verdict}: agreement with {} labels is at least {:.3}, required is {:.3}",
            self.labels, self.lower_bound, self.required
        )
    }
}

/// Why the gate says nothing. Without an answer nothing is promoted through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the gate has no answer: {0}; nothing was promoted. Compare the versions yourself, then promote without --gate"
)]
pub struct GateUnavailable(pub &'static str);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::rubrics::tests::TOY;

    fn rubric(version: u32, text: &str) -> Rubric {
        Rubric::parse("toy", version, Path::new("rubrics/toy/v.md"), text).unwrap()
    }

    fn published(rubric: &Rubric) -> Published {
        Published { name: rubric.name.clone(), version: rubric.version, hash: rubric.hash }
    }

    #[test]
    fn what_the_registry_lacks_is_new_and_the_rest_unchanged() {
        let files = [rubric(1, TOY), rubric(2, TOY)];
        let plan = plan_publication(&files, &[published(&files[0])]).unwrap();
        assert_eq!((plan.new.len(), plan.new[0].version, plan.unchanged), (1, 2, 1));
    }

    #[test]
    fn a_published_version_that_changed_names_the_next_free_number() {
        let edited = [rubric(1, &TOY.replace("Is it kind?", "Is it very kind?")), rubric(2, TOY)];
        let known = [published(&rubric(1, TOY)), published(&rubric(4, TOY))];
        let changed = plan_publication(&edited, &known).unwrap_err();
        assert_eq!((changed[0].version, changed[0].next_free), (1, 5));
    }

    #[test]
    fn a_gate_holds_from_its_bound_on_and_never_without_a_number() {
        let gate = |lower_bound| PromotionGate { lower_bound, required: 0.8, labels: 120 };
        assert!(gate(0.8).holds() && !gate(0.799).holds() && !gate(f64::NAN).holds());
    }

    #[test]
    fn line_ends_and_trailing_blank_lines_change_nothing() {
        let edited = rubric(1, &(TOY.replace('\n', "\r\n") + "\r\n\r\n"));
        assert_eq!(edited.hash, rubric(1, TOY).hash);
    }
}
