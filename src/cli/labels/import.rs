//! `judged labels import`: labels from files.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::super::acting;
use super::super::exit::{Usage, success_if};
use super::super::input;
use super::super::open_store::open_existing_store;
use super::super::output::{Output, RecordFormat};
use super::keys::seal_key;
use super::rubrics::labelled_rubrics;
use crate::config::Config;
use crate::error_chain::causes;
use crate::labels::file::{Entry, Form, LabelFile, Reading, rejected};
use crate::labels::tools::{self, Mapping, Tool, ToolExport};
use crate::labels::{self, Import, LabelledRubric, Naming, Refused, Terms};
use crate::model::{LabelWay, Named as _};
use crate::store::{AuditAction, Store};

/// Imports labels from a spreadsheet or from JSON.
///
/// Takes CSV as any spreadsheet saves it (`,`, `;` or tab, any common encoding), `.xlsx`, JSON lines and JSON arrays; what a
/// file is, is told by its content. A label needs `trace_id` (or `subject_id`), `rubric`, `annotator`, and a verdict in `score`,
/// `label` or `pass`; further columns are passed over and named. Rows without a verdict are left for later.
///
/// With --from it takes what an annotation tool exports, and names what the export does not say.
///
/// A wrong line is named, and written into a file beside the first, `NAME.rejected.csv`, that can be mended and imported; the
/// others are stored. Of two lines of one annotator on one answer the later by `labelled_at` counts, else the lower one.
///
/// Exit code 1 when a line was wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The files; `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The tool that exported the files: label-studio, doccano, potato, argilla, prodigy, langfuse, phoenix or mlflow.
    #[arg(long, value_parser = tool, value_name = "TOOL")]
    from: Option<Tool>,
    /// A question of the tool that is called otherwise than its rubric; may be given several times.
    #[arg(long, value_name = "QUESTION=RUBRIC", value_parser = pair, requires = "from")]
    name: Vec<(String, String)>,
    /// Somebody whom the tool knows by an id only; may be given several times.
    #[arg(long, value_name = "ID=NAME", value_parser = pair, requires = "from")]
    who: Vec<(String, String)>,
    /// A column that is called otherwise, as in `labelled_at=created_at`; may be given several times.
    #[arg(long, value_name = "OURS=THEIRS", value_parser = pair)]
    column: Vec<(String, String)>,
    /// The rubric of all lines that name none.
    #[arg(long, value_name = "RUBRIC")]
    rubric: Option<String>,
    /// Who gave the labels of all lines that name nobody.
    #[arg(long, value_name = "NAME")]
    annotator: Option<String>,
    /// The encoding of the files, where it is not told by their content: `windows-1252`, `iso-8859-2`, `shift_jis`, …
    #[arg(long)]
    encoding: Option<String>,
    /// How the files are written; told by their content without it.
    #[arg(long, value_enum)]
    format: Option<RecordFormat>,
    /// Does not name the columns that mean nothing here.
    #[arg(long)]
    ignore_unknown: bool,
    /// Says what would be stored and what refused, and why; stores and writes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// A tool by its name.
pub(super) fn tool(text: &str) -> Result<Tool, String> {
    Tool::parse(text).ok_or_else(|| format!("expected one of {}", Tool::NAMES.join(", ")))
}

/// Two names with `=` between them.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((one, other)) if !one.trim().is_empty() && !other.trim().is_empty() => {
            Ok((one.trim().to_owned(), other.trim().to_owned()))
        }
        _ => Err("expected a name, `=` and a name".to_owned()),
    }
}

/// Refused lines that are named one by one; of more, what they share.
const NAMED: usize = 20;

pub(super) async fn run(args: Args, config: &Config, output: &mut Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let rubrics = labelled_rubrics(config)?;
    let key = seal_key(&store, config).await?;
    if let Some(unknown) = args.rubric.as_ref().filter(|name| !rubrics.contains_key(*name)) {
        anyhow::bail!(Usage(format!("--rubric: {}", labels::LabelError::UnknownRubric(unknown.clone()))));
    }
    if let Some((_, unknown)) = args.name.iter().find(|(_, rubric)| !rubrics.contains_key(rubric)) {
        anyhow::bail!(Usage(format!("--name: {}", labels::LabelError::UnknownRubric(unknown.clone()))));
    }
    let via = args.from.map_or(LabelWay::Import, |tool| LabelWay::Tool(tool.as_str().to_owned()));
    let terms = Terms { rubrics: &rubrics, via, key: &key, trusts_draws: args.from.is_none() };
    let mut all_stored = true;
    for path in &args.files {
        let name = input::name(path);
        let opened = match opened(&args, path, &rubrics) {
            Ok(opened) => opened,
            Err(error) => {
                output.note(format_args!("{name}: {}", causes(error.as_ref())));
                all_stored = false;
                continue;
            }
        };
        all_stored &= one(&store, &terms, &args, path, opened, output).await?;
    }
    store.close().await;
    Ok(success_if(all_stored))
}

/// A file that can be read.
enum Opened {
    Labels(Box<LabelFile>),
    Export(ToolExport),
}

fn opened(args: &Args, path: &Path, rubrics: &BTreeMap<String, LabelledRubric>) -> anyhow::Result<Opened> {
    let naming =
        Naming { columns: args.column.clone(), rubric: args.rubric.clone(), annotator: args.annotator.clone() };
    let is_table = args.format.map(|format| format == RecordFormat::Csv);
    let reading = Reading { encoding: args.encoding.clone(), is_table, naming };
    let bytes = input::bytes(path)?;
    let Some(tool) = args.from else { return Ok(Opened::Labels(Box::new(LabelFile::open(bytes, &reading)?))) };
    let of_path = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let mapping = Mapping {
        rubrics: rubrics.keys().cloned().collect(),
        names: args.name.iter().cloned().collect(),
        rubric: args.rubric.clone(),
        who: args.who.iter().cloned().collect(),
        annotator: args.annotator.clone(),
        file_stem: of_path(path.file_stem()).unwrap_or_default(),
        folder: of_path(path.parent().and_then(Path::file_name)),
    };
    Ok(Opened::Export(tools::read(tool, bytes, &reading, &mapping)?))
}

/// Imports one file, or says what that would come to; returns whether nothing was refused.
async fn one(
    store: &Store,
    terms: &Terms<'_>,
    args: &Args,
    path: &Path,
    opened: Opened,
    output: &mut Output,
) -> anyhow::Result<bool> {
    let name = input::name(path);
    let (import, form) = match opened {
        Opened::Labels(mut file) => {
            let import = taken(store, terms, args, &mut *file).await?;
            of_file(&file, args.ignore_unknown, &name, output);
            (import, file.form().clone())
        }
        Opened::Export(export) => {
            for (what, number) in &export.lost {
                output.note(format_args!("{name}: {number} × {what}"));
            }
            (taken(store, terms, args, export.entries.into_iter()).await?, Form::Json)
        }
    };
    remarks(&import, terms.trusts_draws, &name, output);
    if args.dry_run {
        output.text(&preview(&name, &import))?;
    } else {
        // Neither what cannot be told nor what cannot be noted hides the other: the labels are stored.
        let told = tell(path, &name, &form, &import, output);
        if import.stored > 0 {
            let detail = format!("{} labels", import.stored);
            acting::note(store, AuditAction::LabelsImported, &path.display().to_string(), &detail).await?;
        }
        told?;
    }
    Ok(import.refused.is_empty())
}

async fn taken(
    store: &Store,
    terms: &Terms<'_>,
    args: &Args,
    entries: impl Iterator<Item = Entry>,
) -> anyhow::Result<Import> {
    Ok(if args.dry_run {
        labels::preview(store, terms, entries).await?
    } else {
        labels::import(store, terms, entries).await?
    })
}

/// What is to be known of how a file was read.
fn of_file(file: &LabelFile, ignore_unknown: bool, name: &str, output: &mut Output) {
    if let Some(remark) = file.remark() {
        output.note(format_args!("{name}: {remark}"));
    }
    let unknown = file.passed_over();
    if !unknown.is_empty() && !ignore_unknown {
        output.note(format_args!("{name}: passed over what labels do not have: {}", unknown.join(", ")));
    }
}

/// What is to be known of the labels.
fn remarks(import: &Import, trusts_draws: bool, name: &str, output: &mut Output) {
    for (spelling, known) in &import.names {
        output.note(format_args!("{name}: `{spelling}` was taken for the annotator `{known}`"));
    }
    if import.outdated > 0 {
        output.note(format_args!(
            "{name}: {} lines say what their annotator has changed since, and were passed over; with `labelled_at` they count",
            import.outdated
        ));
    }
    if import.unsealed > 0 {
        output.note(format_args!(
            "{name}: {} lines say that their answer was drawn at random, without the seal of `judged labels queue`; {}",
            import.unsealed,
            if trusts_draws { "that is taken on your word" } else { "they are kept as of unknown selection" }
        ));
    }
}

fn summary(import: &Import) -> String {
    let Import { stored, known, empty, replaced, outdated, refused, .. } = import;
    let if_any = |number: &u64, what: &str| match number {
        0 => String::new(),
        number => format!(", {number} {what}"),
    };
    let replaced = if_any(replaced, "replaced by a later line");
    let outdated = if_any(outdated, "changed since");
    format!("{stored} stored, {known} known already, {empty} left empty, {} refused{replaced}{outdated}", refused.len())
}

/// What a dry run says: what would be stored by rubric, and the refused grouped by what is wrong.
fn preview(name: &str, import: &Import) -> String {
    let mut text = format!("{name}: would be {}\n", summary(import));
    for (rubric, number) in &import.rubrics {
        text += &format!("  {number} of {rubric}\n");
    }
    for (kind, refused) in grouped(&import.refused) {
        text += &format!("  refused, {}: {kind} (at {})\n", refused.len(), places(&refused));
    }
    text
}

fn grouped(refused: &[Refused]) -> BTreeMap<String, Vec<&Refused>> {
    let mut groups: BTreeMap<String, Vec<&Refused>> = BTreeMap::new();
    for one in refused {
        groups.entry(one.error.kind()).or_default().push(one);
    }
    groups
}

fn places(refused: &[&Refused]) -> String {
    let first: Vec<String> = refused.iter().take(5).map(|one| one.place.to_string()).collect();
    let more = if refused.len() > first.len() { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

/// Tells what became of a file.
fn tell(path: &Path, name: &str, form: &Form, import: &Import, output: &mut Output) -> anyhow::Result<()> {
    let written = tell_refused(path, name, form, &import.refused, output);
    output.say(format_args!("{name}: {}", summary(import)))?;
    written
}

/// Names what was refused, and writes it into a file that can be mended and imported.
fn tell_refused(path: &Path, name: &str, form: &Form, refused: &[Refused], output: &mut Output) -> anyhow::Result<()> {
    if refused.len() <= NAMED {
        for one in refused {
            output.note(format_args!("{name}:{}: {}", one.place, causes(&one.error)));
        }
    } else {
        for (kind, refused) in grouped(refused) {
            output.note(format_args!("{name}: {} refused: {kind} (at {})", refused.len(), places(&refused)));
        }
    }
    if refused.is_empty() || input::is_standard_input(path) {
        return Ok(());
    }
    let text = rejected(form, refused.iter().map(|one| (&one.original, causes(&one.error))))?;
    let (mut file, written) = create_beside(path, form)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", written.display()))?;
    output.note(format_args!(
        "{name}: what was refused is in {}; mend it there and import it: judged labels import {}",
        written.display(),
        written.display()
    ));
    Ok(())
}

/// A new file beside `path`: nothing that somebody may have mended is written over.
fn create_beside(path: &Path, form: &Form) -> anyhow::Result<(File, PathBuf)> {
    let extension = match form {
        Form::Json => "jsonl",
        Form::Table { .. } => "csv",
    };
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let stem = stem.split(".rejected").next().unwrap_or_default();
    for number in 1..=1_000_u32 {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        let beside = path.with_file_name(format!("{stem}.rejected{number}.{extension}"));
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Ok(file) => return Ok((file, beside)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", beside.display())),
        }
    }
    anyhow::bail!("there are a thousand files of refused lines beside {}; remove some", path.display())
}

#[cfg(test)]
mod tests;
