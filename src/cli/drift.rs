//! `judged drift`: one line for each thing that moved.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

use super::exit::gate_if;
use super::input::{self, SkippedLine};
use super::open_store::open_existing_store;
use super::output::{Format, JsonFormat, Output};
use crate::agreement::{Declaration, shown};
use crate::config::{Config, ConfigError};
use crate::drift::{Candidate, Flag, Kind, Line, Recovered, Report, Settings, detect_lines};
use crate::lifecycle::{self, rubric_loader};
use crate::report::{ReportInput, ReportOptions, RubricFacts, drift_of};

/// Prints what moved in a history of labels, and why.
///
/// Has a judge drifted, since when, how sure is that, and what is it put down to?
///
/// Without FILE: every rubric of the database, over its uniformly drawn labels; the settings below are then the defaults. The
/// scores of its current series are held against their own past as well, in all and by segment.
///
/// FILE holds one JSON object a line, in order of time: `time`, `item_id`, `human`, `judge`; optionally `segment`,
/// `probability` (with which the item was drawn for labelling), `inclusion_probability` (for judging), `session_id`,
/// `content_digest`, `observed_at`, `annotator`, `anchor`, `rubric_version`, `judge_model`, `revision`. The same item again is
/// a replay of the judge or a new label by a human. Labels of one `session_id`, or of one `content_digest`, have one vote.
///
/// The first labels are the baseline. Agreement is watched by an e-detector: however often one looks, on average at
/// least --run-length labels pass before a false alarm. A flag also needs a fall of at least --tolerance. What has come
/// back is told as recovered and is no flag; the watch then begins anew against the same baseline.
///
/// The size of a fall is provisional until 30 labels have come after its flag. Its cause is told when it alone is shown, or when
/// the intervals of all others exclude them; until a round of known items (`anchor`) is over it is pending.
///
/// Lines that cannot be read are reported on standard error and in the JSON; the others are used.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The history, one JSON object a line; `-` is standard input. Without it, the labels and scores of the database.
    file: Option<PathBuf>,
    /// Exit code 3 when anything is flagged.
    #[arg(long)]
    fail: bool,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// nominal, binary:POSITIVE, ordinal:LOWEST,…,HIGHEST or numeric; inferred from the labels without it.
    #[arg(long)]
    scale: Option<Declaration>,
    /// Labels that make up the baseline.
    #[arg(long, default_value_t = Settings::default().baseline, value_parser = baseline)]
    baseline: usize,
    /// A fall of agreement below this is no drift.
    #[arg(long, default_value_t = Settings::default().tolerance, value_parser = share)]
    tolerance: f64,
    /// Labels that pass on average before a false alarm, at least.
    #[arg(long, default_value_t = Settings::default().run_length, value_parser = run_length)]
    run_length: f64,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report<Value>,
    skipped_lines: &'a [SkippedLine],
}

/// Reads, looks, prints.
pub(super) async fn run(
    mut args: Args,
    config: impl FnOnce() -> Result<Config, ConfigError>,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    match args.file.take() {
        Some(file) => of_file(&file, args, output),
        None => of_store(&args, &config()?, output).await,
    }
}

#[derive(Serialize)]
struct OfRubric<'a> {
    rubric: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

async fn of_store(args: &Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let rubrics = rubric_loader::look(&store, &config.rubrics).await?.all;
    let facts = rubrics.iter().map(|rubric| RubricFacts::from(rubric.as_ref())).collect();
    let options = ReportOptions { baselines: lifecycle::baselines(config), ..ReportOptions::default() };
    let found = drift_of(&ReportInput::read_labelled(&store, facts, options).await?);
    store.close().await;
    match args.format {
        Format::Json => {
            let rubrics: Vec<OfRubric<'_>> = found.iter().map(|(rubric, report)| OfRubric { rubric, report }).collect();
            output.json(JsonFormat::Drift, &serde_json::json!({ "rubrics": rubrics }))?;
        }
        Format::Table if found.is_empty() => output.say("nothing has been judged yet")?,
        Format::Table => {
            let settings = Settings::default();
            let each = found.iter().map(|(rubric, report)| format!("{rubric}\n{}", render(report, &settings, 0)));
            output.say(each.collect::<Vec<_>>().join("\n\n"))?;
        }
    }
    let flagged = found.iter().any(|(_, report)| !report.flags.is_empty());
    Ok(gate_if(args.fail && flagged))
}

fn of_file(file: &Path, args: Args, output: &mut Output) -> anyhow::Result<ExitCode> {
    let (lines, skipped) = input::lines(file, output, |text, _| Line::parse(text))?;
    if lines.is_empty() && !skipped.is_empty() {
        let name = input::name(file);
        anyhow::bail!("{name}: no line of a history could be read; see `judged drift --help` for the fields");
    }
    let settings = Settings {
        baseline: args.baseline,
        tolerance: args.tolerance,
        run_length: args.run_length,
        ..Settings::default()
    };
    let report = detect_lines(lines, args.scale.as_ref(), &settings);
    match args.format {
        Format::Json => output.json(JsonFormat::Drift, &Document { report: &report, skipped_lines: &skipped })?,
        Format::Table => output.say(render(&report, &settings, skipped.len()))?,
    }
    Ok(gate_if(args.fail && !report.flags.is_empty()))
}

fn baseline(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(labels @ 30..) => Ok(labels),
        _ => Err("expected a number of at least 30".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to below 1".to_owned()),
    }
}

fn run_length(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(length) if length >= 10.0 && length.is_finite() => Ok(length),
        _ => Err("expected a number of at least 10".to_owned()),
    }
}

fn render<T: Serialize>(report: &Report<T>, settings: &Settings, skipped: usize) -> String {
    let baseline = &report.baseline;
    let mut lines = vec![match baseline.agreement.value() {
        Some(_) => format!(
            "{} labels; baseline agreement {} over the first {}, until {}",
            report.labels,
            shown(baseline.agreement),
            baseline.labels,
            plain(&baseline.until)
        ),
        None => {
            format!("{} labels; a baseline needs {}, so agreement is not watched yet", report.labels, settings.baseline)
        }
    }];
    let how = if report.scale_inferred { "inferred from the labels" } else { "declared" };
    lines.push(format!("scale {} ({how})", report.scale));
    if skipped > 0 {
        lines.push(format!("lines that could not be read and were left out: {skipped}"));
    }
    lines.extend(report.recovered.iter().map(recovered));
    for one in &report.flags {
        lines.push(flag(one));
        lines.extend(one.candidates.iter().map(candidate));
    }
    if report.flags.is_empty() {
        lines.push("nothing is flagged".to_owned());
    }
    lines.join("\n")
}

fn flag<T: Serialize>(flag: &Flag<T>) -> String {
    let what = match flag.kind {
        Kind::Agreement => "agreement changed by",
        Kind::Judge => "the judge changed its verdict on replayed items, share",
        Kind::Score => "the judge's mean verdict changed by",
        Kind::InputMix => "the share of a segment changed by",
        Kind::Rater => "a human labels otherwise, change",
        Kind::Quality => "the answers' mean score changed by",
    };
    let part = flag.segment.as_ref().map_or(String::new(), |segment| format!(" [{segment}]"));
    let range = flag.since_range.as_ref();
    let range = range.map_or(String::new(), |dates| format!(" ({} to {})", plain(&dates.from), plain(&dates.until)));
    let pending = if flag.pending { " (pending)" } else { "" };
    format!(
        "{}{part}: {what} {} since {}{range}, seen at {} after {}; evidence {:.3} against {:.3} ({}); put down to {}{pending}: {}",
        flag.kind.as_str(),
        shown(flag.effect),
        plain(&flag.since),
        plain(&flag.detected_at),
        flag.labels_to_detection,
        flag.evidence.statistic,
        flag.evidence.threshold,
        flag.evidence.guarantee,
        flag.attribution.as_str().replace('_', " "),
        flag.advice
    )
}

/// What speaks for a cause.
fn candidate(one: &Candidate) -> String {
    let change = one.change.value().map_or_else(String::new, |_| format!("{}, ", shown(one.change)));
    format!("  {} {}: {change}{}", one.standing.as_str(), one.cause.as_str().replace('_', " "), one.why)
}

/// What had moved and is back: one line as well, and no flag.
fn recovered<T: Serialize>(one: &Recovered<T>) -> String {
    let Recovered { flag, recovery } = one;
    let part = flag.segment.as_ref().map_or(String::new(), |segment| format!(" [{segment}]"));
    format!(
        "recovered: {}{part} moved by {} since {}, seen at {}, put down to {}; back since {}, seen at {} after {}; evidence {:.3} against {:.3} ({})",
        flag.kind.as_str(),
        shown(flag.effect),
        plain(&flag.since),
        plain(&flag.detected_at),
        flag.attribution.as_str().replace('_', " "),
        plain(&recovery.since),
        plain(&recovery.detected_at),
        recovery.labels_to_detection,
        recovery.evidence.statistic,
        recovery.evidence.threshold,
        recovery.evidence.guarantee
    )
}

/// A time as the file wrote it, without quotes.
fn plain(time: &impl Serialize) -> String {
    match serde_json::to_value(time) {
        Ok(Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(number: usize, agreeing: impl Fn(usize) -> bool) -> String {
        (0..number).fold(String::new(), |text, index| {
            let human = index % 3;
            let judge = if agreeing(index) { human } else { (human + 1) % 3 };
            text + &format!("{{\"time\":\"day {index}\",\"item_id\":{index},\"human\":{human},\"judge\":{judge}}}\n")
        })
    }

    #[test]
    fn a_flag_is_one_line_with_cause_and_remedy() {
        let text = history(300, |index| if index < 240 { index % 10 != 0 } else { index % 2 == 0 });
        let (lines, skipped) =
            input::lines_of(format!("{text}nonsense\n").as_bytes(), |text, _| Line::parse(text)).unwrap();
        assert_eq!(skipped[0].line, 301);
        let settings = Settings::default();
        insta::assert_snapshot!(render(&detect_lines(lines, None, &settings), &settings, skipped.len()));
    }

    #[test]
    fn nothing_moved_and_too_little_known_are_different_answers() {
        let settings = Settings::default();
        let said = |number| {
            let (lines, _) =
                input::lines_of(history(number, |index| index % 10 != 0).as_bytes(), |text, _| Line::parse(text))
                    .unwrap();
            render(&detect_lines(lines, None, &settings), &settings, 0)
        };
        assert!(said(400).contains("nothing is flagged"));
        assert!(said(50).contains("a baseline needs 200"));
    }
}
