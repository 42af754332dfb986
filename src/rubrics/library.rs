//! The folder of rubrics: every version of every rubric, their golden cases, and everything that is wrong, at once.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Concern, Problem, RubricError, Warning};
use super::golden::GoldenCase;
use super::{Rubric, is_rubric_name};

const CASES: &str = "cases.jsonl";

/// What a folder of rubrics holds.
#[derive(Debug, Default)]
pub struct Library {
    /// Every sound version, by name and version.
    pub rubrics: Vec<Rubric>,
    /// The sound golden cases of each rubric.
    pub cases: BTreeMap<String, Vec<GoldenCase>>,
    /// What is wrong.
    pub errors: Vec<RubricError>,
    /// What works but should be looked at.
    pub warnings: Vec<Warning>,
}

/// All versions of all rubrics under `dir`; or everything that is wrong with them.
pub fn load(dir: &Path) -> Result<Vec<Rubric>, Vec<RubricError>> {
    let library = Library::read(dir);
    if library.errors.is_empty() { Ok(library.rubrics) } else { Err(library.errors) }
}

impl Library {
    /// Reads everything under `dir`. What is wrong is collected, never skipped.
    pub fn read(dir: &Path) -> Self {
        let mut library = Self::default();
        match entries(dir) {
            Err(error) => library.errors.push(RubricError::of_file(dir, Problem::Unreadable(error))),
            Ok(entries) => {
                for (name, path) in entries {
                    if path.is_dir() {
                        library.read_rubric(&name, &path);
                    } else if is_markdown(&path) && name != "README.md" {
                        library.warn(&path, Concern::StrayFile);
                    }
                }
            }
        }
        library
    }

    /// The version `version` of the rubric `name`, or its newest.
    pub fn find(&self, name: &str, version: Option<u32>) -> Option<&Rubric> {
        let versions = self.rubrics.iter().filter(|rubric| rubric.name == name);
        match version {
            Some(version) => versions.into_iter().find(|rubric| rubric.version == version),
            None => versions.max_by_key(|rubric| rubric.version),
        }
    }

    fn warn(&mut self, path: &Path, concern: Concern) {
        self.warnings.push(Warning { path: path.to_owned(), place: None, concern });
    }

    fn read_rubric(&mut self, name: &str, dir: &Path) {
        if !is_rubric_name(name) {
            self.errors.push(RubricError::of_file(dir, Problem::Name(name.to_owned())));
            return;
        }
        let entries = match entries(dir) {
            Ok(entries) => entries,
            Err(error) => {
                self.errors.push(RubricError::of_file(dir, Problem::Unreadable(error)));
                return;
            }
        };
        let mut versions: BTreeMap<u32, PathBuf> = BTreeMap::new();
        let mut cases = None;
        for (file, path) in entries {
            match version_of(&file) {
                Some(version) => match versions.get(&version) {
                    None => {
                        versions.insert(version, path);
                    }
                    Some(other) => {
                        let problem = Problem::RepeatedVersion { version, other: other.clone() };
                        self.errors.push(RubricError::of_file(&path, problem));
                    }
                },
                None if file == CASES => cases = Some(path),
                None if is_markdown(&path) && file != "README.md" => self.warn(&path, Concern::StrayFile),
                None => {}
            }
        }
        self.warn_of_gap(dir, &versions);
        for (version, path) in &versions {
            self.read_version(name, *version, path);
        }
        match cases {
            Some(path) => self.read_cases(name, &path),
            None => self.warn(dir, Concern::NoCases),
        }
    }

    fn warn_of_gap(&mut self, dir: &Path, versions: &BTreeMap<u32, PathBuf>) {
        let Some(newest) = versions.keys().next_back().copied() else {
            self.warn(dir, Concern::NoVersion);
            return;
        };
        if let Some(missing) = (1..newest).find(|version| !versions.contains_key(version)) {
            self.warn(dir, Concern::VersionGap { missing, newest });
        }
    }

    fn read_version(&mut self, name: &str, version: u32, path: &Path) {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(RubricError::of_file(path, Problem::Unreadable(error)));
                return;
            }
        };
        match Rubric::parse_all(name, version, path, &text) {
            Ok(rubric) => {
                self.warnings.extend(rubric.warnings.iter().cloned());
                self.rubrics.push(rubric);
            }
            Err(errors) => self.errors.extend(errors),
        }
    }

    /// Golden cases speak for the newest version.
    fn read_cases(&mut self, name: &str, path: &Path) {
        let parsed = match fs::read_to_string(path) {
            Ok(text) => GoldenCase::parse_file(path, &text),
            Err(error) => Err(vec![RubricError::of_file(path, Problem::Unreadable(error))]),
        };
        let cases = match parsed {
            Ok(cases) => cases,
            Err(errors) => {
                self.errors.extend(errors);
                return;
            }
        };
        let newest = self.rubrics.iter().filter(|rubric| rubric.name == name).max_by_key(|rubric| rubric.version);
        let misfits = newest.into_iter().flat_map(|rubric| {
            cases.iter().filter_map(|case| {
                let detail = case.misfit(rubric)?;
                let problem = Problem::CaseMisfit {
                    case: case.name.clone(),
                    rubric: rubric.name.clone(),
                    version: rubric.version,
                    detail,
                };
                Some(RubricError::at(path, super::Place::line(case.line), problem))
            })
        });
        self.errors.extend(misfits.collect::<Vec<_>>());
        self.cases.insert(name.to_owned(), cases);
    }
}

/// The visible entries of a folder, by name.
fn entries(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"))
}

/// The version that a file name says: `v3.md`; `v03.md` says the same.
fn version_of(file: &str) -> Option<u32> {
    let digits = file.strip_prefix('v')?.strip_suffix(".md")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
