//! What the demo says while it runs, and its table at the end.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use super::super::table::{Table, count};
use super::data::RECORDINGS;
use super::receiver::Received;
use crate::calibration::labels::Import;
use crate::calibration::report::{ReportData, RubricReport, SeriesReport};
use crate::lifecycle::Service;
use crate::model::Probability;
use crate::statistics::Estimate;
use crate::store::Ledger;

/// What is about to happen.
pub(super) fn opening(service: &Service, rate: Probability, out: &Path) {
    println!("judged demo: the main job on bundled spans of {} instrumentations\n", RECORDINGS.len());
    for recording in RECORDINGS {
        println!("  · {}", recording.producer);
    }
    let judges: std::collections::BTreeSet<String> =
        service.catalogue.active().iter().map(|rubric| rubric.judge.clone()).collect();
    for judge in judges.iter().filter_map(|judge| service.judges.get(judge)) {
        println!("\n  judge     `{}`: {}", judge.name(), judge.describe());
    }
    println!(
        "  rate      {} of the traces is judged (production: 10–20 %; change it with --rate)",
        percent(rate.get())
    );
    println!("  files     {}\n", out.display());
}

/// One stage is done.
pub(super) fn step(name: &str, what: &str, clock: Instant) {
    clear();
    println!("  {name:<10}{what}  ({:.1} s)", clock.elapsed().as_secs_f64());
}

/// How far evaluation is, on a terminal.
pub(super) fn progress(ledger: &Ledger) {
    if !std::io::stdout().is_terminal() {
        return;
    }
    let (mut done, mut all) = (0, 0);
    for account in &ledger.rubrics {
        all += account.subjects;
        done += account.subjects - account.pending;
    }
    print!("\r\x1b[2K  judging   {done} of {all} …");
    flush();
}

fn clear() {
    if std::io::stdout().is_terminal() {
        print!("\r\x1b[2K");
        flush();
    }
}

fn flush() {
    // A terminal that cannot be written to shows no progress; the results do not depend on it.
    if std::io::stdout().flush().is_err() {
        tracing::debug!("standard output cannot be flushed");
    }
}

/// Assembly and evaluation are done.
pub(super) fn judged(ledger: &Ledger, clock: Instant) {
    let sum = |of: fn(&crate::store::EvaluationAccount) -> i64| ledger.rubrics.iter().map(of).sum::<i64>();
    let what = format!(
        "{} spans kept of {}; {} decisions: {} scored, {} abstained, {} failed, {} filtered, {} sampled out",
        count(ledger.intake.kept),
        count(ledger.intake.received),
        count(sum(|account| account.subjects)),
        count(sum(|account| account.scored)),
        count(sum(|account| account.abstained)),
        count(sum(|account| account.failed)),
        count(sum(|account| account.filtered.values().sum())),
        count(sum(|account| account.sampled_out)),
    );
    step("judging", &what, clock);
}

/// Delivery is done.
pub(super) fn delivered(received: &Received, clock: Instant) {
    let what = format!(
        "{} evaluation events and {} EVALUATOR spans arrived over OTLP, for {} judged spans",
        count(received.events as i64),
        count(received.spans as i64),
        count(received.judged.len() as i64),
    );
    step("delivery", &what, clock);
}

/// Labels are in.
pub(super) fn labelled(import: &Import, rate: Probability, clock: Instant) {
    let mut what =
        format!("{} labels imported, given by the author of the bundled conversations", count(import.stored as i64));
    if !import.refused.is_empty() {
        let why = if rate < Probability::ONE { " (their traces were not drawn at this rate)" } else { "" };
        what += &format!(", {} refused{why}", count(import.refused.len() as i64));
    }
    step("labels", &what, clock);
}

/// Seen, judged, and how far the judge agrees with people, by rubric.
pub(super) fn table(report: &ReportData, ledger: &Ledger) {
    let mut table =
        Table::new(&["rubric", "subjects", "judged", "labelled", "agreement with people", "majority class"]);
    for account in &ledger.rubrics {
        let series = report
            .rubrics
            .iter()
            .find(|rubric| rubric.name == account.rubric)
            .and_then(|rubric| current(rubric, account.version, &account.judge));
        table.row(vec![
            format!("{} v{}", account.rubric, account.version),
            count(account.subjects),
            count(account.scored + account.abstained + account.failed),
            series.map_or_else(|| "-".to_owned(), |series| count(series.agreement.items as i64)),
            series.map_or_else(|| "-".to_owned(), agreement),
            series
                .and_then(|series| series.agreement.majority_class.as_ref())
                .map_or_else(|| "-".to_owned(), |majority| format!("{} {}", majority.label, estimate(&majority.share))),
        ]);
    }
    println!("\n{}", table.render());
}

fn current<'a>(rubric: &'a RubricReport, version: i64, judge: &str) -> Option<&'a SeriesReport> {
    rubric
        .series
        .iter()
        .filter(|series| i64::from(series.version) == version && series.judge == judge)
        .max_by_key(|series| series.scored)
}

fn agreement(series: &SeriesReport) -> String {
    match (&series.agreement.pass_fail, &series.agreement.on_scale) {
        (Some(agreement), _) => estimate(&agreement.raw_agreement),
        (None, Some(agreement)) => estimate(&agreement.raw_agreement),
        (None, None) => "-".to_owned(),
    }
}

/// A share with its interval, or the reason why there is none.
fn estimate(estimate: &Estimate) -> String {
    match (estimate.value(), estimate.interval(), estimate.reason()) {
        (Some(value), Some(interval), _) => format!("{value:.2} [{:.2}, {:.2}]", interval.low, interval.high),
        (Some(value), None, Some(reason)) => format!("{value:.2} ({reason})"),
        (None, _, Some(reason)) => reason.to_string(),
        (Some(value), None, None) => format!("{value:.2}"),
        (None, _, None) => "-".to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

/// The verdict, and where to look next.
pub(super) fn closing(report: &ReportData, out: &Path, ledger: &Ledger) {
    for sentence in &report.headline {
        println!("  {sentence}");
    }
    let cost_usd: f64 = report.judges.iter().map(|judge| judge.cost_usd).sum();
    let free = report.judges.iter().all(|judge| judge.input_tokens == 0);
    println!(
        "\n  cost      {}",
        if free { "nothing: the judge is offline".to_owned() } else { format!("${cost_usd:.4}") }
    );
    println!("  ledger    {}", if ledger.balanced { "both accounts balance" } else { "DOES NOT BALANCE" });
    println!("  report    {}", out.join("report.html").display());
    println!("\nWhere to look next:");
    println!("  the report in a browser                  file://{}", out.join("report.html").display());
    let database = format!("JUDGED__STORE__URL=sqlite://{}", out.join("judged.db").display());
    println!("  the account of every span and decision   {database} judged ledger");
    println!("  what judged sees in your own spans       judged inspect FILE.jsonl");
    println!("  your own traffic                         judged run   (README: \"Your own traffic\")");
}
