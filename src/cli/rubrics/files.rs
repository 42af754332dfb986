//! What can be done with the files alone: list, check, show, diff, render, init.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use similar::TextDiff;

use super::super::exit::USAGE;
use super::super::input;
use super::super::open_store::open_existing_store;
use super::super::output::{Format, JsonFormat, Output, Table, count};
use super::library::{find, opened};
use crate::config::Config;
use crate::config::judges::Provider;
use crate::judges::{decision_state, unsupported};
use crate::lifecycle::rubric_loader::{LibraryError, look, published};
use crate::model::{DecisionVerdict, Scale, SubjectContent};
use crate::rubrics::{self, FolderFinding, Library, Rubric, RubricReference, folder_findings};

/// The key of printed prompts: fixed, so that two printed prompts can be compared. Nobody judges by it.
const PRINTED_KEY: &str = "0000000000000000";

pub(super) fn list(dir: &Path, format: Format, output: &mut Output) -> anyhow::Result<ExitCode> {
    let library = opened(dir, output);
    match format {
        Format::Json => {
            let all: Vec<_> = library.rubrics.iter().map(summary).collect();
            output.json_list(&all)?;
        }
        Format::Table => {
            if !dir.exists() {
                output.say(format_args!("The library inside judged (there is no folder {}):", dir.display()))?;
            }
            output.text(&list_table(&library))?;
        }
    }
    Ok(if library.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) })
}

fn list_table(library: &Library) -> String {
    let mut table =
        Table::new(&["rubric", "version", "from", "subject", "scale", "needs", "judge", "cases", "question"]);
    for rubric in &library.rubrics {
        let cases = library.cases.get(&rubric.name).map_or(0, Vec::len);
        table.row(vec![
            rubric.name.clone(),
            format!("v{}", rubric.version),
            if library.is_shipped(&rubric.name) { "judged" } else { "folder" }.to_owned(),
            rubric.subject.as_str().to_owned(),
            rubric.scale.name().to_owned(),
            requirements(rubric),
            rubric.judge.clone(),
            count(cases as i64),
            rubric.description.clone(),
        ]);
    }
    table.render()
}

fn requirements(rubric: &Rubric) -> String {
    rubric.requires.iter().map(|requirement| requirement.as_str()).collect::<Vec<_>>().join(", ")
}

fn summary(rubric: &Rubric) -> serde_json::Value {
    let requires: Vec<&str> = rubric.requires.iter().map(|requirement| requirement.as_str()).collect();
    let conditions: serde_json::Map<String, serde_json::Value> = rubric
        .matches
        .iter()
        .map(|(key, patterns)| (key.to_owned(), patterns.iter().map(rubrics::Pattern::as_str).collect()))
        .collect();
    json!({
        "name": rubric.name,
        "version": rubric.version,
        "hash": rubric.hash,
        "description": rubric.description,
        "subject": rubric.subject,
        "requires": requires,
        "match": conditions,
        "scale": rubric.scale,
        "abstain": rubric.abstain,
        "judge": rubric.judge,
        "decision": decision(rubric),
        "path": rubric.path.to_string_lossy(),
    })
}

/// Checks the files of the folder, without one those inside judged, and compares them with the registry where there is one.
pub(super) async fn check(dir: &Path, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let library = if dir.exists() { Library::read(dir) } else { Library::shipped() };
    for error in &library.errors {
        output.say(error)?;
    }
    for warning in &library.warnings {
        output.say(warning)?;
    }
    for line in decision_lines(&library, config) {
        output.say(line)?;
    }
    let cases: usize = library.cases.values().map(Vec::len).sum();
    output.say(format_args!(
        "{} sound, {} golden, {}, {}",
        plural(library.rubrics.len(), "version"),
        plural(cases, "case"),
        plural(library.errors.len(), "error"),
        plural(library.warnings.len(), "warning")
    ))?;
    compare_with_registry(&Library::open(dir), config, output).await?;
    Ok(if library.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) })
}

/// What a decision model is asked under a rubric.
fn decision(rubric: &Rubric) -> serde_json::Value {
    let options: serde_json::Map<String, serde_json::Value> =
        rubric.decision.options.iter().map(|option| (option.name.clone(), json!(option.text))).collect();
    json!({
        "instructions": rubric.decision.instructions,
        "options": options,
        "verdict": rubric.decision.verdict,
        "state": rubric.decision.fields,
        "own": rubric.has_own_decision,
        "unsupported": unsupported(&rubric.scale, &rubric.decision).map(|problem| problem.to_string()),
    })
}

/// What a decision model will see: of every rubric where one is configured, else of those that say what it is asked.
fn decision_lines(library: &Library, config: &Config) -> Vec<String> {
    let is_configured = config.judges.values().any(|judge| judge.provider == Provider::Decisions);
    let told = library.rubrics.iter().filter(|rubric| is_configured || rubric.has_own_decision);
    told.map(|rubric| {
        let words = match unsupported(&rubric.scale, &rubric.decision) {
            Some(problem) => format!("a decision model cannot judge by it: {problem}"),
            None => decision_words(rubric),
        };
        format!("{}: {words}", rubric.reference())
    })
    .collect()
}

/// `a decision model is asked "Is it so?" about input and output: 1, 2 or 3; the most probable level is the verdict`
fn decision_words(rubric: &Rubric) -> String {
    let fields: Vec<&str> = rubric.decision.fields.iter().map(|field| field.as_str()).collect();
    let options: Vec<&str> = rubric.decision.options.iter().map(|option| option.name.as_str()).collect();
    let from = if rubric.has_own_decision { "by its block `decision`" } else { "by its description and scale" };
    let abstains = if rubric.abstain { ", or that it cannot tell" } else { "" };
    let verdict = match (&rubric.scale, rubric.decision.verdict) {
        (Scale::Binary { .. }, _) => "`pass` from the threshold on",
        (Scale::Numeric { .. }, _) => "the verdict is the mean",
        (Scale::Ordinal { .. }, DecisionVerdict::Expected) => "the verdict is the level nearest to the mean",
        (Scale::Ordinal { .. } | Scale::Categorical { .. }, _) => "the verdict is the most probable one",
    };
    format!(
        "a decision model is asked ({from}) {:?} of {}: {}{abstains}; {verdict}",
        rubric.decision.instructions,
        fields.join(", "),
        options.join(", ")
    )
}

/// Which files do not judge as they stand, and what a start would refuse. Silent where there is no database yet.
async fn compare_with_registry(library: &Library, config: &Config, output: &mut Output) -> anyhow::Result<()> {
    let Ok(store) = open_existing_store(config).await else { return Ok(()) };
    let registry = store.rubric_versions().await?;
    for finding in folder_findings(library, &published(&registry)) {
        match finding {
            // Said above already.
            FolderFinding::Unusable(_) => {}
            finding => output.say(format_args!("registry: {finding}"))?,
        }
    }
    if let Err(LibraryError::Selection { missing, .. }) = look(&store, &config.rubrics).await {
        for error in missing {
            output.say(format_args!("registry: a start would be refused: {error}"))?;
        }
    }
    store.close().await;
    Ok(())
}

pub(super) fn plural(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

pub(super) fn show(
    library: &Library,
    wanted: &RubricReference,
    format: Format,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let rubric = find(library, wanted)?;
    match format {
        Format::Json => {
            let mut all = summary(rubric);
            all["source"] = json!(rubric.source);
            all["scale_text"] = json!(rubric.scale_text());
            all["response_schema"] = rubric.response_schema();
            output.json(JsonFormat::Rubric, &all)?;
        }
        Format::Table => output.text(&show_text(rubric)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show_text(rubric: &Rubric) -> anyhow::Result<String> {
    let conditions: Vec<String> = rubric
        .matches
        .iter()
        .map(|(key, patterns)| {
            let patterns: Vec<&str> = patterns.iter().map(rubrics::Pattern::as_str).collect();
            format!("{key} = {}", patterns.join(" or "))
        })
        .collect();
    let applies_to = if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) };
    Ok(format!(
        "{} v{}: {}\n\n\
         judges       every {}{applies_to} that has: {}\n\
         judge        {}\n\
         abstaining   {}\n\
         file         {}\n\
         hash         {}\n\n\
         Scale, as the judge and human labellers read it ({}):\n{}\n\n\
         Reply schema:\n{}\n\n\
         Source:\n{}",
        rubric.name,
        rubric.version,
        rubric.description,
        rubric.subject.as_str(),
        requirements(rubric),
        rubric.judge,
        if rubric.abstain { "allowed" } else { "forbidden" },
        rubric.path.display(),
        rubric.hash,
        rubric.scale.name(),
        rubric.scale_text(),
        serde_json::to_string_pretty(&rubric.response_schema())?,
        rubric.source,
    ))
}

pub(super) fn diff(library: &Library, name: &str, from: u32, to: u32, output: &mut Output) -> anyhow::Result<ExitCode> {
    let version = |version| find(library, &RubricReference { name: name.to_owned(), version: Some(version) });
    let (before, after) = (version(from)?, version(to)?);
    let difference = TextDiff::from_lines(before.source.as_str(), after.source.as_str());
    let header = (format!("{name} v{from}"), format!("{name} v{to}"));
    let unified = difference.unified_diff().header(&header.0, &header.1).to_string();
    if unified.is_empty() {
        output.say(format_args!("{} and {} are the same", header.0, header.1))?;
    } else {
        output.text(&unified)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn render(
    library: &Library,
    wanted: &RubricReference,
    case: Option<&str>,
    file: Option<&Path>,
    format: Format,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let rubric = find(library, wanted)?;
    let content = match (case, file) {
        (Some(case), _) => case_content(library, &rubric.name, case)?,
        (None, Some(file)) => file_content(file)?,
        (None, None) => anyhow::bail!("name a golden case with --case, or a file with --file"),
    };
    let prompt = rubric.render(&content, PRINTED_KEY)?;
    match format {
        Format::Json => {
            let mut document = json!(prompt);
            document["decision"] = decision(rubric);
            document["state"] = serde_json::from_str(&decision_state(&content, &rubric.decision.fields)?)?;
            output.json(JsonFormat::Prompt, &document)?;
        }
        Format::Table => {
            output.say(format_args!("=== system ===\n{}\n\n=== user ===\n{}", prompt.system, prompt.user))?;
            output.say(format_args!("\n=== a decision model instead ===\n{}", decision_text(rubric, &content)?))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a decision model is asked instead of the prompt, and about which state.
fn decision_text(rubric: &Rubric, content: &SubjectContent) -> anyhow::Result<String> {
    if let Some(problem) = unsupported(&rubric.scale, &rubric.decision) {
        return Ok(format!("cannot judge by this rubric: {problem}"));
    }
    let state: serde_json::Value = serde_json::from_str(&decision_state(content, &rubric.decision.fields)?)?;
    let options: Vec<String> =
        rubric.decision.options.iter().map(|option| format!("{}: {}", option.name, option.text)).collect();
    Ok(format!(
        "question: {}\n{}\nstate: {}",
        rubric.decision.instructions,
        options.join("\n"),
        serde_json::to_string_pretty(&state)?
    ))
}

fn case_content(library: &Library, name: &str, wanted: &str) -> anyhow::Result<SubjectContent> {
    let cases = library.cases.get(name).map_or(&[] as &[_], Vec::as_slice);
    let by_number = wanted.parse::<usize>().ok().and_then(|number| cases.get(number.checked_sub(1)?));
    let found = by_number.or_else(|| cases.iter().find(|case| case.name == wanted));
    let found = found.with_context(|| {
        let names: Vec<String> =
            cases.iter().enumerate().map(|(index, case)| format!("  {}  {}", index + 1, case.name)).collect();
        format!("{name} has no golden case `{wanted}`; it has:\n{}", names.join("\n"))
    })?;
    Ok(found.content.clone())
}

fn file_content(file: &Path) -> anyhow::Result<SubjectContent> {
    let json =
        serde_json::from_slice(&input::bytes(file)?).with_context(|| format!("{} is not JSON", input::name(file)))?;
    rubrics::parse_content(json).map_err(|detail| anyhow::anyhow!("{}: {detail}", input::name(file)))
}

pub(super) fn init(dir: &Path, output: &mut Output) -> anyhow::Result<ExitCode> {
    let written = rubrics::write_shipped(dir).with_context(|| format!("cannot write to {}", dir.display()))?;
    for path in &written {
        output.say(dir.join(path).display())?;
    }
    let kept = rubrics::SHIPPED.len() - written.len();
    output.say(format_args!("{} written, {kept} there already", written.len()))?;
    Ok(ExitCode::SUCCESS)
}
