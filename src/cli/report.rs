//! `judged report`: can the scores be trusted, what moved, what to do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;

use super::arguments::TimeArg;
use super::open_store::open_existing_store;
use super::output::Output;
use crate::config::Config;
use crate::lifecycle::{self, rubric_loader};
use crate::report::baseline;
use crate::report::{ReportData, ReportInput, ReportOptions, RubricFacts, html, json, markdown};
use crate::store::Store;

/// Writes the report: can the scores be trusted, what moved, what to do.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The forms to write, with commas between them.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [ReportFormat::Html, ReportFormat::Md, ReportFormat::Json])]
    format: Vec<ReportFormat>,
    /// Where to.
    #[arg(long, default_value = ".", value_name = "DIR")]
    out: PathBuf,
    /// Only what was observed since, from the beginning of that hour: `7d`, `2026-01-31`.
    #[arg(long)]
    since: Option<TimeArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Html,
    Md,
    Json,
}

/// Writes the report and says where it is.
pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let since_ms = args.since.map(|since| since.ms(store.now_ms()));
    let report = build(&store, config, since_ms).await?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    for format in &args.format {
        output.say(write_as(&report, *format, &args.out)?.display())?;
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Computes the report of everything in the store and writes all its forms to `out`.
pub(super) async fn write(store: &Store, config: &Config, out: &Path) -> anyhow::Result<ReportData> {
    let report = build(store, config, None).await?;
    for format in [ReportFormat::Html, ReportFormat::Md, ReportFormat::Json] {
        write_as(&report, format, out)?;
    }
    Ok(report)
}

/// The same of verdicts that were made up; `note` says so in the report.
pub(super) async fn write_simulated(
    store: &Store,
    config: &Config,
    out: &Path,
    note: String,
) -> anyhow::Result<ReportData> {
    let mut input = input(store, config, None).await?;
    input.options.simulation = Some(note);
    let report = ReportData::build(&input);
    for format in [ReportFormat::Html, ReportFormat::Md, ReportFormat::Json] {
        write_as(&report, format, out)?;
    }
    Ok(report)
}

async fn build(store: &Store, config: &Config, since_ms: Option<i64>) -> anyhow::Result<ReportData> {
    Ok(ReportData::build(&input(store, config, since_ms).await?))
}

/// The rows that a report is made of.
pub(super) async fn input(store: &Store, config: &Config, since_ms: Option<i64>) -> anyhow::Result<ReportInput> {
    let in_use = rubric_loader::look(store, &config.rubrics).await?;
    let rubrics = in_use.all;
    let enabled = Some(in_use.active.iter().map(|rubric| rubric.name.clone()).collect());
    let facts = rubrics.iter().map(|rubric| RubricFacts::from(rubric.as_ref())).collect();
    let baselines = lifecycle::baselines(config);
    let options = ReportOptions { since_ms, baselines, enabled, ..ReportOptions::default() };
    let mut input = ReportInput::read(store, facts, Vec::new(), options).await?;
    baseline::beside(store, &rubrics, &mut input).await?;
    Ok(input)
}

fn write_as(report: &ReportData, format: ReportFormat, out: &Path) -> anyhow::Result<PathBuf> {
    let (name, text) = match format {
        ReportFormat::Html => ("report.html", html::render(report)?),
        ReportFormat::Md => ("report.md", markdown::render(report)),
        ReportFormat::Json => ("report.json", json::render(report)?),
    };
    let path = out.join(name);
    write_private(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Writes a file that its owner may read, and nobody else: answers and reasons are quoted in it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let options = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).to_owned();
    options.open(path)?.write_all(text.as_bytes())
}
