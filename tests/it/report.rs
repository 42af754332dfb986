//! The report over ten days of a support assistant, read from the store.

use judged::calibration::report::{ReportData, ReportInput, ReportOptions, html, json, markdown};

use crate::support::databases::Database;
use crate::support::evaluated::{rubric_facts, ten_days};

async fn report(database: &Database) -> ReportData {
    ten_days(database).await;
    let input = ReportInput::read(&database.store, rubric_facts(), Vec::new(), ReportOptions::default()).await.unwrap();
    ReportData::build(&input)
}

/// Where the rendered twins are left for a look.
fn keep(name: &str, text: &str) {
    std::fs::write(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), text).unwrap();
}

#[tokio::test]
async fn the_twins_of_one_report() {
    let report = report(&Database::sqlite().await).await;
    let page = html::render(&report).unwrap();
    keep("report.html", &page);
    keep("report.md", &markdown::render(&report));
    keep("report.json", &json::render(&report).unwrap());
}
