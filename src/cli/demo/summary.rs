//! What the demo says while it runs, and its table at the end.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::super::output::{Output, Table, count};
use super::data::RECORDINGS;
use super::receiver::Received;
use crate::labels::Import;
use crate::lifecycle::Service;
use crate::model::Probability;
use crate::report::{ReportData, RubricReport, SeriesReport};
use crate::statistics::Estimate;
use crate::store::Ledger;

/// What is about to happen.
pub(super) fn opening(service: &Service, rate: Probability, out: &Path) -> String {
    let mut lines =
        vec![format!("judged demo: the main job on bundled spans of {} instrumentations\n", RECORDINGS.len())];
    lines.extend(RECORDINGS.iter().map(|recording| format!("  · {}", recording.producer)));
    let judges: BTreeSet<String> = service.catalogue.active().iter().map(|rubric| rubric.judge.clone()).collect();
    for judge in judges.iter().filter_map(|judge| service.judges.get(judge)) {
        lines.push(format!("\n  judge     `{}`: {}", judge.name(), judge.describe()));
    }
    let rate = percent(rate.get());
    lines.push(format!("  rate      {rate} of the traces is judged (production: 10–20 %; change it with --rate)"));
    lines.push(format!("  files     {}\n", out.display()));
    lines.join("\n")
}

/// One stage is done.
pub(super) fn step(output: &mut Output, name: &str, what: &str, clock: Instant) -> io::Result<()> {
    output.say(format_args!("  {name:<10}{what}  ({:.1} s)", clock.elapsed().as_secs_f64()))
}

/// How far evaluation is.
pub(super) fn progress(output: &mut Output, ledger: &Ledger) {
    let (mut done, mut all) = (0, 0);
    for account in &ledger.rubrics {
        all += account.subjects;
        done += account.subjects - account.pending;
    }
    output.progress(format_args!("  judging   {done} of {all} …"));
}

/// Assembly and evaluation are done.
pub(super) fn judged(output: &mut Output, ledger: &Ledger, clock: Instant) -> io::Result<()> {
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
    step(output, "judging", &what, clock)
}

/// Delivery is done.
pub(super) fn delivered(output: &mut Output, received: &Received, clock: Instant) -> io::Result<()> {
    let what = format!(
        "{} evaluation events and {} EVALUATOR spans arrived over OTLP, for {} judged spans",
        count(received.events as i64),
        count(received.spans as i64),
        count(received.judged.len() as i64),
    );
    step(output, "delivery", &what, clock)
}

/// Labels are in.
pub(super) fn labelled(output: &mut Output, import: &Import, rate: Probability, clock: Instant) -> io::Result<()> {
    let mut what =
        format!("{} labels imported, given by the author of the bundled conversations", count(import.stored as i64));
    if !import.refused.is_empty() {
        let why = if rate < Probability::ONE { " (their traces were not drawn at this rate)" } else { "" };
        what += &format!(", {} refused{why}", count(import.refused.len() as i64));
    }
    step(output, "labels", &what, clock)
}

/// Seen, judged, and how far the judge agrees with people, by rubric.
pub(super) fn table(report: &ReportData, ledger: &Ledger) -> String {
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
    table.render()
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
pub(super) fn closing(report: &ReportData, out: &Path, ledger: &Ledger) -> String {
    let mut lines: Vec<String> = report.headline.iter().map(|sentence| format!("  {sentence}")).collect();
    let cost_usd: f64 = report.judges.iter().map(|judge| judge.cost_usd).sum();
    let free = report.judges.iter().all(|judge| judge.input_tokens == 0);
    let cost = if free { "nothing: the judge is offline".to_owned() } else { format!("${cost_usd:.4}") };
    let (page, database) = (out.join("report.html"), out.join("judged.db"));
    lines.extend([
        format!("\n  cost      {cost}"),
        format!("  ledger    {}", balance(ledger)),
        format!("  report    {}", page.display()),
        "\nWhere to look next:".to_owned(),
        format!("  the report in a browser                  file://{}", page.display()),
        format!(
            "  the account of every span and decision   JUDGED__STORE__URL=sqlite://{} judged ledger",
            database.display()
        ),
        "  what judged sees in your own spans       judged inspect FILE.jsonl".to_owned(),
        "  your own traffic                         judged run   (README: \"Your own traffic\")".to_owned(),
    ]);
    lines.join("\n")
}

/// Whether the accounts balance.
pub(super) fn balance(ledger: &Ledger) -> &'static str {
    if ledger.balanced { "the accounts balance" } else { "DOES NOT BALANCE" }
}
