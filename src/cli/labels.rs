//! `judged labels`: human labels in and out.

mod disagreements;
mod import;
mod keys;
mod pull;
mod queue;
mod rubrics;
mod status;

use std::process::ExitCode;

use clap::Subcommand;

pub(super) use self::keys::seal_key;
pub(super) use self::rubrics::labelled_rubrics;

use super::open_store::open_existing_store;
use super::output::Output;
use crate::config::Config;
use crate::labels::ExportedLabel;
use crate::lifecycle::rubric_loader;

/// Draws, imports and exports human labels.
///
/// Without more: which labels there are, what a first figure of agreement still needs, and the command that brings it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    Import(import::Args),
    Pull(pull::Args),
    Queue(queue::Args),
    /// Prints all labels as JSON lines.
    Export,
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    match args.action {
        None => status(config, output).await,
        Some(Action::Import(args)) => import::run(args, config, output).await,
        Some(Action::Pull(args)) => pull::run(args, config, output).await,
        Some(Action::Queue(args)) => queue::run(args, config, output).await,
        Some(Action::Export) => export(config, output).await,
    }
}

async fn status(config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let active = rubric_loader::look(&store, &config.rubrics).await?.active;
    let names: Vec<String> = active.iter().map(|rubric| rubric.name.clone()).collect();
    let labels = store.labels().await?;
    let judged = store.labelled_evaluations(0).await?.into_iter().map(|one| (one.rubric, one.subject)).collect();
    store.close().await;
    output.text(&status::said(&labels, &judged, &names))?;
    Ok(ExitCode::SUCCESS)
}

async fn export(config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let key = seal_key(&store, config).await?;
    for (label, first_seen_ms) in store.labels_as_seen().await? {
        output.json_line(&ExportedLabel::of(&label, first_seen_ms, &key))?;
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
