//! What a length limit does to real traces: no judge is shown another text than was recorded without being told.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::subjects::subjects;
use super::super::trace::assemble;
use crate::config::SegmentConfig;
use crate::model::{Attributes, CutPart, LogRecord, Span, Subject, SubjectId, TraceId, Value};
use crate::otlp::{self, Request};
use crate::testing::captures::requests;

/// The limits of SDKs, Collectors and people.
const LIMITS: [usize; 3] = [200, 1_000, 4_096];

/// The records of one trace.
type Records = (Vec<Span>, Vec<LogRecord>);

/// The traces in the files of `demo`, and in those of the folder that a variable names.
fn captures() -> Vec<(String, HashMap<TraceId, Records>)> {
    let named = std::env::var_os("JUDGED_TEST_CAPTURES").map(PathBuf::from);
    let folders = [PathBuf::from("demo")].into_iter().chain(named);
    let mut paths: Vec<PathBuf> = folders
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .filter(|path| path.file_name().is_some_and(|name| name != "labels.jsonl"))
        .collect();
    paths.sort();
    let is_logs = |path: &PathBuf| path.to_string_lossy().ends_with(".logs.jsonl");
    let (logs, spans): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(is_logs);
    spans
        .into_iter()
        .map(|path| {
            let beside = PathBuf::from(path.to_string_lossy().replace(".jsonl", ".logs.jsonl"));
            let mut traces: HashMap<TraceId, Records> = HashMap::new();
            for file in [Some(&path), logs.iter().find(|logs| **logs == beside)].into_iter().flatten() {
                read(file, &mut traces);
            }
            (path.display().to_string(), traces)
        })
        .collect()
}

fn read(file: &Path, traces: &mut HashMap<TraceId, Records>) {
    for request in requests(file) {
        match request {
            Request::Traces(sent) => {
                for span in sent.resource_spans.into_iter().flat_map(otlp::spans).filter_map(Result::ok) {
                    traces.entry(span.trace_id).or_default().0.push(span);
                }
            }
            Request::Logs(sent) => {
                for log in sent.resource_logs.into_iter().flat_map(otlp::log_records).filter_map(Result::ok) {
                    traces.entry(log.trace_id).or_default().1.push(log);
                }
            }
        }
    }
}

fn cut_value(value: &Value, limit: usize) -> Value {
    match value {
        Value::String(text) => Value::String(text.chars().take(limit).collect()),
        Value::List(items) => Value::List(items.iter().map(|item| cut_value(item, limit)).collect()),
        Value::Map(members) => {
            Value::Map(members.iter().map(|(key, member)| (key.clone(), cut_value(member, limit))).collect())
        }
        other => other.clone(),
    }
}

fn cut_attributes(attributes: &Attributes, limit: usize) -> Attributes {
    let mut cut = Attributes::default();
    for (key, value) in attributes.iter() {
        cut.push(key, cut_value(value, limit));
    }
    cut
}

fn cut((spans, logs): &Records, limit: usize) -> Records {
    let spans = spans.iter().cloned().map(|mut span| {
        span.attributes = cut_attributes(&span.attributes, limit);
        for event in &mut span.events {
            event.attributes = cut_attributes(&event.attributes, limit);
        }
        span
    });
    let logs = logs.iter().cloned().map(|mut log| {
        log.attributes = cut_attributes(&log.attributes, limit);
        log.body = cut_value(&log.body, limit);
        log
    });
    (spans.collect(), logs.collect())
}

fn of((spans, logs): Records) -> HashMap<SubjectId, Subject> {
    let trace = assemble(spans, logs);
    let all = subjects(&trace, &SegmentConfig::default());
    all.into_iter().map(|subject| (subject.id, subject)).collect()
}

/// The parts of `shown` that say something else than `whole`, although a judge may see them.
fn undeclared(whole: &Subject, shown: &Subject) -> Vec<String> {
    if shown.unjudgeable.is_some() {
        return Vec::new();
    }
    let texts = |subject: &Subject| -> Vec<Option<String>> {
        subject.content.documents.iter().map(|document| document.text.clone()).collect()
    };
    let (one, two) = (&whole.content, &shown.content);
    let differs = [
        (CutPart::Input, two.input.is_some() && one.input != two.input),
        (CutPart::Output, two.output.is_some() && one.output != two.output),
        (CutPart::Documents, !two.documents.is_empty() && texts(whole) != texts(shown)),
        (CutPart::ToolCalls, !two.tool_calls.is_empty() && one.tool_calls != two.tool_calls),
        (CutPart::Steps, !two.steps.is_empty() && one.steps != two.steps),
    ];
    let undeclared = differs.iter().filter(|(part, differs)| *differs && !shown.cut.contains(*part));
    let mut found: Vec<String> =
        undeclared.map(|(part, _)| format!("{}{}", part.as_str(), steps_that_differ(*part, whole, shown))).collect();
    if shown.problems.is_empty() && (one.messages != two.messages || one.system != two.system) {
        found.push("messages without a problem".to_owned());
    }
    found
}

/// The kinds of the steps that say something else, where steps are what differs.
fn steps_that_differ(part: CutPart, whole: &Subject, shown: &Subject) -> String {
    let pairs = whole.content.steps.iter().zip(&shown.content.steps);
    let mut differ = String::new();
    for (one, two) in pairs.filter(|(one, two)| part == CutPart::Steps && one != two) {
        let fields = [one.input != two.input, one.output != two.output, one.error != two.error];
        differ += &format!(" {}{fields:?}", one.kind);
    }
    differ
}

#[test]
fn no_judge_is_shown_what_a_length_limit_left_as_if_it_were_whole() {
    let mut wrong = Vec::new();
    let mut changed = 0;
    for (file, traces) in captures() {
        for (id, records) in &traces {
            let whole = of(records.clone());
            for limit in LIMITS {
                for shown in of(cut(records, limit)).into_values() {
                    let Some(before) = whole.get(&shown.id) else { continue };
                    changed += usize::from(before.content != shown.content);
                    let parts = undeclared(before, &shown);
                    if !parts.is_empty() {
                        wrong.push(format!("{file} {id} {} at {limit}: {}", shown.kind.as_str(), parts.join(", ")));
                    }
                }
            }
        }
    }
    wrong.sort();
    assert!(changed > 100, "the limits met nothing");
    assert!(wrong.is_empty(), "{} of {changed} subjects that changed:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_whole_is_not_taken_for_cut() {
    let mut wrong = Vec::new();
    for (file, traces) in captures() {
        for (id, records) in traces {
            let cut = of(records).into_values().filter(|subject| !subject.cut.is_empty());
            wrong.extend(cut.map(|subject| format!("{file} {id} {}: {:?}", subject.kind.as_str(), subject.problems)));
        }
    }
    assert!(wrong.is_empty(), "{} subjects:\n{}", wrong.len(), wrong.join("\n"));
}
