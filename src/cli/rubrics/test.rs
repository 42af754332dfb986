//! `judged rubrics test`: golden cases against a judge.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use serde_json::json;
use uuid::Uuid;

use super::super::exit::GATE;
use super::super::output::{Format, Output};
use super::library::find;
use crate::config::Config;
use crate::judges::{Judge, JudgeEnvironment, JudgeRequest, Judges};
use crate::model::Verdict;
use crate::rubrics::{Comparison, GoldenCase, Library, Rubric, RubricReference, fence_key};
use crate::secrets::MacKey;

/// How long one verdict may take.
const DEADLINE: Duration = Duration::from_mins(2);
/// Cases in flight at most; a judge's own limits may be lower.
const IN_FLIGHT: usize = 8;

/// What became of a case.
struct Tried<'a> {
    case: &'a GoldenCase,
    result: Result<(Comparison, Verdict), String>,
}

/// Runs the cases of one rubric, or of the newest version of every rubric.
pub(super) async fn run(
    library: &Library,
    wanted: Option<&RubricReference>,
    judge: Option<&str>,
    format: Format,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let judges = Judges::from_config(&config.judges, &JudgeEnvironment::default())?;
    let rubrics: Vec<&Rubric> = match wanted {
        Some(wanted) => vec![find(library, wanted)?],
        None => newest(library),
    };
    let (mut missed, mut failed, mut lines) = (0, 0, Vec::new());
    for rubric in rubrics {
        let name = judge.unwrap_or(&rubric.judge);
        let judge = judges.get(name).with_context(|| {
            let known: Vec<&str> = judges.all().map(|judge| judge.name()).collect();
            format!("{} asks for the judge `{name}`; configured are: {}", rubric.reference(), known.join(", "))
        })?;
        if format == Format::Table {
            output.say(format_args!("{} v{}, judge {name}", rubric.name, rubric.version))?;
        }
        let cases = library.cases.get(&rubric.name).map_or(&[] as &[_], Vec::as_slice);
        let mut met = 0;
        let mut tried = futures_util::stream::iter(cases.iter().map(|case| try_case(rubric, case, judge)))
            .buffered(judge.concurrency().clamp(1, IN_FLIGHT));
        while let Some(tried) = tried.next().await {
            match &tried.result {
                Ok((Comparison::Met, _)) => met += 1,
                Ok((Comparison::Missed { .. }, _)) => missed += 1,
                Err(_) => failed += 1,
            }
            match format {
                Format::Table => output.say(line(&tried))?,
                Format::Json => lines.push(json_line(rubric, name, &tried)),
            }
        }
        if format == Format::Table {
            output.say(format_args!("  {met} of {} as expected\n", cases.len()))?;
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

fn newest(library: &Library) -> Vec<&Rubric> {
    let mut names: Vec<&str> = library.rubrics.iter().map(|rubric| rubric.name.as_str()).collect();
    names.dedup();
    names.into_iter().filter_map(|name| library.find(name, None)).collect()
}

async fn try_case<'a>(rubric: &Rubric, case: &'a GoldenCase, judge: &Arc<Judge>) -> Tried<'a> {
    // A fresh secret for every case: an author cannot have written its key into it.
    let key = fence_key(&MacKey::of_text(&Uuid::now_v7().to_string()), &case.name);
    let prompt = match (case.misfit(rubric), rubric.render(&case.content, &key)) {
        (None, Ok(prompt)) => prompt,
        (Some(misfit), _) => return Tried { case, result: Err(misfit) },
        (None, Err(error)) => return Tried { case, result: Err(error.to_string()) },
    };
    let request = JudgeRequest {
        evaluation: None,
        prompt: &prompt,
        schema: &rubric.response_schema(),
        scale: &rubric.scale,
        abstain: rubric.abstain,
        rubric: &rubric.name,
        content: &case.content,
        traceparent: None,
        deadline: DEADLINE,
    };
    let result = match judge.judge(request).await {
        Ok(reply) => Ok((case.compare(&reply.verdict), reply.verdict)),
        Err(error) => Err(format!("{:#}", anyhow::Error::new(error))),
    };
    Tried { case, result }
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

fn rationale(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Scored { rationale, .. } | Verdict::Abstained { rationale } => rationale,
    }
}
