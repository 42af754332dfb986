//! No circle of files: what two files need of each other has a place of its own, below both.

use std::collections::{BTreeMap, BTreeSet};

use super::resolver::{CRATE, Crate, Target};

/// The uses between the files of a crate, each with what is used. Tests aside; a file that makes the names of its own
/// child modules visible does not use them by that.
fn uses_between_files(house: &Crate) -> BTreeMap<&str, BTreeMap<&str, BTreeSet<String>>> {
    let mut graph: BTreeMap<&str, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for (from, module) in house.modules.iter().enumerate().filter(|(_, module)| !module.tests) {
        let mut targets = BTreeSet::new();
        for import in &module.imports {
            let found = house.import(from, &import.path).targets.into_iter();
            targets.extend(found.filter(|target| match target {
                Target::Item { module: at, .. } => {
                    !(import.exported && house.modules[*at].path.starts_with(&module.path))
                }
                // What is used of the module shows where it is used.
                Target::Module(_) | Target::Outside(_) => false,
            }));
        }
        targets.extend(module.mentions.iter().flat_map(|mention| house.mention(from, mention).targets));
        for target in targets {
            let (at, name) = match target {
                Target::Item { module, name } => (module, name),
                Target::Module(module) => (module, String::new()),
                Target::Outside(_) => continue,
            };
            let used = &house.modules[at];
            if used.file != module.file {
                let name = used.path.iter().cloned().chain([name]).collect::<Vec<_>>().join("::");
                graph.entry(&module.file).or_default().entry(&used.file).or_default().insert(name);
            }
        }
    }
    graph
}

/// The largest groups in which each reaches every other.
pub(super) fn circles<'a>(graph: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<BTreeSet<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph.keys().map(|from| (*from, reached_from(from, graph))).collect();
    let mut found = BTreeSet::new();
    for (from, there) in reached.iter().filter(|(from, there)| there.contains(*from)) {
        let back = |at: &&&str| reached.get(**at).is_some_and(|reached| reached.contains(from));
        found.insert(there.iter().filter(back).copied().collect::<BTreeSet<&str>>());
    }
    found.into_iter().collect()
}

fn reached_from<'a>(from: &str, graph: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut pending: Vec<&str> = vec![from];
    while let Some(at) = pending.pop() {
        for next in graph.get(at).into_iter().flatten() {
            if reached.insert(*next) {
                pending.push(next);
            }
        }
    }
    reached
}

/// The circles of files of a crate, and for each what is used along it.
fn circles_of_files(house: &Crate) -> Vec<(BTreeSet<&str>, String)> {
    let uses = uses_between_files(house);
    let graph = uses.iter().map(|(from, to)| (*from, to.keys().copied().collect())).collect();
    let described = |circle: &BTreeSet<&str>| -> String {
        let mut text = format!("{circle:?}\n");
        for from in circle {
            for (to, names) in uses[from].iter().filter(|(to, _)| circle.contains(*to)) {
                text.push_str(&format!("    {from} uses {to}: {}\n", Vec::from_iter(names.clone()).join(", ")));
            }
        }
        text
    };
    circles(&graph).into_iter().map(|circle| (circle.clone(), described(&circle))).collect()
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let found = circles_of_files(&CRATE);
    let told: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
    assert!(told.is_empty(), "circles of files; move what both need to a file of its own:\n{}", told.join("\n"));
}

fn circles_in(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let files = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let house = Crate::of(&files);
    circles_of_files(&house).into_iter().map(|(circle, _)| circle.into_iter().map(str::to_owned).collect()).collect()
}

#[test]
fn a_child_that_uses_an_item_of_the_file_that_calls_it_is_a_circle() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod child; pub struct Shared; fn f() { child::called(); }"),
        ("a/child.rs", "use super::Shared; pub fn called() {}"),
    ];
    assert_eq!(circles_in(&files), [["a/child.rs", "a/mod.rs"]]);
}

#[test]
fn a_parent_that_only_re_exports_its_children_is_in_no_circle() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod one; mod two; pub use one::One; pub use two::Two; pub struct Shared;"),
        ("a/one.rs", "use super::{Shared, Two}; pub struct One;"),
        ("a/two.rs", "pub struct Two;"),
    ];
    assert!(circles_in(&files).is_empty());
}

#[test]
fn a_circle_over_three_files_is_found() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "pub fn f() { crate::b::f(); }"),
        ("b.rs", "use crate::c; pub fn f() { c::f(); }"),
        ("c.rs", "pub fn f() { format!(\"{}\", crate::a::f()); }"),
        ("d.rs", "pub fn f() { crate::a::f(); }"),
    ];
    assert_eq!(circles_in(&files), [["a.rs", "b.rs", "c.rs"]]);
}
