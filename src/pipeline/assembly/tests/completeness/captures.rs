//! Recordings of traces, read as assembly reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::SegmentConfig;
use crate::model::{LogRecord, Span, Subject, SubjectId, TraceId};
use crate::otlp::wire::{ExportLogsServiceRequest, ExportTraceServiceRequest};
use crate::otlp::{self, Request};
use crate::pipeline::assembly::subjects::subjects;
use crate::pipeline::assembly::trace::assemble;
use crate::testing::captures::requests;

/// What one instrumentation recorded, as one request a signal.
#[derive(Debug, Clone, Default)]
pub(super) struct Capture {
    pub(super) name: String,
    pub(super) traces: ExportTraceServiceRequest,
    pub(super) logs: ExportLogsServiceRequest,
}

/// What is judged of a capture.
pub(super) struct Read {
    pub(super) subjects: BTreeMap<SubjectId, Subject>,
    /// Every answer of any span, judged or not.
    pub(super) answers: BTreeSet<String>,
}

/// All captures, or those of a folder.
pub(super) fn all() -> Vec<Capture> {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");
    let folder = std::env::var("JUDGED_TEST_CAPTURES").unwrap_or_else(|_| demo.to_owned());
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let is_traces = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = name.strip_suffix(".jsonl");
        stem.is_some_and(|stem| stem != "labels" && stem.strip_suffix(".logs").is_none())
    };
    let mut traces: Vec<PathBuf> = files.filter(is_traces).collect();
    traces.sort();
    traces.iter().map(|file| capture(file)).collect()
}

fn capture(file: &Path) -> Capture {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut capture = Capture { name, ..Capture::default() };
    let logs = file.with_extension("logs.jsonl");
    for file in [Some(file), logs.exists().then_some(logs.as_path())].into_iter().flatten() {
        for request in requests(file) {
            match request {
                Request::Traces(request) => capture.traces.resource_spans.extend(request.resource_spans),
                Request::Logs(request) => capture.logs.resource_logs.extend(request.resource_logs),
            }
        }
    }
    capture
}

impl Capture {
    pub(super) fn read(&self) -> Read {
        let mut traces: BTreeMap<TraceId, (Vec<Span>, Vec<LogRecord>)> = BTreeMap::new();
        for span in self.traces.resource_spans.iter().cloned().flat_map(otlp::spans).flatten() {
            traces.entry(span.trace_id).or_default().0.push(span);
        }
        for log in self.logs.resource_logs.iter().cloned().flat_map(otlp::log_records).flatten() {
            traces.entry(log.trace_id).or_default().1.push(log);
        }
        let mut read = Read { subjects: BTreeMap::new(), answers: BTreeSet::new() };
        for (spans, logs) in traces.into_values() {
            let trace = assemble(spans, logs);
            read.answers.extend(trace.steps.iter().filter_map(|step| step.output_text.clone()));
            let found = subjects(&trace, &SegmentConfig::default());
            read.subjects.extend(found.into_iter().map(|subject| (subject.id, subject)));
        }
        read
    }
}
