//! `judged labels`: human labels in and out.

mod pull;
mod queue;
mod rubrics;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

pub(super) use self::rubrics::labelled_rubrics;

use super::acting;
use super::exit::success_if;
use super::input;
use super::open_store::open_existing_store;
use super::output::{Output, RecordFormat};
use crate::config::Config;
use crate::error_chain::causes;
use crate::labels::{self, ExportedLabel, LabelFormat};
use crate::store::AuditAction;

/// Imports and exports human labels.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Imports labels from JSON lines or CSV; a wrong line is named and the others are stored.
    ///
    /// Exit code 1 when a line was wrong.
    Import {
        /// The files; `-` is standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// How they are written; by default told from the name.
        #[arg(long, value_enum)]
        format: Option<RecordFormat>,
    },
    Pull(pull::Args),
    Queue(queue::Args),
    /// Prints all labels as JSON lines.
    Export,
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Import { files, format } => import(&files, format, config, output).await,
        Action::Pull(args) => pull::run(args, config, output).await,
        Action::Queue(args) => queue::run(args, config, output).await,
        Action::Export => export(config, output).await,
    }
}

async fn import(
    files: &[PathBuf],
    format: Option<RecordFormat>,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let rubrics = labelled_rubrics(config)?;
    let mut all_stored = true;
    for file in files {
        let text = input::text(file)?;
        let format = match format {
            Some(RecordFormat::Jsonl) => LabelFormat::JsonLines,
            Some(RecordFormat::Csv) => LabelFormat::Csv,
            None if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) => LabelFormat::Csv,
            None => LabelFormat::JsonLines,
        };
        let import = labels::import(&store, &rubrics, labels::read_lines(format, &text)).await?;
        if import.stored > 0 {
            let detail = format!("{} labels", import.stored);
            acting::note(&store, AuditAction::LabelsImported, &file.display().to_string(), &detail).await?;
        }
        for (line, error) in &import.refused {
            output.note(format_args!("{}:{line}: {}", file.display(), causes(error)));
        }
        output.say(format_args!(
            "{}: {} stored, {} known already, {} left empty, {} refused",
            file.display(),
            import.stored,
            import.known,
            import.empty,
            import.refused.len()
        ))?;
        all_stored &= import.refused.is_empty();
    }
    store.close().await;
    Ok(success_if(all_stored))
}

async fn export(config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    for (label, first_seen_ms) in store.labels_as_seen().await? {
        output.json_line(&ExportedLabel::of(&label, first_seen_ms))?;
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}
