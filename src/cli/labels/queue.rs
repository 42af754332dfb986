//! `judged labels queue`: the next answers to label, as a file to fill in.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use super::super::exit::Usage;
use super::super::open_store::open_existing_store;
use super::super::output::{Output, RecordFormat};
use super::disagreements;
use super::keys::seal_key;
use crate::config::Config;
use crate::labels::anchors::to_relabel;
use crate::labels::file::formula;
use crate::labels::queue::{self, Drawn};
use crate::labels::tools::{self, QueuedItem, Tool};
use crate::labels::{pool, seal};
use crate::lifecycle::rubric_loader;
use crate::model::{LabelStream, SubjectContent, SubjectId};
use crate::rubrics::Rubric;
use crate::secrets::MacKey;
use crate::store::{Store, StoreError};

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
    /// Instead: answers of which people say different things, with what each said, for one person to settle.
    ///
    /// What is filled in and imported is what people say of the answer from then on; how far people agree is still told by
    /// what each said before.
    #[arg(long, conflicts_with = "tool")]
    disagreements: bool,
    /// Instead: anchors that each annotator labelled before, the oldest labels first, to be labelled again.
    ///
    /// Only that tells whether people have changed when agreement falls.
    #[arg(long, conflicts_with = "disagreements")]
    anchors: bool,
    /// The tool in which people will label, whose import the file is for: label-studio, doccano, potato, argilla or prodigy.
    #[arg(long = "for", value_parser = super::import::tool, value_name = "TOOL", conflicts_with = "format")]
    tool: Option<Tool>,
}

/// A line to fill in; `judged labels import` reads it back.
#[derive(Serialize)]
struct Line<'a> {
    subject_id: SubjectId,
    rubric: &'a str,
    annotator: &'a str,
    stream: LabelStream,
    probability: f64,
    draw: String,
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
    let wanted: Vec<&Rubric> = active
        .iter()
        .map(AsRef::as_ref)
        .filter(|rubric| args.rubric.is_empty() || args.rubric.contains(&rubric.name))
        .collect();
    if args.disagreements {
        let [annotator] = args.annotator.as_slice() else {
            anyhow::bail!(Usage("--disagreements: one person settles; name one with --annotator".to_owned()));
        };
        let disputed = disagreements::to_settle(&store, wanted.into_iter(), args.n).await?;
        store.close().await;
        let text = disagreements::written(&disputed, annotator, written_as(&args))?;
        let none = "nothing is disputed: no two people say different things of an answer, or it is settled";
        return write(&args, &text, (disputed.len(), "to settle", none), output);
    }
    let mut items = Vec::new();
    for rubric in wanted {
        let next = if args.anchors {
            again(&store, &args, &rubric.name).await?
        } else {
            let (drawn, done) = pool::drawn(&store, &rubric.name, &crate::lifecycle::baselines(config)).await?;
            queue::next_for_all(&args.annotator, &rubric.name, &drawn, done, args.n)
        };
        for (annotator, item) in next {
            // Retention may have taken the content since it was drawn.
            if let Some(content) = store.subject_record(item.subject).await?.and_then(|record| record.content) {
                items.push((rubric, annotator, item, content));
            }
        }
    }
    let key = seal_key(&store, config).await?;
    store.close().await;
    let text = match args.tool {
        Some(tool) => for_tool(tool, &items, &key, output)?,
        None => match written_as(&args) {
            RecordFormat::Jsonl => json_lines(items.iter(), &key)?,
            RecordFormat::Csv => csv_table(items.iter(), &key)?,
        },
    };
    let none = if args.anchors {
        "nothing can be labelled again: none of the anchors was labelled by these annotators".to_owned()
    } else {
        format!("nothing waits to be labelled: no answer of the last {} days was scored", queue::WINDOW_DAYS)
    };
    write(&args, &text, (items.len(), "to label", &none), output)
}

/// Anchors that each annotator is to label again.
async fn again<'a>(store: &Store, args: &'a Args, rubric: &str) -> Result<Vec<(&'a str, Drawn)>, StoreError> {
    let (anchors, labels) = (store.anchors().await?, store.labels().await?);
    let of = |annotator: &'a String| {
        let drawn = to_relabel(&anchors, &labels, rubric, annotator, args.n);
        drawn.into_iter().map(move |drawn| (annotator.as_str(), drawn))
    };
    Ok(args.annotator.iter().flat_map(of).collect())
}

/// Writes the file, and says how many items are in it and what for, or why there are none.
fn write(
    args: &Args,
    text: &str,
    (number, what_for, none): (usize, &str, &str),
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    match &args.out {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            let then = match args.tool {
                Some(tool) => format!(
                    "import it into {0}, and what it exports with judged labels import --from {0}",
                    tool.as_str()
                ),
                None => "fill in and `judged labels import` it".to_owned(),
            };
            output.say(format_args!("{}: {number} items {what_for}; {then}", path.display()))?;
        }
        None => output.write_all(text.as_bytes())?,
    }
    if number == 0 {
        output.note(none);
    }
    Ok(ExitCode::SUCCESS)
}

fn sealed(key: &MacKey, rubric: &Rubric, drawn: &Drawn) -> String {
    seal::sealed(key, &rubric.name, drawn.subject, drawn.stream, drawn.probability)
}

fn written_as(args: &Args) -> RecordFormat {
    let is_csv = |path: &PathBuf| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let told = if args.out.as_ref().is_some_and(is_csv) { RecordFormat::Csv } else { RecordFormat::Jsonl };
    args.format.unwrap_or(told)
}

/// The file that a tool imports, and what it needs besides.
fn for_tool(tool: Tool, items: &[Item<'_>], key: &MacKey, output: &mut Output) -> anyhow::Result<String> {
    let queued: Vec<QueuedItem<'_>> = items
        .iter()
        .map(|(rubric, annotator, drawn, content)| QueuedItem {
            subject_id: drawn.subject.to_string(),
            rubric: &rubric.name,
            question: &rubric.description,
            scale: &rubric.scale,
            scale_text: rubric.scale_text(),
            annotator,
            draw: sealed(key, rubric, drawn),
            content,
        })
        .collect();
    let Some(text) = tools::queued(tool, &queued) else {
        let from = tool.as_str();
        anyhow::bail!(Usage(format!(
            "{from} imports no items; people label there what is there, see judged labels pull"
        )));
    };
    if tool == Tool::LabelStudio {
        let rubrics: BTreeMap<&str, &Rubric> = items.iter().map(|item| (item.0.name.as_str(), item.0)).collect();
        for (name, rubric) in rubrics {
            let interface = tools::label_studio_interface(&rubric.scale);
            output.note(format_args!(
                "the labelling interface of a project for {name} (Settings, Labeling Interface, Code):\n{interface}"
            ));
        }
    }
    Ok(text)
}

type Item<'a> = (&'a Rubric, &'a str, Drawn, SubjectContent);

fn json_lines<'a>(items: impl Iterator<Item = &'a Item<'a>>, key: &MacKey) -> anyhow::Result<String> {
    let mut text = String::new();
    for (rubric, annotator, drawn, content) in items {
        let line = Line {
            subject_id: drawn.subject,
            rubric: &rubric.name,
            annotator,
            stream: drawn.stream,
            probability: drawn.probability.get(),
            draw: sealed(key, rubric, drawn),
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

const COLUMNS: [&str; 14] = [
    "subject_id",
    "rubric",
    "annotator",
    "stream",
    "probability",
    "draw",
    "question",
    "scale",
    "input",
    "documents",
    "output",
    "score",
    "label",
    "rationale",
];

fn csv_table<'a>(items: impl Iterator<Item = &'a Item<'a>>, key: &MacKey) -> anyhow::Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for (rubric, annotator, drawn, content) in items {
        let documents: Vec<&str> = content.documents.iter().filter_map(|document| document.text.as_deref()).collect();
        let cells = [
            &drawn.subject.to_string(),
            &rubric.name,
            *annotator,
            drawn.stream.as_str(),
            &drawn.probability.get().to_string(),
            &sealed(key, rubric, drawn),
            &rubric.description,
            &rubric.scale_text(),
            content.input.as_deref().unwrap_or_default(),
            &documents.join("\n\n"),
            content.output.as_deref().unwrap_or_default(),
            "",
            "",
            "",
        ];
        table.write_record(cells.map(|cell| formula::guarded(cell).into_owned()))?;
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}
