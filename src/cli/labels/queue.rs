//! `judged labels queue`: the next answers to label, as a file to fill in.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use super::super::open_store::open_existing_store;
use super::super::output::{Output, RecordFormat};
use crate::config::Config;
use crate::labels::pool;
use crate::labels::queue::{self, Drawn};
use crate::lifecycle::rubric_loader;
use crate::model::{LabelStream, SubjectContent, SubjectId};
use crate::rubrics::Rubric;

/// Draws what people should label next, as a file to fill in and import.
///
/// Draws the next answers to label: at least half of them uniformly, the others where the judge is least sure, each with
/// its recorded probability; nothing the judge said is shown. Fill in `score` or `label`, then `judged labels import` the file.
///
/// With several annotators a quarter of the items goes to two of them, which shows how far people agree.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Who will label; may be given several times.
    #[arg(long, required = true, value_name = "NAME")]
    annotator: Vec<String>,
    /// Items for each annotator and rubric.
    #[arg(long, short, default_value_t = 50)]
    n: usize,
    /// Only these rubrics; by default all that are enabled.
    #[arg(long, value_name = "RUBRIC")]
    rubric: Vec<String>,
    /// Where to; by default standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How to write; by default told from the name.
    #[arg(long, value_enum)]
    format: Option<RecordFormat>,
}

/// A line to fill in; `judged labels import` reads it back.
#[derive(Serialize)]
struct Line<'a> {
    subject_id: SubjectId,
    rubric: &'a str,
    annotator: &'a str,
    stream: LabelStream,
    probability: f64,
    question: &'a str,
    scale: String,
    item: SubjectContent,
    score: Option<f64>,
    label: Option<&'a str>,
    rationale: Option<&'a str>,
}

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let active = rubric_loader::look(&store, &config.rubrics).await?.active;
    if let Some(unknown) = args.rubric.iter().find(|name| !active.iter().any(|rubric| rubric.name == **name)) {
        anyhow::bail!("there is no enabled rubric `{unknown}`; `judged rubrics list` shows those there are");
    }
    let mut items = Vec::new();
    for rubric in active.iter().filter(|rubric| args.rubric.is_empty() || args.rubric.contains(&rubric.name)) {
        let (drawn, done) = pool::drawn(&store, &rubric.name, &crate::lifecycle::baselines(config)).await?;
        for (annotator, item) in queue::next_for_all(&args.annotator, &rubric.name, &drawn, done, args.n) {
            // Retention may have taken the content since it was drawn.
            if let Some(content) = store.subject_record(item.subject).await?.and_then(|record| record.content) {
                items.push((rubric.as_ref(), annotator, item, content));
            }
        }
    }
    store.close().await;
    let is_csv = |path: &PathBuf| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let text = match args.format.unwrap_or(if args.out.as_ref().is_some_and(is_csv) {
        RecordFormat::Csv
    } else {
        RecordFormat::Jsonl
    }) {
        RecordFormat::Jsonl => json_lines(items.iter())?,
        RecordFormat::Csv => csv_table(items.iter())?,
    };
    match &args.out {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            output.say(format_args!(
                "{}: {} items to label; fill in and `judged labels import` it",
                path.display(),
                items.len()
            ))?;
        }
        None => output.write_all(text.as_bytes())?,
    }
    if items.is_empty() {
        output.note(format_args!(
            "nothing waits to be labelled: no answer of the last {} days was scored",
            queue::WINDOW_DAYS
        ));
    }
    Ok(ExitCode::SUCCESS)
}

type Item<'a> = (&'a Rubric, &'a str, Drawn, SubjectContent);

fn json_lines<'a>(items: impl Iterator<Item = &'a Item<'a>>) -> anyhow::Result<String> {
    let mut text = String::new();
    for (rubric, annotator, drawn, content) in items {
        let line = Line {
            subject_id: drawn.subject,
            rubric: &rubric.name,
            annotator,
            stream: drawn.stream,
            probability: drawn.probability.get(),
            question: &rubric.description,
            scale: rubric.scale_text(),
            item: content.clone(),
            score: None,
            label: None,
            rationale: None,
        };
        text += &serde_json::to_string(&line)?;
        text.push('\n');
    }
    Ok(text)
}

const COLUMNS: [&str; 13] = [
    "subject_id",
    "rubric",
    "annotator",
    "stream",
    "probability",
    "question",
    "scale",
    "input",
    "documents",
    "output",
    "score",
    "label",
    "rationale",
];

fn csv_table<'a>(items: impl Iterator<Item = &'a Item<'a>>) -> anyhow::Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for (rubric, annotator, drawn, content) in items {
        let documents: Vec<&str> = content.documents.iter().filter_map(|document| document.text.as_deref()).collect();
        table.write_record([
            &drawn.subject.to_string(),
            &rubric.name,
            *annotator,
            drawn.stream.as_str(),
            &drawn.probability.get().to_string(),
            &rubric.description,
            &rubric.scale_text(),
            content.input.as_deref().unwrap_or_default(),
            &documents.join("\n\n"),
            content.output.as_deref().unwrap_or_default(),
            "",
            "",
            "",
        ])?;
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}
