//! Which versions judge: what the configuration enables, where the aliases point.

use std::str::FromStr;
use std::sync::Arc;

use super::nearest::nearest;
use super::{Rubric, is_rubric_name};
use crate::model::{CANDIDATE, PRODUCTION};

/// A rubric as people name it: `faithfulness`, or one version of it: `faithfulness@2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RubricReference {
    /// The rubric.
    pub name: String,
    /// The version, when one is named.
    pub version: Option<u32>,
}

/// A text that names no rubric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no rubric: write its name, as in `faithfulness`, or name and version, as in `faithfulness@2`")]
pub struct ReferenceError(String);

impl FromStr for RubricReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let refused = || ReferenceError(text.to_owned());
        let (name, version) = match text.split_once('@') {
            None => (text, None),
            Some((name, version)) => {
                let digits = version.strip_prefix('v').unwrap_or(version);
                let number: u32 = digits.parse().map_err(|_| refused())?;
                (name, Some(number).filter(|number| *number > 0))
            }
        };
        let complete = version.is_some() != (name == text);
        if is_rubric_name(name) && complete { Ok(Self { name: name.to_owned(), version }) } else { Err(refused()) }
    }
}

/// Where an alias points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasTarget {
    /// The rubric.
    pub name: String,
    pub alias: String,
    pub version: u32,
}

/// Why what is enabled cannot judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// A text that names no rubric.
    #[error("rubrics.enabled: {0}")]
    Reference(#[from] ReferenceError),
    /// A rubric of which nothing is published.
    #[error("{asked_by} names `{name}`, of which no version is published; {}", remedy(.meant.as_deref()))]
    Unknown {
        name: String,
        /// What was probably meant.
        meant: Option<String>,
        /// The configuration or the command line.
        asked_by: String,
    },
    /// A version that is not published.
    #[error("{asked_by} asks for {name} v{version}, which is not published; publish it, or name another version")]
    Version {
        /// The rubric.
        name: String,
        version: u32,
        /// The configuration, the command line or the alias.
        asked_by: String,
    },
}

fn remedy(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`judged rubrics publish` publishes what is in the folder, `judged rubrics list --registry` shows what is published"
            .to_owned(),
    }
}

/// The versions that judge, of those that are published. A rubric enabled by name judges with the version in production;
/// enabled with a version, it judges with that one. Its candidate, if there is one, judges beside it.
pub fn select(
    enabled: &[String],
    rubrics: &[Arc<Rubric>],
    aliases: &[AliasTarget],
) -> Result<Vec<Arc<Rubric>>, Vec<SelectionError>> {
    let (mut selected, mut errors): (Vec<Arc<Rubric>>, Vec<SelectionError>) = (Vec::new(), Vec::new());
    for text in enabled {
        match text.parse().map_err(SelectionError::from).and_then(|wanted| select_one(&wanted, rubrics, aliases)) {
            Ok(versions) => {
                for version in versions {
                    // Enabled twice, it still judges once.
                    if selected.iter().all(|earlier| earlier.reference() != version.reference()) {
                        selected.push(version);
                    }
                }
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(selected) } else { Err(errors) }
}

fn select_one(
    wanted: &RubricReference,
    rubrics: &[Arc<Rubric>],
    aliases: &[AliasTarget],
) -> Result<Vec<Arc<Rubric>>, SelectionError> {
    let judging = judging(wanted, "rubrics.enabled", rubrics, aliases)?;
    let candidate = match target(&wanted.name, CANDIDATE, aliases).filter(|version| *version != judging.version) {
        Some(version) => Some(find(&wanted.name, version, "the alias `candidate`", rubrics)?),
        None => None,
    };
    Ok([judging].into_iter().chain(candidate).collect())
}

/// The one version that `wanted` names: of a name alone the one in production. Only a worker of an earlier release
/// publishes without setting that alias; then it is the newest, as it is for that worker. `asked_by` is who asks, for
/// messages.
pub fn judging(
    wanted: &RubricReference,
    asked_by: &str,
    rubrics: &[Arc<Rubric>],
    aliases: &[AliasTarget],
) -> Result<Arc<Rubric>, SelectionError> {
    let versions = rubrics.iter().filter(|rubric| rubric.name == wanted.name);
    let Some(newest) = versions.max_by_key(|rubric| rubric.version) else {
        let meant = nearest(&wanted.name, rubrics.iter().map(|rubric| rubric.name.as_str())).map(str::to_owned);
        return Err(SelectionError::Unknown { name: wanted.name.clone(), meant, asked_by: asked_by.to_owned() });
    };
    match (wanted.version, target(&wanted.name, PRODUCTION, aliases)) {
        (Some(version), _) => find(&wanted.name, version, asked_by, rubrics),
        (None, Some(version)) => find(&wanted.name, version, "the alias `production`", rubrics),
        (None, None) => Ok(Arc::clone(newest)),
    }
}

fn target(name: &str, alias: &str, aliases: &[AliasTarget]) -> Option<u32> {
    aliases.iter().find(|target| target.name == name && target.alias == alias).map(|target| target.version)
}

fn find(name: &str, version: u32, asked_by: &str, rubrics: &[Arc<Rubric>]) -> Result<Arc<Rubric>, SelectionError> {
    rubrics
        .iter()
        .find(|rubric| rubric.name == name && rubric.version == version)
        .cloned()
        .ok_or_else(|| SelectionError::Version { name: name.to_owned(), version, asked_by: asked_by.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::rubrics::tests::TOY;

    fn versions(names: &[(&str, u32)]) -> Vec<Arc<Rubric>> {
        names
            .iter()
            .map(|(name, version)| Arc::new(Rubric::parse(name, *version, Path::new("v.md"), TOY).unwrap()))
            .collect()
    }

    fn alias(alias: &str, version: u32) -> AliasTarget {
        AliasTarget { name: "toy".into(), alias: alias.into(), version }
    }

    fn selected(enabled: &[&str], aliases: &[AliasTarget]) -> Result<Vec<String>, Vec<SelectionError>> {
        let enabled: Vec<String> = enabled.iter().map(|name| (*name).to_owned()).collect();
        let all = versions(&[("toy", 1), ("toy", 2), ("toy", 3), ("tray", 1)]);
        let selected = select(&enabled, &all, aliases)?;
        Ok(selected.into_iter().map(|version| version.reference()).collect())
    }

    #[test]
    fn the_newest_judges_until_a_version_is_in_production() {
        assert_eq!(selected(&["toy"], &[]).unwrap(), ["toy@3"]);
        assert_eq!(selected(&["toy"], &[alias(PRODUCTION, 1)]).unwrap(), ["toy@1"]);
        assert_eq!(selected(&["toy@2"], &[alias(PRODUCTION, 1)]).unwrap(), ["toy@2"]);
    }

    #[test]
    fn a_candidate_judges_beside_production() {
        let aliases = [alias(PRODUCTION, 2), alias(CANDIDATE, 3)];
        assert_eq!(selected(&["toy"], &aliases).unwrap(), ["toy@2", "toy@3"]);
        assert_eq!(selected(&["toy"], &[alias(PRODUCTION, 3), alias(CANDIDATE, 3)]).unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_judge_is_said_all_at_once() {
        let errors = selected(&["tpy", "toy@9", "toy@", "Toy", "toy@0"], &[]).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(texts.join("\n"));
        assert_eq!(selected(&["toy"], &[alias(CANDIDATE, 7)]).unwrap_err().len(), 1);
    }
}
