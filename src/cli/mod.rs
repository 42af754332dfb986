//! The command line: one file for each command; `output` prints.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a gate did not hold.

mod agreement;
mod alerts;
mod anchors;
mod backfill;
mod calibration;
mod demo;
mod doctor;
mod drift;
mod export;
mod inspect;
mod labels;
mod ledger;
mod output;
mod plan;
mod replay;
mod report;
mod rubrics;
mod run;
mod secrets;
mod simulate;
mod time_arg;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use self::output::Output;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::error_chain::causes;
use crate::judges::JudgesConfigError;
use crate::lifecycle::StartError;
use crate::lifecycle::rubric_loader::LibraryError;
use crate::pipeline::delivery::sinks::SinkConfigError;
use crate::pipeline::delivery::webhooks::WebhookConfigError;
use crate::privacy::PrivacyError;
use crate::sampling::SamplerError;
use crate::store::{Store, StoreError};
use crate::telemetry::TelemetryError;
use crate::web::WebError;

/// Judges LLM spans next to an OpenTelemetry Collector, writes the scores back, and keeps the judge honest.
#[derive(Debug, Parser)]
#[command(name = "judged", version, max_term_width = 100)]
struct Cli {
    /// The configuration file; without it `judged.toml`, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the main job on bundled real spans: intake to report, in one go, without key or server.
    Demo(demo::Args),
    /// Runs the service.
    Run(run::Args),
    /// Lists alerts, and says that somebody has looked at one or that it is over.
    Alerts(alerts::Args),
    /// Prints how well judges agree with humans, from any file of labels.
    Agreement(agreement::Args),
    /// Judges the past through the same ledger, with a cost estimate first.
    Backfill(backfill::Args),
    /// Prints what calibration said of each rubric version and judge, as it was said.
    Calibration(calibration::Args),
    /// Chooses and lists the fixed sets that judges are held against.
    Anchors(anchors::Args),
    /// Checks configuration, database, broker, judges and sinks, and says what to fix.
    Doctor(doctor::Args),
    /// Prints one line for each thing that moved in a history of labels.
    Drift(drift::Args),
    /// Prints scores as JSON lines or CSV.
    Export(export::Args),
    /// Shows what judged sees in OTLP files.
    Inspect(inspect::Args),
    /// Imports and exports human labels.
    Labels(labels::Args),
    /// Prints the accounts of the ledger and whether they balance.
    Ledger(ledger::Args),
    /// Prints how many labels a week it takes to see a drop.
    Plan(plan::Args),
    /// Writes the report: can the scores be trusted, what moved, what to do.
    Report(report::Args),
    /// Lists, checks, tries and publishes rubrics.
    Rubrics(rubrics::Args),
    /// Shows which keys there are and where they come from, and makes new ones.
    Secrets(secrets::Args),
    /// Measures false alarms, detection delay and coverage on made-up histories.
    Simulate(simulate::Args),
    /// Feeds OTLP files into an intake.
    Replay(replay::Args),
}

/// Wrong usage or configuration.
const USAGE: u8 = 2;
/// A gate that did not hold.
const GATE: u8 = 3;

/// Parses the command line, runs the command and turns its result into an exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::of_process();
    crate::net::tls::install_provider();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.note(format_args!("error: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(dispatch(cli, &mut output));
    match done.and_then(|code| output.flush().map(|()| code).map_err(Into::into)) {
        Ok(code) => code,
        Err(error) => {
            output.note(format_args!("error: {}", causes(error.as_ref())));
            if is_usage(&error) { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// Whether the command line or the configuration has to change, rather than the world.
fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<ConfigError>()
            || cause.is::<Usage>()
            || cause.is::<JudgesConfigError>()
            || cause.is::<SinkConfigError>()
            || cause.is::<WebhookConfigError>()
            || cause.is::<SamplerError>()
            || cause.is::<PrivacyError>()
            || cause.is::<TelemetryError>()
            || matches!(cause.downcast_ref(), Some(WebError::Exposed(_) | WebError::Token(_)))
            || matches!(cause.downcast_ref(), Some(StoreError::Url(_)))
            || matches!(
                cause.downcast_ref(),
                Some(LibraryError::Files(_) | LibraryError::Changed(_) | LibraryError::Selection(_))
            )
            || cause.downcast_ref::<StartError>().is_some_and(StartError::is_configuration)
    })
}

/// A value on the command line that clap cannot check.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// The moment that `--since` means.
fn since_ms(text: Option<&str>, now_ms: i64) -> Result<Option<i64>, Usage> {
    text.map(|text| time_arg::parse(text, now_ms).map_err(|message| Usage(format!("--since: {message}")))).transpose()
}

async fn dispatch(cli: Cli, output: &mut Output) -> anyhow::Result<ExitCode> {
    let config = || Config::load(cli.config.as_deref(), std::env::vars());
    match cli.command {
        Command::Demo(args) => demo::run(args, config()?, output).await,
        Command::Run(args) => run::run(args, config()?).await,
        Command::Agreement(args) => agreement::run(args, output),
        Command::Backfill(args) => backfill::run(args, &config()?, output).await,
        Command::Alerts(args) => alerts::run(args, &config()?, output).await,
        Command::Calibration(args) => calibration::run(args, &config()?, output).await,
        Command::Anchors(args) => anchors::run(args, &config()?, output).await,
        Command::Doctor(args) => doctor::run(args, &config()?, output).await,
        Command::Drift(args) => drift::run(args, config, output).await,
        Command::Plan(args) => plan::run(args, output),
        Command::Export(args) => export::run(args, &config()?, output).await,
        Command::Inspect(args) => inspect::run(&args, output),
        Command::Labels(args) => labels::run(args, &config()?, output).await,
        Command::Ledger(args) => ledger::run(args, &config()?, output).await,
        Command::Report(args) => report::run(args, &config()?, output).await,
        Command::Rubrics(args) => rubrics::run(args, &config()?, output).await,
        Command::Secrets(args) => secrets::run(args, &config()?, output).await,
        Command::Simulate(args) => simulate::run(&args, output),
        Command::Replay(args) => replay::run(args, &config()?, output).await,
    }
}

/// Several errors as one, a line each.
fn all<E: std::fmt::Display>(errors: &[E]) -> anyhow::Error {
    anyhow::Error::msg(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Opens the configured database, which must be there: a command that reads it says nothing true of an empty one that it
/// made itself.
async fn open_existing_store(config: &Config) -> anyhow::Result<Store> {
    if let Some(path) = config.store.url.strip_prefix("sqlite://").map(|rest| rest.split('?').next().unwrap_or(rest))
        && !path.contains(":memory:")
        && !std::path::Path::new(path).exists()
    {
        return Err(Usage(format!(
            "there is no database {path}: run this where judged.toml is, name it with --config, or set store.url"
        ))
        .into());
    }
    open_store(config).await
}

/// Opens the configured database; SQLite's is made when it is not there.
async fn open_store(config: &Config) -> anyhow::Result<Store> {
    Store::open(&config.store.url, Clock::system()).await.context("the store is not usable")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
