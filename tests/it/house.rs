//! The rules of the house that a compiler does not hold: direction of dependencies, licences, duplicate crates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rooms from the ground up. A room may use rooms of lower floors and those named beside it, never a higher one.
const FLOORS: &[&[&str]] = &[
    &["model"],
    &["otlp", "statistics", "clock", "error_chain", "config", "net", "secrets"],
    &["conventions", "sampling", "privacy"],
    &["store"],
    &["rubrics", "judges"],
    &["telemetry"],
    &["pipeline", "calibration"],
    &["lifecycle"],
    &["web"],
    &["cli"],
];

/// Rooms without I/O, clock or runtime.
const PURE: &[&str] = &["model", "otlp", "statistics", "conventions", "sampling", "privacy"];
const IMPURE_CRATES: &[&str] =
    &["tokio", "sqlx", "reqwest", "axum", "tonic", "lapin", "std::fs", "std::net", "SystemTime::now", "Instant::now"];

fn sources(room: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.join(room)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let single = root.join(format!("{room}.rs"));
    if single.exists() {
        files.push(single);
    }
    assert!(!files.is_empty(), "room {room} has no source; is the list of floors up to date?");
    files.into_iter().map(|path| (path.clone(), code_of(&std::fs::read_to_string(&path).unwrap()))).collect()
}

/// The text without comments and without what only tests compile.
fn code_of(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| {
        part.as_os_str()
            .to_str()
            .is_some_and(|part| part.trim_end_matches(".rs").ends_with("tests") || part.starts_with("testing"))
    })
}

#[test]
fn dependencies_run_towards_the_ground() {
    let mut wrong = Vec::new();
    for (floor, rooms) in FLOORS.iter().enumerate() {
        let higher: BTreeSet<&str> = FLOORS[floor + 1..].iter().flat_map(|rooms| rooms.iter().copied()).collect();
        for room in *rooms {
            for (path, code) in sources(room) {
                if is_test_file(&path) {
                    continue;
                }
                for name in &higher {
                    if code.contains(&format!("crate::{name}::")) || code.contains(&format!("crate::{name};")) {
                        wrong.push(format!("{} uses {name}", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "rooms that look up:\n{}", wrong.join("\n"));
}

#[test]
fn the_stages_of_the_pipeline_meet_only_in_the_store() {
    let stages = ["intake", "assembly", "evaluation", "delivery"];
    for stage in stages {
        for (path, code) in sources(&format!("pipeline/{stage}")) {
            for other in stages.iter().filter(|other| **other != stage) {
                assert!(!code.contains(&format!("pipeline::{other}")), "{} uses pipeline::{other}", path.display());
            }
        }
    }
}

/// Whether `code` names the crate or path `wanted`, rather than something that only ends like it.
fn names(code: &str, wanted: &str) -> bool {
    code.match_indices(wanted).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + wanted.len()..];
        !before.is_some_and(|before| before == ':' || before == '_' || before.is_alphanumeric())
            && (after.starts_with("::") || after.starts_with(';') || after.starts_with('('))
    })
}

#[test]
fn pure_rooms_do_no_input_or_output() {
    for room in PURE {
        for (path, code) in sources(room) {
            if is_test_file(&path) {
                continue;
            }
            for name in IMPURE_CRATES {
                assert!(!names(&code, name), "{} uses {name}", path.display());
            }
        }
    }
}

#[test]
fn files_stay_small_enough_to_read() {
    let mut rooms: Vec<&str> = FLOORS.iter().flat_map(|rooms| rooms.iter().copied()).collect();
    rooms.sort_unstable();
    let long: Vec<String> = rooms
        .into_iter()
        .flat_map(sources)
        .filter(|(_, code)| code.lines().count() > 600)
        .map(|(path, code)| format!("{} has {} lines of code", path.display(), code.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[derive(serde::Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(serde::Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(serde::Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(serde::Deserialize)]
struct Node {
    id: String,
}

/// The packages that end up in the program on Linux.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    let used: BTreeSet<String> = metadata.resolve.nodes.into_iter().map(|node| node.id).collect();
    metadata.packages.into_iter().filter(|package| used.contains(&package.id)).collect()
}

#[test]
fn every_dependency_has_a_licence_we_accept_and_comes_from_the_registry() {
    const ACCEPTED: &[&str] = &[
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Zlib",
        "0BSD",
        "Unicode-3.0",
        "CC0-1.0",
        "MIT-0",
        "BSL-1.0",
        "Unlicense",
        "CDLA-Permissive-2.0",
    ];
    let mut refused = Vec::new();
    for package in packages().iter().filter(|package| package.name != "judged") {
        let licence = package.license.clone().unwrap_or_default().replace('/', " OR ");
        // Every AND-part needs one OR-choice that is accepted.
        let accepted = licence
            .replace(['(', ')'], "")
            .split(" AND ")
            .all(|part| part.split(" OR ").any(|choice| ACCEPTED.contains(&choice.trim())));
        if !accepted {
            refused.push(format!("{} {}: {licence:?}", package.name, package.version));
        }
        if !package.source.as_deref().is_some_and(|source| source.starts_with("registry+")) {
            refused.push(format!("{} {} comes from {:?}", package.name, package.version, package.source));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn no_crate_comes_twice_without_a_reason() {
    // name → why two versions cannot be avoided today
    let known: BTreeMap<&str, &str> = include_str!("duplicate_crates.txt")
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(':').expect("`crate: reason` on every line"))
        .collect();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(package.name).or_default().insert(package.version);
    }
    let repeated: BTreeMap<&String, &BTreeSet<String>> =
        versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    let new: Vec<_> = repeated.iter().filter(|(name, _)| !known.contains_key(name.as_str())).collect();
    assert!(
        new.is_empty(),
        "crates that come in several versions; align them, or give the reason in duplicate_crates.txt: {new:?}"
    );
    let gone: Vec<_> = known.keys().filter(|name| !repeated.keys().any(|repeated| repeated == *name)).collect();
    assert!(gone.is_empty(), "no longer repeated, remove from duplicate_crates.txt: {gone:?}");
}
