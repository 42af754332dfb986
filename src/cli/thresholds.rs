//! `judged thresholds`: from which probability on a judge's verdict is `pass`.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::acting;
use super::open_store::open_existing_store;
use super::output::{Output, Table};
use crate::config::Config;
use crate::model::Estimate;
use crate::report::{ReportInput, ReportOptions, RubricFacts, labelled_probabilities};
use crate::rubrics::Rubric;
use crate::statistics::bootstrap::Plan;
use crate::statistics::threshold::{Chosen, Method, choose};
use crate::store::{AuditAction, Store, ThresholdKey};

/// Chooses and lists thresholds of judges that give probabilities.
///
/// A decision model gives the probability that an answer passes; it passes from 0.5 on, until labels choose another threshold.
///
/// A threshold that is chosen here judges only what comes after it, under a series of its own: no verdict that was stored or
/// delivered changes. What it gains is told on labels that it was not chosen on, with an interval, which may hold 0.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Says which threshold the labels choose and what it gains; with --apply it is in force from then on.
    Choose {
        /// The rubric.
        #[arg(long)]
        rubric: String,
        /// The judge, where several have labels.
        #[arg(long)]
        judge: Option<String>,
        /// How it is found.
        #[arg(long, value_enum, default_value_t = By::Agreement)]
        by: By,
        /// Puts it in force for what is judged from now on.
        #[arg(long)]
        apply: bool,
    },
    /// Prints the thresholds that were chosen.
    List,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// The most agreement with people.
    Agreement,
    /// Isotonic regression.
    Isotonic,
    /// Logistic regression on the log odds.
    Platt,
}

impl From<By> for Method {
    fn from(by: By) -> Self {
        match by {
            By::Agreement => Self::Agreement,
            By::Isotonic => Self::Isotonic,
            By::Platt => Self::Platt,
        }
    }
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    match args.action {
        Action::Choose { rubric, judge, by, apply } => {
            choose_for(&store, (&rubric, judge.as_deref()), by.into(), apply, output).await?;
        }
        Action::List => list(&store, output).await?,
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn choose_for(
    store: &Store,
    (rubric, judge): (&str, Option<&str>),
    method: Method,
    apply: bool,
    output: &mut Output,
) -> anyhow::Result<()> {
    let versions = store.rubric_versions().await?.into_iter().map(|version| version.rubric);
    let facts: Vec<RubricFacts> = versions
        .filter(|version| version.name == rubric)
        .filter_map(|version| {
            let path = std::path::Path::new("registry");
            Rubric::parse(&version.name, version.version, path, &version.source).ok()
        })
        .map(|rubric| RubricFacts::from(&rubric))
        .collect();
    anyhow::ensure!(
        !facts.is_empty(),
        "no version of `{rubric}` is published; `judged rubrics list --registry` shows what is"
    );
    let input = ReportInput::read_labelled(store, facts, ReportOptions::default()).await?;
    let mut found = labelled_probabilities(&input, rubric);
    found.retain(|key, _| judge.is_none_or(|judge| key.judge == judge));
    anyhow::ensure!(
        !found.is_empty(),
        "no labelled answer has a probability by a binary rubric of this name; label what a decision model has judged (`judged labels queue --rubric {rubric}`)"
    );
    for (key, items) in found {
        match choose(&items, method, &Plan::default()) {
            Ok(chosen) => {
                output.say(described(&key, &chosen))?;
                if apply {
                    put_in_force(store, &key, &chosen, output).await?;
                }
            }
            Err(reason) => output.say(format_args!(
                "{}: {} labels choose no threshold: {reason}; 0.5 stays",
                name_of(&key),
                items.len()
            ))?,
        }
    }
    Ok(())
}

async fn put_in_force(store: &Store, key: &ThresholdKey, chosen: &Chosen, output: &mut Output) -> anyhow::Result<()> {
    let Some(value) = chosen.threshold.value() else { return Ok(()) };
    let evidence = json!({
        "threshold": chosen.threshold,
        "labels": chosen.labels,
        "agreement_cross_fitted": chosen.agreement,
        "agreement_at_even_odds": chosen.at_even_odds,
        "gain_cross_fitted": chosen.gain,
    });
    let number = store.choose_threshold(key, value, chosen.method.as_str(), &evidence.to_string()).await?;
    acting::note(store, AuditAction::ThresholdChosen, &key.rubric, &format!("{number}: {value:.4} for {}", key.judge))
        .await?;
    output.say(format_args!(
        "In force for what is judged from now on, within ten seconds, as threshold {number}: a series of its own."
    ))?;
    Ok(())
}

fn name_of(key: &ThresholdKey) -> String {
    format!("{} v{} by {} ({})", key.rubric, key.version, key.judge, key.model)
}

fn described(key: &ThresholdKey, chosen: &Chosen) -> String {
    let nothing = chosen.gain.interval().is_none_or(|gain| gain.low <= 0.0);
    format!(
        "{}: threshold {} by {} from {} labels\n  agreement on labels that it was not chosen on: {}\n  at 0.5: {}\n  gain: {}{}",
        name_of(key),
        number(&chosen.threshold),
        chosen.method.as_str(),
        chosen.labels,
        number(&chosen.agreement),
        number(&chosen.at_even_odds),
        number(&chosen.gain),
        if nothing { " (it may gain nothing: more labels would tell)" } else { "" },
    )
}

fn number(estimate: &Estimate) -> String {
    match (estimate.value(), estimate.interval()) {
        (Some(value), Some(interval)) => format!("{value:.3} ({:.3} to {:.3})", interval.low, interval.high),
        (Some(value), None) => format!("{value:.3}"),
        (None, _) => "not known".to_owned(),
    }
}

async fn list(store: &Store, output: &mut Output) -> anyhow::Result<()> {
    let mut table = Table::new(&["rubric", "judge", "model", "number", "threshold", "found by", "labels"]);
    for one in store.thresholds().await? {
        let evidence: serde_json::Value = serde_json::from_str(&one.evidence).unwrap_or_default();
        table.row(vec![
            format!("{} v{}", one.key.rubric, one.key.version),
            one.key.judge,
            one.key.model,
            one.number.to_string(),
            format!("{:.4}", one.value),
            one.method,
            evidence["labels"].to_string(),
        ]);
    }
    Ok(output.text(&table.render())?)
}
