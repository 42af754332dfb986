//! `judged backfill`: judges the past through the same ledger.

mod summary;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use self::summary::Summary;
use super::acting;
use super::arguments::{TimeArg, positive};
use super::exit::Usage;
use super::open_store::open_existing_store;
use super::output::{Format, JsonFormat, Output};
use crate::config::Config;
use crate::judges::{Judge, JudgeEnvironment, Judges};
use crate::lifecycle::{keys, rubric_loader, spending};
use crate::model::Probability;
use crate::pipeline::backfill::{Again, Backfill, Estimate, Known, Pace, Survey, estimate};
use crate::rubrics::RubricReference;
use crate::sampling::Sampler;
use crate::store::{AuditAction, BackfillScope, Store};

/// Judges the past through the same ledger, with a cost estimate first.
///
/// Judges what was observed in the past and is still stored, with a rubric version and a judge of today.
///
/// First it says what there is, what it will take and whether the budget covers it, and asks. Then it plans: the
/// evaluations go into the ledger, and the running judged does them, beside today's. What is judged already by the same
/// version and judge is left alone, unless --labelled, --failed or --again say otherwise. Killed half-way, it is simply run
/// again; with --again that judges, and pays, once more what was scored meanwhile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// From when on: `7d`, `2026-01-31`, `2026-01-31T12:00:00Z`; with --labelled and --failed it may be left out.
    #[arg(long, required_unless_present_any = ["labelled", "failed"])]
    since: Option<TimeArg>,
    /// Until when, in the same forms; without it until now.
    #[arg(long)]
    until: Option<TimeArg>,
    /// The rubric: `faithfulness` is the version in production, `faithfulness@2` that one; it must be published.
    #[arg(long)]
    rubric: RubricReference,
    /// The share of the traffic to judge. More than was kept is not possible; without it all that was kept.
    #[arg(long, value_parser = share)]
    rate: Option<Probability>,
    /// Another judge than the rubric's own.
    #[arg(long)]
    judge: Option<String>,
    /// Only answers that somebody labelled: those that this version and judge have not judged, and those that another model
    /// or another release of judged said the last word on.
    #[arg(long)]
    labelled: bool,
    /// Only what failed.
    #[arg(long, conflicts_with_all = ["labelled", "again"])]
    failed: bool,
    /// Also what is judged already. The new verdict takes the place of the old one, with the same probability.
    #[arg(long)]
    again: bool,
    /// At most so many evaluations fall due in a minute; without it half of what the judge's limits allow.
    #[arg(long, value_parser = positive)]
    per_minute: Option<f64>,
    /// Only say what it would take.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Says what it takes, asks, plans.
pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    if !args.dry_run && !args.yes && (args.format == Format::Json || !std::io::stdin().is_terminal()) {
        return Err(Usage("nobody can be asked here: add --yes to plan, or --dry-run to only look".to_owned()).into());
    }
    let store = open_existing_store(config).await?;
    let result = run_on(&args, config, &store, output).await;
    store.close().await;
    result
}

async fn run_on(args: &Args, config: &Config, store: &Store, output: &mut Output) -> anyhow::Result<ExitCode> {
    let (backfill, judge) = prepare(args, config, store).await?;
    let survey =
        backfill.survey(&mut |subjects| output.progress(format_args!("{subjects} subjects looked at"))).await?;
    let estimate = assess(args, store, &backfill, &judge, &survey).await?;
    let mut summary = Summary::new(&backfill, survey, estimate);
    if args.format == Format::Table {
        output.text(&summary.render())?;
    }
    if summary.is_worth_planning() && !args.dry_run && (args.yes || ask(&summary, output)?) {
        // Before the first page: what was planned by a run that was killed is somebody's doing, too.
        acting::note(store, AuditAction::BackfillStarted, &backfill.rubric.reference(), "").await?;
        summary.planned = Some(plan(config, store, &backfill, &summary, output).await?);
    }
    match args.format {
        Format::Json => output.json(JsonFormat::Backfill, &summary)?,
        Format::Table => output.text(&summary.render_end(args.dry_run))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn prepare(args: &Args, config: &Config, store: &Store) -> anyhow::Result<(Backfill, Arc<Judge>)> {
    let now_ms = store.now_ms();
    let (since_ms, until_ms) =
        (args.since.map_or(0, |since| since.ms(now_ms)), args.until.map_or(now_ms, |until| until.ms(now_ms)));
    if since_ms >= until_ms {
        return Err(Usage("--since is not before --until, so that nothing lies between them".to_owned()).into());
    }
    let rubric = rubric_loader::version(store, &config.rubrics, &args.rubric).await?;
    let name = args.judge.as_deref().unwrap_or(&rubric.judge);
    let judges = Judges::from_config(&config.judges, &JudgeEnvironment::default())?;
    let judge = judges.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = judges.all().map(|judge| judge.name()).collect();
        Usage(format!("no judge is called `{name}`; there are {}, and [judges.{name}] would add it", known.join(", ")))
    })?;
    let scope = BackfillScope {
        kind: rubric.subject,
        since_ms,
        until_ms,
        rubric: rubric.name.clone(),
        version: rubric.version,
        judge: judge.name().to_owned(),
        labelled: args.labelled,
        again: args.labelled || args.failed || args.again,
    };
    let again = match (args.again, args.labelled, args.failed) {
        (true, ..) => Again::Everything,
        (false, _, true) => Again::Failed,
        (false, true, false) => other_than_the_newest(store, &scope).await?,
        (false, false, false) => Again::Nothing,
    };
    let installation = store.installation().await?;
    let sampler = Sampler::from_config(&config.sampling, keys::salt(config, &installation))?;
    let rate = args.rate.unwrap_or(Probability::ONE);
    let judge_cut = config.assembly.judge_cut;
    Ok((Backfill { store: store.clone(), rubric, scope, rate, sampler, judge_cut, again }, judge))
}

/// What does not belong to the series of the judge's newest score.
async fn other_than_the_newest(store: &Store, scope: &BackfillScope) -> anyhow::Result<Again> {
    let BackfillScope { rubric, version, judge, .. } = scope;
    Ok(match store.newest_revisions(rubric, *version, judge).await? {
        Some(revisions) => {
            Again::OtherThan { judge_model: store.newest_model(rubric, *version, judge).await?, revisions }
        }
        None => Again::Failed,
    })
}

async fn assess(
    args: &Args,
    store: &Store,
    backfill: &Backfill,
    judge: &Judge,
    survey: &Survey,
) -> anyhow::Result<Estimate> {
    Ok(estimate(&Known {
        to_judge: survey.to_judge,
        terms: judge.terms(),
        history: store.judge_history(judge.name(), judge.model(), Some(&backfill.scope.rubric)).await?,
        any_rubric: store.judge_history(judge.name(), judge.model(), None).await?,
        rendered: survey.rendered,
        spent: spending(store).await?.remove(judge.name()).unwrap_or_default(),
        per_minute: args.per_minute,
    }))
}

async fn plan(
    config: &Config,
    store: &Store,
    backfill: &Backfill,
    summary: &Summary,
    output: &mut Output,
) -> anyhow::Result<u64> {
    let now_ms = store.now_ms();
    // Behind what an earlier backfill left, so that two of them are no faster than one.
    let last_ms = store.last_due_ms(&backfill.scope.judge).await?.unwrap_or(now_ms);
    let interval_ms = summary.estimate.per_minute.map_or(0.0, |pace| 60_000.0 / pace);
    let pace = Pace {
        start_ms: if interval_ms > 0.0 { last_ms.max(now_ms) } else { now_ms },
        interval_ms,
        deadline: config.evaluation.deadline,
    };
    let all = summary.survey.subjects;
    backfill
        .plan(pace, &mut |subjects, planned| {
            output.progress(format_args!("{subjects} of {all} subjects, {planned} evaluations planned"));
        })
        .await
        .context("planning stopped; what was planned stays planned, and the same command goes on from there (with --again it starts over)")
}

fn ask(summary: &Summary, output: &mut Output) -> anyhow::Result<bool> {
    output.text(&format!("\n{} ", summary.question()))?;
    output.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn share(text: &str) -> Result<Probability, String> {
    let refused = || "expected a number above 0 and at most 1".to_owned();
    let number: f64 = text.parse().map_err(|_| refused())?;
    Probability::try_from(number).ok().filter(|share| *share > Probability::ZERO).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_above_nothing_and_at_most_everything() {
        assert_eq!(share("0.2").map(Probability::get), Ok(0.2));
        assert_eq!(share("1"), Ok(Probability::ONE));
        for wrong in ["0", "1.5", "-0.1", "NaN", "all"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
