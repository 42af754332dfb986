//! What the documents say of the repository is so: links lead somewhere, named files exist, and commands are the program's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Markdown files of a folder, in order.
fn pages_of(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut pages: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    assert!(!pages.is_empty(), "{folder} has no pages");
    pages
}

/// Everything that people read, but for rubrics.
fn pages() -> Vec<PathBuf> {
    ["", "docs", "docs/decisions", "deploy", ".github"].into_iter().flat_map(pages_of).collect()
}

fn captures(pattern: &str, text: &str) -> Vec<String> {
    Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// The text without blocks of code, where brackets and hashes mean something else.
fn prose(text: &str) -> String {
    Regex::new(r"(?ms)^ *```.*?^ *```").unwrap().replace_all(text, "").into_owned()
}

fn links(text: &str) -> Vec<String> {
    captures(r"\]\(([^)\s]+)\)", &prose(text)).into_iter().filter(|link| !link.contains("://")).collect()
}

/// The anchors under which a page's headings can be reached.
fn anchors(text: &str) -> BTreeSet<String> {
    let anchor = |heading: &str| -> String {
        let kept = |character: &char| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_');
        heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    captures(r"(?m)^#+ (.+)$", &prose(text)).iter().map(|heading| anchor(heading)).collect()
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_in_it() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&read(&page)) {
            let (path, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let reached = match anchor {
                Some(anchor) => target.is_file() && anchors(&read(&target)).contains(anchor),
                None => target.exists(),
            };
            if !reached {
                broken.push(format!("{}: {link}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn every_page_is_reached_from_the_readme() {
    let linked: BTreeSet<String> = links(&read(&root().join("README.md"))).into_iter().collect();
    for page in pages_of("docs") {
        let name = format!("docs/{}", page.file_name().unwrap().to_str().unwrap());
        assert!(linked.contains(&name), "README.md does not link {name}");
    }
}

/// Decision records speak of what was, and the changelog of what was then: their paths may be gone.
#[test]
fn every_file_that_a_page_names_exists() {
    let history = [root().join("CHANGELOG.md"), root().join("docs/decisions")];
    let mut gone = Vec::new();
    for page in pages().into_iter().filter(|page| !history.iter().any(|past| page.starts_with(past))) {
        for path in
            captures(r"`((?:src|tests|scripts|docs|deploy|migrations|demo|benches)/[\w./-]+)", &prose(&read(&page)))
        {
            if !root().join(path.trim_end_matches('.')).exists() {
                gone.push(format!("{}: {path}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(gone.is_empty(), "files that are not there:\n{}", gone.join("\n"));
}

/// The commands that the help of `judged …` lists.
fn commands(of: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_judged")).args(of).arg("--help").output().unwrap();
    assert!(output.status.success(), "judged {} --help failed", of.join(" "));
    let help = String::from_utf8(output.stdout).unwrap();
    let listed = help.split_once("Commands:").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or(""));
    captures(r"(?m)^  ([a-z-]+)", listed).into_iter().filter(|name| name != "help").collect()
}

#[test]
fn the_readme_has_every_command_and_no_other() {
    let rows = captures(r"(?m)^\| `judged ([^`]+)` \|", &read(&root().join("README.md")));
    let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        let row = row.replace("\\|", "|");
        let (command, rest) = row.split_once(' ').unwrap_or((&row, ""));
        let first = rest.split(' ').next().unwrap_or("");
        let of = if first.contains('|') { first.split('|').map(str::to_owned).collect() } else { BTreeSet::new() };
        described.insert(command.to_owned(), of);
    }
    assert_eq!(described.keys().cloned().collect::<BTreeSet<_>>(), commands(&[]), "the table of commands");
    for (command, subcommands) in described.iter().filter(|(_, subcommands)| !subcommands.is_empty()) {
        assert_eq!(subcommands, &commands(&[command]), "the row of `judged {command}`");
    }
}

#[test]
fn every_decision_record_is_in_the_index_under_its_own_title() {
    let index = read(&root().join("docs/decisions/README.md"));
    let mut numbers = BTreeSet::new();
    for page in pages_of("docs/decisions") {
        let name = page.file_name().unwrap().to_str().unwrap();
        let Some((number, _)) = name.split_once('-').filter(|(number, _)| number.parse::<u32>().is_ok()) else {
            continue;
        };
        assert!(numbers.insert(number.to_owned()), "two records have the number {number}");
        let text = read(&page);
        let title = text.lines().next().unwrap().strip_prefix(&format!("# {number}: "));
        let title = title.unwrap_or_else(|| panic!("{name} does not begin with `# {number}: `"));
        assert!(index.contains(&format!("| [{number}]({name}) | {title} |")), "the index lacks {name} with its title");
        for part in ["\nStatus: ", "\n## Context\n", "\n## Decision\n", "\n## Consequences\n"] {
            assert!(text.contains(part), "{name} lacks `{}`", part.trim());
        }
    }
    assert!(numbers.len() > 1, "docs/decisions has no records");
}
