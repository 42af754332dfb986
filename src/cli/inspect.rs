//! `judged inspect`: what judged sees in OTLP files, before anything is judged.

mod line;
mod summary;

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::exit::success_if;
use super::output::{Format, Output};
use crate::conventions::{COMPARED_ON, TABLE};
use crate::error_chain::causes;
use crate::model::{LogRecord, Problem, Span, Step, StepKind, TraceId};
use crate::otlp::{self, Request};
use crate::pipeline::assembly::assembled_trace::AssembledTrace;
use crate::pipeline::assembly::duplicates;
use crate::pipeline::assembly::trace::assemble;
use crate::pipeline::assembly::trace_warnings::logs_without_ids;
use crate::pipeline::intake::files::{self, FileError};

/// Shows what judged sees in OTLP files.
///
/// Files given together are one stream, so that log events join their spans.
///
/// Exit code 1 when a file or a span could not be read; the others are shown.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// OTLP files: .binpb, .json, .jsonl; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "conventions")]
    files: Vec<PathBuf>,
    /// One JSON object a line, or a table for people.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Prints the instrumentations that are understood, their versions, and the registries they were compared with.
    #[arg(long)]
    conventions: bool,
    /// Plain application spans too.
    #[arg(long)]
    all: bool,
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
pub(super) fn run(args: &Args, output: &mut Output) -> anyhow::Result<ExitCode> {
    if args.conventions {
        print_conventions(args.format, output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut stream = Stream::default();
    for file in &args.files {
        stream.read(file);
    }
    let failed = !stream.file_errors.is_empty() || !stream.refused_spans.is_empty();
    print_stream(stream, args, output)?;
    Ok(success_if(!failed))
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

fn print_stream(stream: Stream, args: &Args, output: &mut Output) -> io::Result<()> {
    let (traces, mut problems, errors, refused) = stream.assembled();
    problems.extend(traces.iter().flat_map(|trace| trace.problems.iter().cloned()));
    let shown = || traces.iter().flat_map(|trace| &trace.steps).filter(|step| args.all || matters(step));
    match args.format {
        Format::Json => {
            let mut lines = BufWriter::new(&mut *output);
            for step in shown() {
                serde_json::to_writer(&mut lines, &line::Line::of(step))?;
                writeln!(lines)?;
            }
            lines.flush()?;
            drop(lines);
            for problem in &problems {
                output.note(format_args!("{}: {}", problem.code.as_str(), problem.detail));
            }
        }
        Format::Table => {
            output.text(&summary::table(shown()))?;
            let all: Vec<(&Step, &Span)> =
                traces.iter().flat_map(|trace| trace.steps.iter().zip(&trace.spans)).collect();
            output.text(&summary::summary(&all, &problems))?;
        }
    }
    for error in &errors {
        output.note(format_args!("error: {}", causes(error)));
    }
    for line in &refused {
        output.note(format_args!("error: {line}"));
    }
    Ok(())
}

/// Plain application spans say nothing to an evaluation, unless something in them was not understood.
fn matters(step: &Step) -> bool {
    step.kind != StepKind::Other || !step.problems.is_empty()
}

fn print_conventions(format: Format, output: &mut Output) -> io::Result<()> {
    match format {
        Format::Json => {
            for family in TABLE {
                output.json_line(&serde_json::json!({
                    "name": family.name,
                    "versions": family.versions,
                    "reads": family.reads,
                    "names": family.names(),
                    "compared_on": COMPARED_ON,
                }))?;
            }
            Ok(())
        }
        Format::Table => output.text(&summary::conventions()),
    }
}
