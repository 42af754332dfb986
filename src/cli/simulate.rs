//! `judged simulate`: what the drift detectors and intervals really do, measured where the truth is known.

use std::process::ExitCode;

use clap::ValueEnum;

use super::output::{JsonFormat, Output, Table};
use crate::simulation::{
    Anchors, Answers, Causes, Characteristics, Coverage, QualityCharacteristics, Rearming, Scenario, Situation, causes,
    characteristics, coverage, quality_characteristics, rearming,
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
    /// Streams of each scenario; of each combination of situation, people, anchors and versions a tenth of it.
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
    let named = each_in_a_thread(Situation::ALL, |situation| {
        let all = [Anchors::None, Anchors::Judged, Anchors::Relabelled];
        all.map(|anchors| causes(situation, anchors, args.streams.div_ceil(10), args.seed))
    })?
    .into_flattened();
    let tables = || {
        [scenarios(&drift), attributed(&named), sized(&named), rearmed(&again), answers(&quality), covered(&intervals)]
    };
    match args.format {
        SimulationFormat::Json => {
            let all = serde_json::json!({
                "drift": drift, "causes": named, "rearming": again, "quality": quality, "intervals": intervals
            });
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

/// What falls were put down to.
fn attributed(all: &[Causes]) -> Table {
    let causes = ["judge_model", "judge_prompt", "raters", "input_mix", "answers", "new_content", "ambiguous"];
    let mut heads = vec!["what happens", "anchors", "found", "wrong at any time", "person wrongly accused", "open"];
    heads.extend(causes.map(|cause| match cause {
        "judge_model" => "model",
        "judge_prompt" => "prompt",
        "raters" => "people",
        "input_mix" => "mix",
        "new_content" => "content",
        other => other,
    }));
    let mut table = Table::new(&heads);
    for one in all {
        let mut row = vec![
            one.situation.describe().to_owned(),
            match one.anchors {
                Anchors::None => "none",
                Anchors::Judged => "judged",
                Anchors::Relabelled => "and relabelled",
            }
            .to_owned(),
            one.found.to_string(),
            one.wrong.to_string(),
            one.accused.to_string(),
            share(one.open, one.asked),
        ];
        row.extend(causes.map(|cause| one.named.get(cause).copied().unwrap_or(0).to_string()));
        table.row(row);
    }
    table
}

/// How often sizes and dates held the truth, over all anchors.
fn sized(all: &[Causes]) -> Table {
    let mut table =
        Table::new(&["what happens", "size holds", "dates hold, at the flag", "dates hold, 50 labels later"]);
    for situation in Situation::ALL {
        let own = || all.iter().filter(|one| one.situation == situation);
        let sum = |of: fn(&Causes) -> usize| own().map(of).sum::<usize>();
        table.row(vec![
            situation.describe().to_owned(),
            share(sum(|one| one.size_held), sum(|one| one.sized)),
            share(sum(|one| one.dates_held), sum(|one| one.found)),
            share(sum(|one| one.dates_held_later), sum(|one| one.dated)),
        ]);
    }
    table
}

/// `94.7 %`; a dash of nothing.
fn share(part: usize, of: usize) -> String {
    if of == 0 { "–".to_owned() } else { format!("{:.1} %", part as f64 / of as f64 * 100.0) }
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
