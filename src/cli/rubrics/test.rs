//! `judged rubrics test`: golden cases against a judge.

use std::process::ExitCode;

use futures_util::StreamExt;
use serde_json::json;

use super::super::exit::GATE;
use super::super::output::{Format, Output};
use super::ask::{ask, in_flight, judge_of, rationale};
use super::library::find;
use super::noise::Verdicts;
use crate::config::Config;
use crate::judges::{Judge, JudgeEnvironment, Judges};
use crate::model::Verdict;
use crate::rubrics::{Comparison, GoldenCase, Library, Rubric, RubricReference};

/// Which judge, and how many cases at a time.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// The judge; by default the one that the rubric names.
    #[arg(long)]
    pub(super) judge: Option<String>,
    /// Verdicts to ask for at a time, at most; by default 8, or what the judge's `concurrency` allows.
    #[arg(long)]
    pub(super) concurrency: Option<usize>,
}

/// What became of a case.
struct Tried<'a> {
    case: &'a GoldenCase,
    result: Result<(Comparison, Verdict), String>,
}

/// Runs the cases of one rubric, or of the newest version of every rubric.
pub(super) async fn run(
    library: &Library,
    wanted: Option<&RubricReference>,
    asked: &Asked,
    repeat: u16,
    format: Format,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let judges = Judges::from_config(&config.judges, &JudgeEnvironment::default())?;
    let rubrics: Vec<&Rubric> = match wanted {
        Some(wanted) => vec![find(library, wanted)?],
        None => newest(library, library.has_own()),
    };
    let (mut missed, mut failed, mut lines) = (0, 0, Vec::new());
    for rubric in rubrics {
        let judge = judge_of(rubric, asked.judge.as_deref(), &judges)?;
        let name = judge.name();
        if format == Format::Table {
            output.say(format_args!("{} v{}, judge {name}", rubric.name, rubric.version))?;
        }
        let cases = library.cases.get(&rubric.name).map_or(&[] as &[_], Vec::as_slice);
        let (mut met, mut noise) = (0, Verdicts::default());
        let times = |case| std::iter::repeat_n(case, usize::from(repeat));
        let tries = cases.iter().flat_map(times).map(|case| try_case(rubric, case, judge));
        let mut tried = futures_util::stream::iter(tries).buffered(in_flight(asked.concurrency, judge));
        while let Some(tried) = tried.next().await {
            match &tried.result {
                Ok((Comparison::Met, _)) => met += 1,
                Ok((Comparison::Missed { .. }, _)) => missed += 1,
                Err(_) => failed += 1,
            }
            if let Ok((_, verdict)) = &tried.result {
                noise.note(&tried.case.name, verdict);
            }
            match format {
                Format::Table => output.say(line(&tried))?,
                Format::Json => lines.push(json_line(rubric, name, &tried)),
            }
        }
        if format == Format::Table {
            output.say(format_args!("  {met} of {} as expected", cases.len() * usize::from(repeat)))?;
            if repeat > 1 {
                output.say(noise.told())?;
            }
            output.say("")?;
        }
    }
    if format == Format::Json {
        output.json_list(&lines)?;
    }
    Ok(match (failed, missed) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(GATE),
        _ => ExitCode::FAILURE,
    })
}

/// The newest version of every rubric; of one's own only, where there are any: those inside judged were tried before.
pub(super) fn newest(library: &Library, own: bool) -> Vec<&Rubric> {
    let names = library.rubrics.iter().map(|rubric| rubric.name.as_str());
    let mut names: Vec<&str> = names.filter(|name| !own || !library.is_shipped(name)).collect();
    names.dedup();
    names.into_iter().filter_map(|name| library.find(name, None)).collect()
}

async fn try_case<'a>(rubric: &Rubric, case: &'a GoldenCase, judge: &Judge) -> Tried<'a> {
    let result = match case.misfit(rubric) {
        Some(misfit) => Err(misfit),
        None => ask(rubric, &case.content, judge).await,
    };
    Tried { case, result: result.map(|reply| (case.compare(&reply.verdict), reply.verdict)) }
}

fn line(tried: &Tried<'_>) -> String {
    let name = &tried.case.name;
    match &tried.result {
        Ok((Comparison::Met, _)) => format!("  ok      {name}"),
        Ok((Comparison::Missed { expected, found }, verdict)) => {
            format!("  MISSED  {name}: expected {expected}, the judge said {found}: {}", rationale(verdict))
        }
        Err(error) => format!("  ERROR   {name}: {error}"),
    }
}

fn json_line(rubric: &Rubric, judge: &str, tried: &Tried<'_>) -> serde_json::Value {
    let (outcome, found, said, error) = match &tried.result {
        Ok((Comparison::Met, verdict)) => ("met", None, Some(rationale(verdict)), None),
        Ok((Comparison::Missed { found, .. }, verdict)) => ("missed", Some(found), Some(rationale(verdict)), None),
        Err(error) => ("error", None, None, Some(error)),
    };
    json!({
        "rubric": rubric.name,
        "version": rubric.version,
        "judge": judge,
        "case": tried.case.name,
        "outcome": outcome,
        "expected": tried.case.expect.to_string(),
        "found": found,
        "rationale": said,
        "error": error,
    })
}
