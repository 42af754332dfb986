//! The command line: one file for each command. What they read is in `input`, what they print in `output`, and what they
//! exit with in `exit`.

mod acting;
mod agreement;
mod alerts;
mod anchors;
mod arguments;
mod audit;
mod backfill;
mod calibration;
mod compare;
mod demo;
mod doctor;
mod drift;
mod evaluations;
mod exit;
mod export;
mod forget;
mod input;
mod inspect;
mod judges;
mod labels;
mod ledger;
mod open_store;
mod output;
mod parallel;
mod plan;
mod replay;
mod report;
mod rubrics;
mod run;
mod secrets;
mod simulate;
mod thresholds;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::output::Output;
use crate::config::ConfigSource;
use crate::error_chain::causes;

/// Judges LLM spans next to an OpenTelemetry Collector, writes the scores back, and keeps the judge honest.
#[derive(Debug, Parser)]
#[command(name = "judged", version, max_term_width = 100, after_help = exit::HELP)]
struct Cli {
    /// The configuration file; without it `judged.toml`, if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// The help of a command is the documentation of its arguments: one here would hide it.
#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Run(run::Args),
    Alerts(alerts::Args),
    Agreement(agreement::Args),
    Audit(audit::Args),
    Backfill(backfill::Args),
    Calibration(calibration::Args),
    Compare(compare::Args),
    Anchors(anchors::Args),
    Doctor(doctor::Args),
    Drift(drift::Args),
    Evaluations(evaluations::Args),
    Export(export::Args),
    Forget(forget::Args),
    Inspect(inspect::Args),
    Judges(judges::Args),
    Labels(labels::Args),
    Ledger(ledger::Args),
    Plan(plan::Args),
    Report(report::Args),
    Rubrics(rubrics::Args),
    Secrets(secrets::Args),
    Simulate(simulate::Args),
    Thresholds(thresholds::Args),
    Replay(replay::Args),
}

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
    // A thread that was left behind does not end.
    runtime.shutdown_background();
    match done.and_then(|code| output.flush().map(|()| code).map_err(Into::into)) {
        Ok(code) => code,
        Err(error) => {
            output.note(format_args!("error: {}", causes(error.as_ref())));
            exit::of_error(&error)
        }
    }
}

async fn dispatch(cli: Cli, output: &mut Output) -> anyhow::Result<ExitCode> {
    let source = ConfigSource::new(cli.config);
    let config = || source.load().inspect(|config| crate::net::use_proxy(config.network.proxy.clone()));
    match cli.command {
        Command::Demo(args) => Box::pin(demo::run(args, config()?, output)).await,
        Command::Run(args) => Box::pin(run::run(args, config()?, source.clone())).await,
        Command::Agreement(args) => agreement::run(args, output),
        Command::Audit(args) => audit::run(args, &config()?, output).await,
        Command::Backfill(args) => backfill::run(args, &config()?, output).await,
        Command::Alerts(args) => alerts::run(args, &config()?, output).await,
        Command::Calibration(args) => calibration::run(args, &config()?, output).await,
        Command::Compare(args) => compare::run(args, &config()?, output).await,
        Command::Anchors(args) => anchors::run(args, &config()?, output).await,
        Command::Doctor(args) => doctor::run(args, &config()?, output).await,
        Command::Drift(args) => drift::run(args, config, output).await,
        Command::Evaluations(args) => evaluations::run(args, &config()?, output).await,
        Command::Plan(args) => plan::run(args, output),
        Command::Export(args) => export::run(args, &config()?, output).await,
        Command::Forget(args) => forget::run(args, &config()?, output).await,
        Command::Inspect(args) => inspect::run(&args, output),
        Command::Judges(args) => judges::run(args, &config()?, output).await,
        Command::Labels(args) => labels::run(args, &config()?, output).await,
        Command::Ledger(args) => ledger::run(args, &config()?, output).await,
        Command::Report(args) => report::run(args, &config()?, output).await,
        Command::Rubrics(args) => rubrics::run(args, &config()?, output).await,
        Command::Secrets(args) => secrets::run(args, &config()?, output).await,
        Command::Simulate(args) => simulate::run(&args, output),
        Command::Thresholds(args) => thresholds::run(args, &config()?, output).await,
        Command::Replay(args) => replay::run(args, &config()?, output).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Scenario: a script branches on an exit code. Guarantee: the help of the command says when it is which.
    #[test]
    fn a_command_with_exit_codes_of_its_own_names_them_in_its_help() {
        for (path, codes) in [
            ("agreement", "12"),
            ("alerts test", "1"),
            ("compare", "34"),
            ("demo", "1"),
            ("doctor", "1"),
            ("drift", "3"),
            ("inspect", "1"),
            ("labels import", "1"),
            ("ledger", "1"),
            ("replay", "1"),
            ("rubrics check", "2"),
            ("rubrics list", "2"),
            ("rubrics promote", "3"),
            ("rubrics test", "13"),
            ("rubrics try", "1"),
            ("run", "1"),
        ] {
            let mut command = Cli::command();
            for name in path.split(' ') {
                command = command.find_subcommand(name).unwrap().clone();
            }
            let help = command.render_long_help().to_string();
            let (_, named) = help.rsplit_once("Exit code").unwrap_or_else(|| panic!("judged {path} --help: {help}"));
            assert!(codes.chars().all(|code| named.contains(code)), "judged {path} --help: {help}");
        }
    }
}
