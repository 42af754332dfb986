//! `judged audit`: who changed what, and when.

use std::process::ExitCode;

use super::arguments::TimeArg;
use super::open_store::open_existing_store;
use super::output::{Format, JsonFormat, Output, Table, minute};
use crate::config::Config;
use crate::store::AuditEntry;

/// Prints the audit log: every change by a person, on the pages, over the API or by a command, the latest first.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only what happened since: `24h`, `7d`, `2026-01-31`.
    #[arg(long)]
    since: Option<TimeArg>,
    /// At most so many entries.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let since_ms = args.since.map_or(0, |since| since.ms(store.now_ms()));
    let entries = store.audit_log(since_ms, None, args.limit).await?;
    store.close().await;
    match args.format {
        Format::Json => output.json(JsonFormat::Audit, &serde_json::json!({ "entries": entries }))?,
        Format::Table => output.text(&render(&entries))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn render(entries: &[AuditEntry]) -> String {
    if entries.is_empty() {
        return "Nobody has changed anything.\n".to_owned();
    }
    let mut table = Table::new(&["when", "who", "known by", "did", "to", "more"]);
    for entry in entries {
        table.row(vec![
            minute(entry.at.0),
            entry.actor.clone(),
            entry.way.as_str().to_owned(),
            entry.action.as_str().replace('_', " "),
            entry.target.clone(),
            entry.detail.clone(),
        ]);
    }
    table.render()
}
