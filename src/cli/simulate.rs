//! `judged simulate`: what the drift detectors and intervals really do, measured where the truth is known.

use std::process::ExitCode;

use clap::ValueEnum;

use super::output::{JsonFormat, Output, Table};
use crate::simulation::{
    Answers, Characteristics, Coverage, QualityCharacteristics, Rearming, Scenario, characteristics, coverage,
    quality_characteristics, rearming,
};

/// What agreement falls to, returns from and falls to again.
const FALLEN: [f64; 3] = [0.5, 0.6, 0.7];

/// Measures false alarms, detection delay and coverage on made-up histories.
///
/// How often do the shipped defaults raise a false alarm, how soon do they see a drop, do they name the right cause, and how
/// often do intervals hold the truth?
///
/// Every stream is a year of 20 uniformly drawn labels a week after a baseline of 200; things change after 200 labels more.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Streams of each scenario.
    #[arg(long, default_value_t = 200)]
    streams: usize,
    /// Samples for each interval.
    #[arg(long, default_value_t = 2_000)]
    samples: usize,
    /// The same seed gives the same numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Output format.
    #[arg(long, value_enum, default_value_t = SimulationFormat::Table)]
    format: SimulationFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SimulationFormat {
    /// For people.
    Table,
    /// For documents.
    Markdown,
    /// One JSON object.
    Json,
}

pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<ExitCode> {
    let drift = each_in_a_thread(Scenario::ALL, |scenario| characteristics(scenario, args.streams, args.seed))?;
    let quality = each_in_a_thread(Answers::ALL, |answers| quality_characteristics(answers, args.streams, args.seed))?;
    let again: Vec<Rearming> = FALLEN.map(|fallen| rearming(fallen, args.streams, args.seed)).into();
    let intervals = coverage(args.samples, args.seed);
    let tables = || [scenarios(&drift), rearmed(&again), answers(&quality), covered(&intervals)];
    match args.format {
        SimulationFormat::Json => {
            let all =
                serde_json::json!({ "drift": drift, "rearming": again, "quality": quality, "intervals": intervals });
            output.json(JsonFormat::Simulation, &all)?;
        }
        SimulationFormat::Table => output.text(&tables().map(|table| table.render()).join("\n"))?,
        SimulationFormat::Markdown => output.text(&tables().map(|table| table.markdown()).join("\n"))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn each_in_a_thread<C: Send, T: Send, const N: usize>(
    cases: [C; N],
    simulate: impl Fn(C) -> T + Sync,
) -> anyhow::Result<Vec<T>> {
    let simulate = &simulate;
    let results = std::thread::scope(|threads| {
        let started = cases.map(|case| threads.spawn(move || simulate(case)));
        started.map(std::thread::ScopedJoinHandle::join)
    });
    let results: Result<Vec<T>, _> = results.into_iter().collect();
    results.map_err(|_| anyhow::anyhow!("a simulation broke; please report this with its seed"))
}

fn scenarios(drift: &[Characteristics]) -> Table {
    let mut scenarios = Table::new(&[
        "what happens",
        "streams",
        "labels per false alarm",
        "found",
        "labels to detection (median, 90 %)",
        "cause right",
        "ambiguous",
        "wrong",
    ]);
    for one in drift {
        let per_alarm = match one.false_alarms {
            0 => format!("none in {}", one.healthy_labels),
            alarms => (one.healthy_labels / alarms).to_string(),
        };
        let causes = one.right + one.ambiguous + one.wrong;
        let of_found = |number: usize| if causes == 0 { "–".to_owned() } else { number.to_string() };
        scenarios.row(vec![
            one.scenario.describe().to_owned(),
            one.streams.to_string(),
            per_alarm,
            if one.scenario.is_healthy() { "–".to_owned() } else { one.found.to_string() },
            delay(one.delay),
            of_found(one.right),
            of_found(one.ambiguous),
            of_found(one.wrong),
        ]);
    }
    scenarios
}

fn answers(quality: &[QualityCharacteristics]) -> Table {
    let mut table = Table::new(&[
        "what happens",
        "streams",
        "streams with a false alarm",
        "found",
        "its scores to detection (median, 90 %)",
    ]);
    for one in quality {
        table.row(vec![
            one.answers.describe(),
            one.streams.to_string(),
            one.false_alarms.to_string(),
            if one.answers.is_healthy() { "–".to_owned() } else { one.found.to_string() },
            delay(one.delay),
        ]);
    }
    table
}

/// `44, 103`.
fn delay(delay: Option<(f64, f64)>) -> String {
    delay.map_or_else(|| "–".to_owned(), |(median, most)| format!("{median:.0}, {most:.0}"))
}

fn rearmed(again: &[Rearming]) -> Table {
    let mut table = Table::new(&[
        "agreement falls from 90 % to",
        "found",
        "called back while it stood",
        "called back",
        "labels to that (median, 90 %)",
        "second fall found",
        "labels to that (median, 90 %)",
    ]);
    for one in again {
        table.row(vec![
            format!("{:.0} %", one.fallen * 100.0),
            one.streams.to_string(),
            one.wrongly_back.to_string(),
            one.back.to_string(),
            delay(one.delay),
            one.found_again.to_string(),
            delay(one.second_delay),
        ]);
    }
    table
}

fn covered(intervals: &[Coverage]) -> Table {
    let mut covered = Table::new(&[
        "interval",
        "labels",
        "of each conversation",
        "truth",
        "samples",
        "holds the truth",
        "mean width",
    ]);
    for one in intervals {
        covered.row(vec![
            one.interval.to_owned(),
            one.labels.to_string(),
            one.turns.to_string(),
            one.truth.to_string(),
            one.samples.to_string(),
            format!("{:.1} %", one.covered * 100.0),
            format!("{:.3}", one.width),
        ]);
    }
    covered
}
