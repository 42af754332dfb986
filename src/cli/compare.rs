//! `judged compare`: whether one release answers worse than another.

use std::process::ExitCode;

use clap::ValueEnum;

use super::arguments::TimeArg;
use super::exit::{CANNOT_TELL, GATE};
use super::open_store::open_existing_store;
use super::output::{JsonFormat, Output};
use crate::config::Config;
use crate::lifecycle::rubric_loader;
use crate::report::RubricFacts;
use crate::report::releases::{Choice, ReleaseComparison, ReleaseInput, ReleaseVerdict, markdown, text};
use crate::rubrics::{Rubric, RubricReference};
use crate::store::Store;

/// Tells whether one release of your application answers worse than another.
///
/// `judged compare 2.3 2.4` compares two values of `service.version`; without them, the newest with the one before. The
/// difference is that of good answers: what the judge passes, freed of its errors as labels show them, and without what a changed mix
/// of segments explains. The interval that decides holds at every look, so that it may run after each deploy.
///
/// Exit codes: 0 it is not worse by more than the margin, 3 it is, 4 nobody can tell yet.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The side before: a value of what `--by` names. With `--by time`, the moment that parts the two.
    old: Option<String>,
    /// The side after.
    new: Option<String>,
    /// What tells the two apart: `service.version`, `prompt.version`, `model` (which model answered), a segment, or `time`.
    #[arg(long, default_value = "service.version")]
    by: String,
    /// Only this rubric; by default every one that judges.
    #[arg(long)]
    rubric: Option<String>,
    /// Only answers observed since, from the beginning of that hour: `7d`, `2026-01-31`.
    #[arg(long)]
    since: Option<TimeArg>,
    /// Worse by no more than this is not called worse: `0.03` for three points of a hundred.
    #[arg(long, default_value_t = 0.0, value_parser = margin)]
    margin: f64,
    /// How to print it: `markdown` is for a pull request.
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    format: CompareFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CompareFormat {
    Text,
    Markdown,
    Json,
}

fn margin(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(margin) if (0.0..1.0).contains(&margin) => Ok(margin),
        _ => Err("expected a share from 0 to below 1, such as 0.03".to_owned()),
    }
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let compared = compare(&args, &store, config).await;
    store.close().await;
    let comparison = compared?;
    match args.format {
        CompareFormat::Text => output.text(&text(&comparison))?,
        CompareFormat::Markdown => output.text(&markdown(&comparison))?,
        CompareFormat::Json => output.json(JsonFormat::Comparison, &comparison)?,
    }
    Ok(match comparison.verdict {
        ReleaseVerdict::Worse => ExitCode::from(GATE),
        ReleaseVerdict::CannotTell => ExitCode::from(CANNOT_TELL),
        ReleaseVerdict::Better | ReleaseVerdict::NotWorse => ExitCode::SUCCESS,
    })
}

async fn compare(args: &Args, store: &Store, config: &Config) -> anyhow::Result<ReleaseComparison> {
    let rubrics = rubrics(args, store, config).await?;
    let since_ms = args.since.map(|since| since.ms(store.now_ms()));
    let choice = Choice { by: &args.by, old: args.old.as_deref(), new: args.new.as_deref(), since_ms };
    let (sides, _) = choice.sides(store).await?;
    let input = ReleaseInput::read(store, sides, &rubrics).await?;
    Ok(ReleaseComparison::of(&input, args.margin).with_examples(store, &input).await?)
}

/// Every version of the rubrics that judge, or of the one that was asked for.
async fn rubrics(args: &Args, store: &Store, config: &Config) -> anyhow::Result<Vec<RubricFacts>> {
    let in_use = rubric_loader::look(store, &config.rubrics).await?;
    let wanted: Vec<String> = match &args.rubric {
        Some(name) => {
            let reference = RubricReference { name: name.clone(), version: None };
            vec![rubric_loader::version(store, &config.rubrics, &reference).await?.name.clone()]
        }
        None => in_use.active.iter().map(|rubric| rubric.name.clone()).collect(),
    };
    let facts = |rubric: &std::sync::Arc<Rubric>| RubricFacts::from(rubric.as_ref());
    Ok(in_use.all.iter().filter(|rubric| wanted.contains(&rubric.name)).map(facts).collect())
}
