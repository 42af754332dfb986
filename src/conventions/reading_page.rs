//! The tables of `docs/reading.md` are what the code knows.

use super::switches::CONTENT_SWITCHES;
use crate::model::{Named as _, ProblemCode};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reading.md");

fn problems() -> String {
    let mut table = "| code | what happened | what to do |\n|---|---|---|\n".to_owned();
    for code in ProblemCode::ALL {
        table += &format!("| `{}` | {} | {} |\n", code.as_str(), code.meaning(), code.remedy().unwrap_or("nothing"));
    }
    table
}

fn switches() -> String {
    let mut table = "| instrumentation | known by | set |\n|---|---|---|\n".to_owned();
    for switch in CONTENT_SWITCHES {
        table += &format!("| {} | {} | {} |\n", switch.instrumentation, switch.known_by(), switch.set);
    }
    table
}

/// The page with the lines between the marks of a table replaced by it.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("docs/reading.md has no mark {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/reading.md has no mark {end}"));
    format!("{before}{begin}\n{table}\n{end}{after}")
}

#[test]
fn docs_page_of_reading_has_every_problem_and_every_switch() {
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    let page = with_table(&with_table(&written, "problems", &problems()), "switches", &switches());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
        return;
    }
    assert!(written == page, "docs/reading.md is out of date; run UPDATE_DOCS=1 cargo test --lib docs_page");
}
