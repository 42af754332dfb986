//! `judged anchors`: the fixed set that a judge is held against.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use clap::Subcommand;

use super::acting;
use super::open_store::open_existing_store;
use super::output::{Output, Table};
use crate::config::Config;
use crate::labels::anchors::choose;
use crate::model::SubjectId;
use crate::store::{AuditAction, Store, StoreError};

/// Chooses and lists the fixed sets that judges are held against.
///
/// The fixed set of labelled answers that is judged again in rounds: only the judge can move its verdicts on them.
///
/// `judged run` holds a round every `calibration.anchors_every`, and whenever a rubric gets another version, judge or
/// provider-reported model. Replays are in the ledger and in the budgets, and in no mean, chart or sink.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Chooses labelled answers, as evenly as there are over what people said of them.
    Choose {
        /// The rubric.
        #[arg(long)]
        rubric: String,
        /// How many the set is to have; 100 to 200 tell a small change from noise, fewer than 30 say nothing.
        #[arg(long, short, default_value_t = 100)]
        n: usize,
    },
    /// Adds answers by their subject ids.
    Add {
        /// The rubric.
        #[arg(long)]
        rubric: String,
        /// The subjects.
        #[arg(required = true)]
        subjects: Vec<SubjectId>,
    },
    /// Takes answers out of the set; what was judged stays.
    Remove {
        /// The rubric.
        #[arg(long)]
        rubric: String,
        /// The subjects.
        #[arg(required = true)]
        subjects: Vec<SubjectId>,
    },
    /// Prints the sets.
    List,
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    match args.action {
        Action::Choose { rubric, n } => {
            let anchors = store.anchors().await?;
            let taken: BTreeSet<SubjectId> =
                anchors.iter().filter(|anchor| anchor.rubric == rubric).map(|anchor| anchor.subject).collect();
            let chosen = choose(&store.labels().await?, &rubric, &taken, n.saturating_sub(taken.len()));
            let added = store.add_anchors(&rubric, &chosen).await?;
            note(&store, &rubric, added, "added").await?;
            output.say(format_args!("{added} anchors added for {rubric}, {} in all", taken.len() as u64 + added))?;
        }
        Action::Add { rubric, subjects } => {
            let added = store.add_anchors(&rubric, &subjects).await?;
            note(&store, &rubric, added, "added").await?;
            let others = subjects.len() as u64 - added;
            output.say(format_args!("{added} anchors added for {rubric}; {others} known already or not stored"))?;
        }
        Action::Remove { rubric, subjects } => {
            let removed = store.remove_anchors(&rubric, &subjects).await?;
            note(&store, &rubric, removed, "removed").await?;
            output.say(format_args!("{removed} anchors removed from {rubric}"))?;
        }
        Action::List => list(&store, output).await?,
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn note(store: &Store, rubric: &str, number: u64, what: &str) -> Result<(), StoreError> {
    if number == 0 {
        return Ok(());
    }
    acting::note(store, AuditAction::AnchorsChanged, rubric, &format!("{number} {what}")).await
}

async fn list(store: &Store, output: &mut Output) -> anyhow::Result<()> {
    let mut replays: BTreeMap<(String, SubjectId), usize> = BTreeMap::new();
    for verdict in store.anchor_verdicts().await? {
        *replays.entry((verdict.rubric, verdict.subject)).or_default() += 1;
    }
    let mut table = Table::new(&["rubric", "subject", "verdicts", "can be judged again"]);
    for anchor in store.anchors().await? {
        let verdicts = replays.get(&(anchor.rubric.clone(), anchor.subject)).copied().unwrap_or(0);
        table.row(vec![
            anchor.rubric,
            anchor.subject.to_string(),
            verdicts.to_string(),
            if anchor.judgeable { "yes" } else { "no: its content is gone" }.to_owned(),
        ]);
    }
    Ok(output.text(&table.render())?)
}
