//! The library that a command looks at, and versions by their name.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::super::exit::USAGE;
use super::super::output::Output;
use crate::rubrics::{Library, Rubric, RubricReference};

/// The library. What is wrong with some rubrics is said, but does not keep others from being looked at.
pub(super) fn opened(dir: &Path, output: &mut Output) -> Library {
    let library = Library::open(dir);
    for error in &library.errors {
        output.note(error);
    }
    library
}

/// The library, when all of it is sound.
pub(super) fn sound(dir: &Path, output: &mut Output) -> Result<Library, ExitCode> {
    let library = opened(dir, output);
    if library.errors.is_empty() { Ok(library) } else { Err(ExitCode::from(USAGE)) }
}

/// The version that `wanted` names, or what there is instead.
pub(super) fn find<'a>(library: &'a Library, wanted: &RubricReference) -> anyhow::Result<&'a Rubric> {
    library.find(&wanted.name, wanted.version).with_context(|| {
        let versions: Vec<String> =
            library.rubrics.iter().filter(|rubric| rubric.name == wanted.name).map(Rubric::reference).collect();
        if versions.is_empty() {
            let mut names: Vec<&str> = library.rubrics.iter().map(|rubric| rubric.name.as_str()).collect();
            names.dedup();
            format!("there is no sound rubric `{}`; there are: {}", wanted.name, names.join(", "))
        } else {
            format!("`{}` has no such sound version; there are: {}", wanted.name, versions.join(", "))
        }
    })
}
