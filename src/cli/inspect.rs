//! `judged inspect`: what judged sees in OTLP files, before anything is judged.

mod line;
mod summary;

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::conventions::TABLE;
use crate::model::{LogRecord, Problem, Span, Step, StepKind, TraceId};
use crate::otlp::{self, Request};
use crate::pipeline::assembly::duplicates;
use crate::pipeline::assembly::trace::{AssembledTrace, assemble};
use crate::pipeline::assembly::trace_warnings::logs_without_ids;
use crate::pipeline::intake::files::{self, FileError};

/// Shows what judged sees in OTLP files. Files given together are one stream, so that log events join their spans.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// OTLP files: .binpb, .json, .jsonl; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "conventions")]
    files: Vec<PathBuf>,
    /// One JSON object a line, or a table for people.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Prints the instrumentations that are understood, and their versions.
    #[arg(long)]
    conventions: bool,
    /// Plain application spans too.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Table,
}

/// What the files held.
#[derive(Default)]
struct Stream {
    spans: HashMap<TraceId, Vec<Span>>,
    logs: HashMap<TraceId, Vec<LogRecord>>,
    /// Trace ids in the order they first appeared.
    order: Vec<TraceId>,
    logs_without_ids: usize,
    refused_spans: Vec<String>,
    file_errors: Vec<FileError>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut failed = false;
    let printed = if args.conventions {
        print_conventions(&mut out, args.format)
    } else {
        let mut stream = Stream::default();
        for file in &args.files {
            stream.read(file);
        }
        failed = !stream.file_errors.is_empty() || !stream.refused_spans.is_empty();
        print_stream(&mut out, stream, args)
    };
    match printed.and_then(|()| out.flush()) {
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Stream {
    fn read(&mut self, file: &std::path::Path) {
        let requests = match files::open(file) {
            Ok(requests) => requests,
            Err(error) => return self.file_errors.push(error),
        };
        for request in requests {
            match request {
                Ok(Request::Traces(traces)) => {
                    traces.resource_spans.into_iter().flat_map(otlp::spans).for_each(|span| self.add_span(file, span));
                }
                Ok(Request::Logs(logs)) => {
                    logs.resource_logs.into_iter().flat_map(otlp::log_records).for_each(|log| self.add_log(log));
                }
                Err(error) => self.file_errors.push(error),
            }
        }
    }

    fn add_span(&mut self, file: &std::path::Path, span: Result<Span, otlp::RecordError>) {
        match span {
            Ok(span) => {
                let spans = self.spans.entry(span.trace_id).or_default();
                if spans.is_empty() {
                    self.order.push(span.trace_id);
                }
                spans.push(span);
            }
            Err(error) => self.refused_spans.push(format!("{}: {error}", file.display())),
        }
    }

    fn add_log(&mut self, log: Result<LogRecord, otlp::RecordError>) {
        match log {
            Ok(log) => self.logs.entry(log.trace_id).or_default().push(log),
            Err(_) => self.logs_without_ids += 1,
        }
    }

    /// The traces in the order they appeared, cross-trace duplicates marked, and what is wrong beside them.
    fn assembled(mut self) -> (Vec<AssembledTrace>, Vec<Problem>, Vec<FileError>, Vec<String>) {
        let mut traces = Vec::with_capacity(self.order.len());
        for id in &self.order {
            let spans = self.spans.remove(id).unwrap_or_default();
            traces.push(assemble(spans, self.logs.remove(id).unwrap_or_default()));
        }
        duplicates::mark_across(&mut traces);
        let mut problems: Vec<Problem> = logs_without_ids(self.logs_without_ids).into_iter().collect();
        // Log records of traces without any span here.
        let orphans = self.logs.values().map(Vec::len).sum();
        problems.extend(crate::pipeline::assembly::trace_warnings::orphan_logs(orphans));
        (traces, problems, self.file_errors, self.refused_spans)
    }
}

fn print_stream(out: &mut impl Write, stream: Stream, args: &Args) -> std::io::Result<()> {
    let (traces, mut problems, errors, refused) = stream.assembled();
    problems.extend(traces.iter().flat_map(|trace| trace.problems.iter().cloned()));
    let shown = || traces.iter().flat_map(|trace| &trace.steps).filter(|step| args.all || matters(step));
    match args.format {
        Format::Json => {
            for step in shown() {
                serde_json::to_writer(&mut *out, &line::Line::of(step))?;
                writeln!(out)?;
            }
            out.flush()?;
            for problem in &problems {
                eprintln!("{}: {}", problem.code, problem.detail);
            }
        }
        Format::Table => {
            write!(out, "{}", summary::table(shown()))?;
            let all: Vec<&Step> = traces.iter().flat_map(|trace| &trace.steps).collect();
            write!(out, "{}", summary::summary(&all, &problems))?;
            out.flush()?;
        }
    }
    for error in &errors {
        eprintln!("error: {}", crate::error_chain::causes(error));
    }
    for line in &refused {
        eprintln!("error: {line}");
    }
    Ok(())
}

/// Plain application spans say nothing to an evaluation, unless something in them was not understood.
fn matters(step: &Step) -> bool {
    step.kind != StepKind::Other || !step.problems.is_empty()
}

fn print_conventions(out: &mut impl Write, format: Format) -> std::io::Result<()> {
    match format {
        Format::Json => {
            for family in TABLE {
                let line = serde_json::json!({"name": family.name, "versions": family.versions, "reads": family.reads});
                writeln!(out, "{line}")?;
            }
            Ok(())
        }
        Format::Table => write!(out, "{}", summary::conventions()),
    }
}
