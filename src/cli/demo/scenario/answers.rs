//! The answers of the bundled recordings, brought to subjects as assembly does it.

use std::collections::BTreeMap;

use anyhow::Context;

use super::super::data::RECORDINGS;
use crate::config::SegmentConfig;
use crate::model::{Span, Subject, SubjectKind, TraceId};
use crate::otlp::{Request, decode, spans};
use crate::pipeline::assembly::subjects::subjects;
use crate::pipeline::assembly::trace::assemble;

/// Every generation with an answer, in the order of the recordings. Those whose content lies in log events are left out.
pub(super) fn answers() -> anyhow::Result<Vec<Subject>> {
    let mut found = Vec::new();
    for recording in RECORDINGS.iter().filter(|recording| recording.logs.is_none()) {
        let mut traces: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
        for line in recording.traces.lines().filter(|line| !line.is_empty()) {
            let request =
                decode(line.as_bytes()).with_context(|| format!("reading the recording of {}", recording.producer))?;
            let Request::Traces(request) = request else { continue };
            for span in request.resource_spans.into_iter().flat_map(spans).flatten() {
                traces.entry(span.trace_id).or_default().push(span);
            }
        }
        for spans in traces.into_values() {
            let all = subjects(&assemble(spans, Vec::new()), &SegmentConfig::default());
            found.extend(all.into_iter().filter(is_answer));
        }
    }
    anyhow::ensure!(!found.is_empty(), "the bundled recordings hold no answer");
    Ok(found)
}

fn is_answer(subject: &Subject) -> bool {
    let content = &subject.content;
    subject.kind == SubjectKind::Generation
        && subject.unjudgeable.is_none()
        && content.input.is_some()
        && content.output.as_ref().is_some_and(|output| !output.is_empty())
}
