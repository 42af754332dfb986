//! `judged calibration`: what was said of judges when it was said, and making anew what is computed.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use super::acting;
use super::arguments::TimeArg;
use super::open_store::open_existing_store;
use super::output::{Format, Output, Table};
use crate::config::Config;
use crate::store::{AuditAction, Store, TakenSnapshot};

/// Prints what calibration said of each rubric version and judge, as it was said.
///
/// Labels and scores that came or changed later are not in it.
///
/// A running judged notes it once a day, and once an hour while it changes.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// The latest word of each rubric version and judge by then: `2026-01-31`, or `7d` for a week ago. A day counts from its
    /// beginning.
    #[arg(long, value_name = "TIME", conflicts_with = "since")]
    as_of: Option<TimeArg>,
    /// Every word since: `7d`, `2026-01-31`. Without either: the latest word.
    #[arg(long)]
    since: Option<TimeArg>,
    /// How to print it; `json` is one object a line with every number.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes the statistics of scores anew from every stored evaluation. Workers may run meanwhile; what they store is counted
    /// as well, and reports are complete from the newest hours on.
    Rebuild {
        /// Replaces statistics that a newer release of judged keeps; after going back to this one for good.
        #[arg(long)]
        newer_is_gone: bool,
    },
}

/// Evaluations that are counted in one transaction.
const GROUP: usize = 1_000;

#[derive(Serialize)]
struct Line<'a> {
    taken_at: String,
    rubric: &'a str,
    version: u32,
    judge: &'a str,
    #[serde(flatten)]
    content: Value,
}

/// Prints.
pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    if let Some(Action::Rebuild { newer_is_gone }) = args.action {
        return rebuild(&store, newer_is_gone, output).await;
    }
    let now_ms = store.now_ms();
    let from_ms = args.since.map(|since| since.ms(now_ms));
    let until_ms = args.as_of.map_or(now_ms, |as_of| as_of.ms(now_ms));
    let mut taken = store.snapshots(from_ms.unwrap_or(0)).await?;
    store.close().await;
    if from_ms.is_none() {
        taken = latest(taken, until_ms);
    }
    let mut table = Table::new(&["taken", "rubric", "judge", "labels", "agreement", "verdict", "flags"]);
    for snapshot in &taken {
        let content: Value = serde_json::from_str(&snapshot.content)?;
        match args.format {
            Format::Json => output.json_line(&line(snapshot, content))?,
            Format::Table => table.row(row(snapshot, &content)),
        }
    }
    if args.format == Format::Table {
        output.text(&if taken.is_empty() { "Nothing was noted by then.\n".to_owned() } else { table.render() })?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn rebuild(store: &Store, newer_is_gone: bool, output: &mut Output) -> anyhow::Result<ExitCode> {
    store.rebuild_cells(newer_is_gone).await?;
    let mut counted = 0;
    loop {
        let folding = store.fold(GROUP).await?;
        counted += folding.changed;
        if !folding.is_behind {
            break;
        }
    }
    acting::note(store, AuditAction::CellsRebuilt, "", "").await?;
    let set_aside = store.set_aside_evaluations().await?;
    store.close().await;
    output.say(format_args!("The statistics of scores are made anew from {counted} evaluations."))?;
    if set_aside > 0 {
        output.say(format_args!("Left out, because they cannot be read: {set_aside}; the log names them."))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The latest snapshot of each rubric version and judge up to `until_ms`; `taken` is in order of time.
fn latest(taken: Vec<TakenSnapshot>, until_ms: i64) -> Vec<TakenSnapshot> {
    let by_then = taken.into_iter().filter(|snapshot| snapshot.taken_at_ms <= until_ms);
    let of = |snapshot: TakenSnapshot| ((snapshot.rubric.clone(), snapshot.version, snapshot.judge.clone()), snapshot);
    by_then.map(of).collect::<BTreeMap<_, _>>().into_values().collect()
}

fn line(snapshot: &TakenSnapshot, content: Value) -> Line<'_> {
    Line {
        taken_at: time(snapshot.taken_at_ms),
        rubric: &snapshot.rubric,
        version: snapshot.version,
        judge: &snapshot.judge,
        content,
    }
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms} ms"), |time| time.to_string())
}

fn row(snapshot: &TakenSnapshot, content: &Value) -> Vec<String> {
    let agreement = &content["agreement"];
    let of = |part: &str| &agreement[part]["raw_agreement"];
    let raw = if of("pass_fail").is_object() { of("pass_fail") } else { of("on_scale") };
    let number = |key: &str| raw[key].as_f64().map(|number| format!("{number:.3}"));
    let agreement = match (number("value"), number("low"), number("high")) {
        (Some(value), Some(low), Some(high)) => format!("{value} [{low}, {high}]"),
        (value, ..) => {
            format!("{} ({})", value.unwrap_or_default(), raw["reason"].as_str().unwrap_or("no reason given"))
        }
    };
    vec![
        time(snapshot.taken_at_ms),
        format!("{} v{}", snapshot.rubric, snapshot.version),
        snapshot.judge.clone(),
        content["labels"].to_string(),
        agreement.trim().to_owned(),
        content["verdict"].as_str().unwrap_or_default().replace('_', " "),
        content["flags"].as_array().map_or(0, Vec::len).to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(taken_at_ms: i64, labels: u64) -> TakenSnapshot {
        let content = serde_json::json!({
            "labels": labels,
            "verdict": "too_few_labels",
            "agreement": { "pass_fail": { "raw_agreement": { "value": 0.9, "low": 0.8, "high": 0.95 } } },
            "flags": [],
        });
        TakenSnapshot {
            taken_at_ms,
            rubric: "faithfulness".into(),
            version: 1,
            judge: "default".into(),
            content: content.to_string(),
        }
    }

    #[test]
    fn what_was_said_later_is_not_what_was_said_then() {
        let all = vec![taken(1_000, 10), taken(2_000, 20), taken(3_000, 30)];
        let then = latest(all, 2_500);
        assert_eq!(then.iter().map(|snapshot| snapshot.taken_at_ms).collect::<Vec<_>>(), [2_000]);
        let cells = row(&then[0], &serde_json::from_str(&then[0].content).unwrap());
        assert_eq!(cells[3..], ["20", "0.900 [0.800, 0.950]", "too few labels", "0"]);
    }
}
