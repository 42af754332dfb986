//! `judged plan`: label budget against detectable drop.

mod chart;
mod delays;

use std::io::Write;
use std::process::ExitCode;

use clap::ValueEnum;

use self::delays::{DropPlan, Plan};
use super::arguments::positive;
use super::output::{JsonFormat, Output};
use crate::report::charts::{Budget, Drop, detection};
use crate::statistics::Reason;
use crate::statistics::planning::{Delay, detection_delay, labels_for_width};

/// Drops that the table shows unless asked for one.
const DROPS: [f64; 5] = [0.05, 0.10, 0.15, 0.20, 0.30];
/// Labels of the baseline.
const BASELINE: u64 = 200;

/// Prints how many labels a week it takes to see a drop.
///
/// How many labels a week does it take to see a given drop of agreement in a given time?
///
/// Simulates the detector that `judged drift` uses, and draws what it finds: as text below the table, or with
/// `--format svg > plan.svg` as a picture for a slide or a ticket. Labels are per stream: to watch three segments by themselves takes
/// three times as many.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Agreement of the judge with humans today.
    #[arg(long, default_value_t = 0.85, value_parser = share)]
    agreement: f64,
    /// The drop to see; without it a table of several.
    #[arg(long, value_parser = share)]
    drop: Option<f64>,
    /// In how many weeks.
    #[arg(long, default_value_t = 4.0, value_parser = positive)]
    weeks: f64,
    /// Labels a week that can be afforded.
    #[arg(long, default_value_t = 50.0, value_parser = positive)]
    labels_per_week: f64,
    /// A fall below this is no drift.
    #[arg(long, default_value_t = 0.05, value_parser = share)]
    tolerance: f64,
    /// Labels that pass on average before a false alarm, at least.
    #[arg(long, default_value_t = 1_000.0, value_parser = positive)]
    run_length: f64,
    /// Seed of the simulation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Output format.
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    format: PlanFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    /// For people: a table and a chart.
    Table,
    /// One JSON object.
    Json,
    /// The chart as a picture that stands alone.
    Svg,
}

/// Simulates, prints.
pub(super) fn run(args: Args, output: &mut Output) -> anyhow::Result<ExitCode> {
    let plan = match plan(&args) {
        Ok(plan) => plan,
        Err(reason) => anyhow::bail!(
            "no plan for these numbers: {reason}; the drop and the tolerance must be smaller than the agreement"
        ),
    };
    match args.format {
        PlanFormat::Json => output.json(JsonFormat::Plan, &plan)?,
        PlanFormat::Table => {
            output.say(render(&plan))?;
            if let Some(chart) = chart::render(&plan) {
                output.say(format_args!("\n{chart}"))?;
            }
        }
        PlanFormat::Svg => writeln!(output, "{}", picture(&plan))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(args: &Args) -> Result<Plan, Reason> {
    let drops: Vec<f64> = args.drop.map_or_else(|| DROPS.to_vec(), |drop| vec![drop]);
    let feasible = drops.into_iter().filter(|drop| args.drop.is_some() || *drop < args.agreement);
    let drops = feasible.map(|drop| {
        let labels = detection_delay(args.agreement, drop, args.tolerance, args.run_length, args.seed)?;
        Ok(DropPlan {
            drop,
            labels,
            weeks: scaled(labels, args.labels_per_week),
            labels_per_week_needed: scaled(labels, args.weeks),
        })
    });
    Ok(Plan {
        agreement: args.agreement,
        labels_per_week: args.labels_per_week,
        weeks: args.weeks,
        tolerance: args.tolerance,
        run_length: args.run_length,
        baseline_weeks: BASELINE as f64 / args.labels_per_week,
        labels_for_five_points: labels_for_width(args.agreement, 0.05)?,
        drops: drops.collect::<Result<_, Reason>>()?,
    })
}

fn scaled(delay: Delay, by: f64) -> Delay {
    Delay { median: delay.median.map(|labels| labels / by), nine_of_ten: delay.nine_of_ten.map(|labels| labels / by) }
}

fn render(plan: &Plan) -> String {
    let Plan { agreement, labels_per_week, weeks, run_length, tolerance, .. } = plan;
    let mut lines = vec![
        format!(
            "agreement today {agreement}; a drop beyond {tolerance} counts; at least {run_length} labels per false alarm on average"
        ),
        format!(
            "the baseline of {BASELINE} labels takes {:.1} weeks at {labels_per_week} labels a week",
            plan.baseline_weeks
        ),
        format!("agreement is known to 5 points either side from {} labels", plan.labels_for_five_points),
        String::new(),
        format!(
            "{:>6}  {:>22}  {:>22}  {:>22}",
            "drop",
            "labels to see it",
            "weeks at that rate",
            format!("labels/week for {weeks} weeks")
        ),
        format!(
            "{:>6}  {:>11} {:>10}  {:>11} {:>10}  {:>11} {:>10}",
            "", "half", "9 of 10", "half", "9 of 10", "half", "9 of 10"
        ),
    ];
    for row in &plan.drops {
        let cells = [row.labels, row.weeks, row.labels_per_week_needed]
            .map(|delay| format!("{:>11} {:>10}", cell(delay.median), cell(delay.nine_of_ten)));
        lines.push(format!("{:>6.2}  {}", row.drop, cells.join("  ")));
    }
    lines.join("\n")
}

fn picture(plan: &Plan) -> String {
    let drop = |row: &DropPlan| {
        let DropPlan { drop, labels, .. } = row;
        Some(Drop { name: format!("drop of {drop:.2}"), median: labels.median?, nine_of_ten: labels.nine_of_ten })
    };
    let drops: Vec<Drop> = plan.drops.iter().filter_map(drop).collect();
    let budget = Budget { labels_per_week: plan.labels_per_week, weeks: plan.weeks };
    detection(&format!("How soon is a fall from {:.2} seen?", plan.agreement), &drops, budget)
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "beyond".to_owned(), |value| format!("{value:.1}"))
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("expected a number between 0 and 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(drop: Option<f64>) -> Args {
        Args {
            agreement: 0.85,
            drop,
            weeks: 4.0,
            labels_per_week: 20.0,
            tolerance: 0.05,
            run_length: 1_000.0,
            seed: 1,
            format: PlanFormat::Table,
        }
    }

    #[test]
    fn a_plan_states_what_a_drop_takes() {
        let plan = plan(&args(Some(0.15))).unwrap();
        let drop = &plan.drops[0];
        assert_eq!(drop.weeks.median, drop.labels.median.map(|labels| labels / 20.0));
        assert!(render(&plan).contains("  0.15 "), "{}", render(&plan));
    }

    #[test]
    fn the_chart_fits_a_terminal_and_shows_every_drop() {
        let delay = |labels: f64| Delay { median: Some(labels), nine_of_ten: Some(2.0 * labels) };
        let mut plan = plan(&args(Some(0.15))).unwrap();
        let row = |drop: f64, labels: f64| DropPlan {
            drop,
            labels: delay(labels),
            weeks: scaled(delay(labels), 20.0),
            labels_per_week_needed: scaled(delay(labels), 4.0),
        };
        plan.drops = vec![row(0.05, 900.0), row(0.10, 230.0), row(0.15, 90.0), row(0.20, 50.0), row(0.30, 24.0)];
        let chart = chart::render(&plan).unwrap();
        assert!(chart.lines().all(|line| line.chars().count() <= 80), "{chart}");
        insta::assert_snapshot!(chart);
    }

    #[test]
    fn the_picture_says_in_words_what_it_shows() {
        let picture = picture(&plan(&args(Some(0.15))).unwrap());
        assert!(picture.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{picture}");
        assert!(picture.contains("<desc>Weeks until a drop of agreement is seen, at 20 labels a week."), "{picture}");
    }

    #[test]
    fn a_drop_below_zero_agreement_is_refused() {
        assert_eq!(plan(&args(Some(0.9))), Err(Reason::InvalidInput));
    }
}
