//! Which room may use which, and what a pure room may not do.

use std::collections::{BTreeMap, BTreeSet};

use super::circles::circles;
use super::resolver::{CRATE, Target};

/// The rooms from the ground up. A room may use rooms of lower floors and those named beside it, never a higher one.
const FLOORS: &[&[&str]] = &[
    &["model"],
    &["otlp", "statistics", "clock", "error_chain", "panics", "config", "net", "secrets"],
    &["conventions", "sampling", "privacy", "agreement", "cells"],
    &["store"],
    &["rubrics", "judges"],
    &["telemetry"],
    &["pipeline", "alerts", "drift", "labels", "report", "simulation", "forgetting"],
    &["lifecycle"],
    &["web"],
    &["cli", "bench"],
];

/// Rooms without I/O, clock or runtime.
const PURE: &[&str] = &["model", "otlp", "statistics", "conventions", "sampling", "privacy", "agreement", "cells"];
const IMPURE: &[&str] = &[
    "tokio",
    "sqlx",
    "reqwest",
    "axum",
    "tonic",
    "lapin",
    "std::fs",
    "std::net",
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

/// One path as it is written somewhere, with the modules that it leads to or through.
struct Use {
    from: usize,
    written: String,
    modules: BTreeSet<usize>,
    outside: Vec<String>,
}

fn uses() -> Vec<Use> {
    let mut found = Vec::new();
    for (from, module) in CRATE.modules.iter().enumerate() {
        let imports = module.imports.iter().map(|import| (&import.path, CRATE.import(from, &import.path)));
        let mentions = module.mentions.iter().map(|mention| (&mention.path, CRATE.mention(from, mention)));
        for (path, resolved) in imports.chain(mentions) {
            let mut modules = resolved.through;
            let mut outside = Vec::new();
            for target in resolved.targets {
                match target {
                    Target::Module(module) | Target::Item { module, .. } => {
                        modules.insert(module);
                    }
                    Target::Outside(path) => outside.push(path.join("::")),
                }
            }
            found.push(Use { from, written: path.join("::"), modules, outside });
        }
    }
    found
}

fn room(module: usize) -> Option<&'static str> {
    CRATE.modules[module].path.first().map(String::as_str)
}

/// The uses by which product code of one room reaches another: from, to, where.
fn between_rooms() -> BTreeSet<(&'static str, &'static str, String)> {
    let mut found = BTreeSet::new();
    for used in uses().iter().filter(|used| !CRATE.modules[used.from].tests) {
        for to in used.modules.iter().filter_map(|module| room(*module)) {
            if let Some(from) = room(used.from).filter(|from| *from != to) {
                found.insert((from, to, format!("{} uses {}", CRATE.modules[used.from].file, used.written)));
            }
        }
    }
    found
}

#[test]
fn every_room_has_its_floor() {
    let listed: BTreeSet<&str> = FLOORS.iter().flat_map(|rooms| rooms.iter().copied()).collect();
    let rooms: BTreeSet<&str> =
        (0..CRATE.modules.len()).filter(|module| !CRATE.modules[*module].tests).filter_map(room).collect();
    assert_eq!(rooms, listed);
}

#[test]
fn dependencies_run_towards_the_ground() {
    let floor: BTreeMap<&str, usize> =
        FLOORS.iter().enumerate().flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor))).collect();
    let wrong: Vec<String> = between_rooms()
        .into_iter()
        .filter(|(from, to, _)| floor[to] > floor[from])
        .map(|(_, to, place)| format!("{place} of {to}"))
        .collect();
    assert!(wrong.is_empty(), "rooms that look up:\n{}", wrong.join("\n"));
}

#[test]
fn rooms_of_one_floor_form_no_circle() {
    let mut graph: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to, _) in between_rooms() {
        graph.entry(from).or_default().insert(to);
    }
    assert_eq!(circles(&graph), Vec::<BTreeSet<&str>>::new());
}

#[test]
fn the_stages_of_the_pipeline_meet_only_in_the_store() {
    const STAGES: [&str; 4] = ["intake", "assembly", "evaluation", "delivery"];
    let stage = |module: usize| -> Option<&str> {
        let path = &CRATE.modules[module].path;
        let below = path.first().filter(|room| *room == "pipeline").and_then(|_| path.get(1))?;
        STAGES.into_iter().find(|stage| stage == below)
    };
    let mut wrong = BTreeSet::new();
    // Tests too: what a stage needs of another to be tested, it needs.
    for used in uses() {
        let Some(from) = stage(used.from) else { continue };
        for to in used.modules.iter().filter_map(|module| stage(*module)).filter(|to| *to != from) {
            wrong.insert(format!("{} uses {} of {to}", CRATE.modules[used.from].file, used.written));
        }
    }
    assert!(wrong.is_empty(), "stages that know each other:\n{}", Vec::from_iter(wrong).join("\n"));
}

#[test]
fn pure_rooms_do_no_input_or_output() {
    let mut wrong = BTreeSet::new();
    for used in uses().iter().filter(|used| !CRATE.modules[used.from].tests) {
        if !room(used.from).is_some_and(|room| PURE.contains(&room)) {
            continue;
        }
        for path in &used.outside {
            if IMPURE.iter().any(|impure| path == impure || path.starts_with(&format!("{impure}::"))) {
                wrong.insert(format!("{} uses {path}", CRATE.modules[used.from].file));
            }
        }
    }
    assert!(wrong.is_empty(), "pure rooms with input, output or a clock:\n{}", Vec::from_iter(wrong).join("\n"));
}
