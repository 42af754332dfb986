//! The folder of rubrics: every version of every rubric, their golden cases, and everything that is wrong, at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Concern, Place, Problem, RubricError, Warning};
use super::golden::GoldenCase;
use super::{Rubric, is_rubric_name};

const CASES: &str = "cases.jsonl";
const README: &str = "README.md";

/// No rubric and no set of golden cases is larger.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Reads a regular file: a pipe would be waited for, and a device has no end.
fn read_file(path: &Path) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if metadata.len() > LARGEST_FILE {
        return Err(io::Error::other(format!("it is larger than {LARGEST_FILE} bytes")));
    }
    fs::read_to_string(path)
}

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
    /// The rubrics that come from the library inside the program.
    shipped: BTreeSet<String>,
}

/// All versions of all rubrics under `dir` and in the library inside, by name and version; or everything that is wrong
/// with them.
pub fn load(dir: &Path) -> Result<Vec<Rubric>, Vec<RubricError>> {
    let library = Library::open(dir);
    if library.errors.is_empty() { Ok(library.rubrics) } else { Err(library.errors) }
}

impl Library {
    /// Reads everything under `dir`. What is wrong is collected, never skipped.
    pub fn read(dir: &Path) -> Self {
        let mut library = Self::default();
        let Some(folders) = library.entries(dir) else { return library };
        for (name, path) in folders {
            if path.is_dir() {
                library.read_rubric(&name, &path);
            } else if is_markdown(&name) && name != README {
                library.warn(&path, Concern::StrayFile);
            }
        }
        library
    }

    /// What is under `dir` and in the library inside the program, as one set; of a rubric that both have, the folder's.
    pub fn open(dir: &Path) -> Self {
        let mut library = if dir.exists() { Self::read(dir) } else { Self::default() };
        let inside = Self::shipped();
        let is_inside_only = |name: &str| !dir.join(name).is_dir();
        library.rubrics.extend(inside.rubrics.into_iter().filter(|rubric| is_inside_only(&rubric.name)));
        library.cases.extend(inside.cases.into_iter().filter(|(name, _)| is_inside_only(name)));
        library.shipped = inside.shipped.into_iter().filter(|name| is_inside_only(name)).collect();
        library.rubrics.sort_by(|one, other| (&one.name, one.version).cmp(&(&other.name, other.version)));
        library
    }

    /// Whether the folder has any rubric.
    pub fn has_own(&self) -> bool {
        self.rubrics.iter().any(|rubric| !self.is_shipped(&rubric.name))
    }

    /// Whether a rubric comes from the library inside the program.
    pub fn is_shipped(&self, name: &str) -> bool {
        self.shipped.contains(name)
    }

    /// The library inside the program, of its texts: path below a folder of rubrics, and text.
    pub(super) fn of_files(files: &[(&str, &str)]) -> Self {
        let mut library = Self::default();
        for (path, text) in files {
            let (name, file) = path.split_once('/').unwrap_or(("", path));
            match version_of(file) {
                Some(version) => library.add_version(name, version, Path::new(path), text),
                None => library.add_cases(name, Path::new(path), text),
            }
        }
        library.shipped = library.rubrics.iter().map(|rubric| rubric.name.clone()).collect();
        library
    }

    /// The version `version` of the rubric `name`, or its newest.
    pub fn find(&self, name: &str, version: Option<u32>) -> Option<&Rubric> {
        let mut versions = self.rubrics.iter().filter(|rubric| rubric.name == name);
        match version {
            Some(version) => versions.find(|rubric| rubric.version == version),
            None => versions.max_by_key(|rubric| rubric.version),
        }
    }

    fn refuse(&mut self, path: &Path, problem: Problem) {
        self.errors.push(RubricError::of_file(path, problem));
    }

    fn warn(&mut self, path: &Path, concern: Concern) {
        self.warnings.push(Warning { path: path.to_owned(), place: None, concern });
    }

    /// The visible entries of a folder, by name.
    fn entries(&mut self, dir: &Path) -> Option<Vec<(String, PathBuf)>> {
        let read = || -> io::Result<Vec<(String, PathBuf)>> {
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
        };
        read().map_err(|error| self.refuse(dir, Problem::Unreadable(error))).ok()
    }

    fn text(&mut self, path: &Path) -> Option<String> {
        read_file(path).map_err(|error| self.refuse(path, Problem::Unreadable(error))).ok()
    }

    fn read_rubric(&mut self, name: &str, dir: &Path) {
        if !is_rubric_name(name) {
            self.refuse(dir, Problem::Name(name.to_owned()));
            return;
        }
        let Some(files) = self.entries(dir) else { return };
        let mut versions: BTreeMap<u32, PathBuf> = BTreeMap::new();
        let mut cases = None;
        for (file, path) in files {
            match version_of(&file) {
                Some(version) => match versions.get(&version).cloned() {
                    None => {
                        versions.insert(version, path);
                    }
                    Some(other) => self.refuse(&path, Problem::RepeatedVersion { version, other }),
                },
                None if file == CASES => cases = Some(path),
                None if is_markdown(&file) && file != README => self.warn(&path, Concern::StrayFile),
                None => {}
            }
        }
        self.warn_of_gap(dir, &versions);
        for (version, path) in &versions {
            if let Some(text) = self.text(path) {
                self.add_version(name, *version, path, &text);
            }
        }
        match cases {
            Some(path) => {
                if let Some(text) = self.text(&path) {
                    self.add_cases(name, &path, &text);
                }
            }
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

    fn add_version(&mut self, name: &str, version: u32, path: &Path, text: &str) {
        match Rubric::parse_all(name, version, path, text) {
            Ok(rubric) => {
                self.warnings.extend(rubric.warnings.iter().cloned());
                self.rubrics.push(rubric);
            }
            Err(errors) => self.errors.extend(errors),
        }
    }

    /// Golden cases speak for the newest version.
    fn add_cases(&mut self, name: &str, path: &Path, text: &str) {
        let cases = match GoldenCase::parse_file(path, text) {
            Ok(cases) => cases,
            Err(errors) => {
                self.errors.extend(errors);
                return;
            }
        };
        let mut misfits = Vec::new();
        if let Some(newest) = self.find(name, None) {
            for case in &cases {
                let Some(detail) = case.misfit(newest) else { continue };
                let (case_name, rubric) = (case.name.clone(), newest.name.clone());
                let problem = Problem::CaseMisfit { case: case_name, rubric, version: newest.version, detail };
                misfits.push(RubricError::at(path, Place::line(case.line), problem));
            }
        }
        self.errors.extend(misfits);
        self.cases.insert(name.to_owned(), cases);
    }
}

fn is_markdown(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"))
}

/// The version that a file name says: `v3.md`; `v03.md` says the same.
fn version_of(file: &str) -> Option<u32> {
    let digits = file.strip_prefix('v')?.strip_suffix(".md")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::tests::TOY;
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    /// Complaints with the temporary folder's name cut out.
    fn complaints(dir: &tempfile::TempDir) -> String {
        let library = Library::read(dir.path());
        let errors = library.errors.iter().map(ToString::to_string);
        let warnings = library.warnings.iter().map(ToString::to_string);
        let all: Vec<String> = errors.chain(warnings).collect();
        all.join("\n").replace(&format!("{}/", dir.path().display()), "")
    }

    #[test]
    fn all_versions_are_read_and_the_newest_is_found() {
        let dir = folder(&[("toy/v1.md", TOY), ("toy/v2.md", TOY), ("toy/v10.md", TOY)]);
        let library = Library::read(dir.path());
        assert_eq!(library.find("toy", None).map(Rubric::reference).as_deref(), Some("toy@10"));
        assert_eq!(library.find("toy", Some(2)).map(Rubric::reference).as_deref(), Some("toy@2"));
        assert!(library.find("toy", Some(3)).is_none());
        let both = load(dir.path()).unwrap();
        assert_eq!(both.len(), 3 + super::super::SHIPPED.len() / 2, "the library inside stands beside the folder");
        assert_eq!(both.iter().filter(|rubric| rubric.name == "toy").count(), 3);
    }

    #[test]
    fn everything_that_is_wrong_with_a_folder_is_said_at_once() {
        let dir = folder(&[
            ("Toy/v1.md", TOY),
            ("broken/v1.md", "no front matter"),
            ("gap/v1.md", TOY),
            ("gap/v3.md", TOY),
            ("gap/v03.md", TOY),
            ("gap/v4.md.orig.md", TOY),
            ("gap/cases.jsonl", "{\"name\":\"n\",\"content\":{\"input\":\"a\"},\"expect\":{\"pass\":true}}\n{}"),
            ("stray.md", ""),
            ("README.md", ""),
            ("zero/v0.md", TOY),
        ]);
        insta::assert_snapshot!(complaints(&dir));
        assert!(load(dir.path()).is_err());
    }

    #[test]
    fn golden_cases_must_fit_the_newest_version() {
        let cases = "{\"name\":\"n\",\"content\":{\"input\":\"a\"},\"expect\":{\"pass\":true}}\n\
                     {\"name\":\"m\",\"content\":{\"input\":\"a\",\"output\":\"b\"},\"expect\":{\"score\":3}}";
        let dir = folder(&[("toy/v1.md", TOY), ("toy/cases.jsonl", cases)]);
        insta::assert_snapshot!(complaints(&dir));
    }

    #[test]
    fn the_shipped_library_stands_in_for_a_folder_that_is_not_there() {
        let nowhere = Path::new("/nonexistent/rubrics");
        assert!(matches!(Library::read(nowhere).errors[..], [RubricError { problem: Problem::Unreadable(_), .. }]));
        assert_eq!(load(nowhere).unwrap().len(), super::super::SHIPPED.len() / 2, "the shipped library stands in");
    }

    #[test]
    fn what_is_no_regular_file_or_too_large_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, large) = (folder.path().join("pipe"), folder.path().join("large"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        fs::File::create(&large).unwrap().set_len(LARGEST_FILE + 1).unwrap();
        assert_eq!(read_file(&pipe).unwrap_err().to_string(), "it is no regular file");
        assert_eq!(read_file(&large).unwrap_err().to_string(), "it is larger than 1048576 bytes");
    }
}
