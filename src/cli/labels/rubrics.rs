//! The rubrics that labels are given for.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::labels::LabelledRubric;
use crate::rubrics;

/// The newest version of every rubric: its scale is the one labels are given on.
pub(in crate::cli) fn labelled_rubrics(config: &Config) -> anyhow::Result<BTreeMap<String, LabelledRubric>> {
    let rubrics = rubrics::load(&config.rubrics.dir).map_err(|errors| all(&errors))?;
    // In order of version: the newest is inserted last.
    Ok(rubrics
        .iter()
        .map(|rubric| (rubric.name.clone(), LabelledRubric { subject: rubric.subject, scale: rubric.scale.clone() }))
        .collect())
}

/// Several errors as one, a line each.
fn all<E: std::fmt::Display>(errors: &[E]) -> anyhow::Error {
    anyhow::Error::msg(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
