//! `judged inspect`: what judged sees in OTLP files, before anything is judged.

mod line;
mod summary;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::success_if;
use super::output::{Format, Output};
use super::parallel;
use crate::conventions::{COMPARED_ON, TABLE};
use crate::error_chain::causes;
use crate::model::{LogRecord, Problem, Span, Step, StepKind, TraceId};
use crate::otlp::{self, Request};
use crate::pipeline::assembly::assembled_trace::AssembledTrace;
use crate::pipeline::assembly::duplicates;
use crate::pipeline::assembly::trace::assemble;
use crate::pipeline::assembly::trace_warnings::logs_without_ids;
use crate::pipeline::intake::files::{self, FileError, Undecoded};

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

/// Requests that are decoded at once, so that a file need not be in memory twice.
const REQUESTS_AT_ONCE: usize = 256;

/// Steps whose lines are made at once, and those of them that one thread takes.
const STEPS_AT_ONCE: usize = 4_096;
const STEPS_A_PIECE: usize = 16;

/// The records of one request, each right or wrong by itself.
enum Records {
    Spans(Vec<Result<Span, otlp::RecordError>>),
    Logs(Vec<Result<LogRecord, otlp::RecordError>>),
}

/// What was read of one request.
struct Read {
    records: Records,
    /// Records that were left out because a number does not fit its field.
    out_of_range: Vec<String>,
}

fn read(request: &Undecoded, file: &Path) -> Result<Read, FileError> {
    let decoded = request.decode(file)?;
    let out_of_range = if decoded.has_blank_records() { request.numbers_out_of_range() } else { Vec::new() };
    let mut records = records(decoded);
    // They are told of in better words.
    if let Records::Spans(spans) = &mut records {
        let mut refused = 0;
        spans.retain(|span| {
            refused += usize::from(span.is_err());
            span.is_ok() || refused > out_of_range.len()
        });
    }
    let out_of_range = out_of_range.into_iter().map(|text| format!("{}: {text}", file.display())).collect();
    Ok(Read { records, out_of_range })
}

fn records(request: Request) -> Records {
    match request {
        Request::Traces(traces) => Records::Spans(traces.resource_spans.into_iter().flat_map(otlp::spans).collect()),
        Request::Logs(logs) => Records::Logs(logs.resource_logs.into_iter().flat_map(otlp::log_records).collect()),
    }
}

impl Stream {
    fn read(&mut self, file: &Path) {
        let mut requests = match files::open(file) {
            Ok(requests) => requests,
            Err(error) => return self.file_errors.push(error),
        };
        loop {
            let some: Vec<_> = std::iter::from_fn(|| requests.next_undecoded()).take(REQUESTS_AT_ONCE).collect();
            if some.is_empty() {
                return;
            }
            let decoded = parallel::map(some, |request| request.and_then(|request| read(&request, file)));
            for read in decoded {
                let records = read.map(|read| {
                    self.refused_spans.extend(read.out_of_range);
                    read.records
                });
                match records {
                    Ok(Records::Spans(spans)) => spans.into_iter().for_each(|span| self.add_span(file, span)),
                    Ok(Records::Logs(logs)) => logs.into_iter().for_each(|log| self.add_log(log)),
                    Err(error) => self.file_errors.push(error),
                }
            }
        }
    }

    fn add_span(&mut self, file: &Path, span: Result<Span, otlp::RecordError>) {
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
        let records_of =
            |id: &TraceId| (self.spans.remove(id).unwrap_or_default(), self.logs.remove(id).unwrap_or_default());
        let records: Vec<_> = self.order.iter().map(records_of).collect();
        let mut traces = parallel::map(records, |(spans, logs)| assemble(spans, logs));
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
            let steps: Vec<&Step> = shown().collect();
            // A whole number of lines at a time: much is written, and a reader may stop early.
            for some in steps.chunks(STEPS_AT_ONCE) {
                for lines in parallel::map(some.chunks(STEPS_A_PIECE).collect(), json_lines) {
                    output.write_all(&lines?)?;
                }
            }
            output.flush()?;
            let mut counted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
            for problem in &problems {
                *counted.entry((problem.code.as_str(), &problem.detail)).or_default() += 1;
            }
            for ((code, detail), count) in counted {
                let times = if count > 1 { format!(" ({count}×)") } else { String::new() };
                output.note(format_args!("{code}: {detail}{times}"));
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

fn json_lines(steps: &[&Step]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for step in steps {
        serde_json::to_writer(&mut lines, &line::Line::of(step))?;
        lines.push(b'\n');
    }
    Ok(lines)
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
