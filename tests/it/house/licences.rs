//! What the crates bring along: licences, their source, versions that come twice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

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
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--all-features",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
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
    let known: BTreeMap<&str, &str> = include_str!("../duplicate_crates.txt")
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
