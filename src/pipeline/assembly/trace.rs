//! One assembled trace: its spans normalised, in order of time, with duplicates marked and documents handed on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::assembled_trace::AssembledTrace;
use super::{document_propagation, duplicates, interruptions, limits, log_copies, tool_turns, trace_warnings};
use crate::conventions::{environment, normalise};
use crate::model::{LogRecord, Problem, Span, SpanId, Step};

/// Assembles the spans of **one** trace with the log records of that trace.
///
/// The same span id twice is taken once (the copy that says more). Log records join on the span id.
pub fn assemble(spans: Vec<Span>, logs: Vec<LogRecord>) -> AssembledTrace {
    let mut found = Vec::new();
    let spans = in_order(distinct(spans, &mut found));
    let mut by_span: HashMap<SpanId, Vec<LogRecord>> = HashMap::new();
    for log in logs {
        by_span.entry(log.span_id).or_default().push(log);
    }
    let mut steps: Vec<Step> = Vec::with_capacity(spans.len());
    let mut logs_of: Vec<Vec<LogRecord>> = Vec::with_capacity(spans.len());
    for span in &spans {
        let joined = log_copies::in_order(by_span.remove(&span.span_id).unwrap_or_default());
        steps.push(normalise(span, &joined));
        logs_of.push(joined);
    }
    limits::compare(&mut steps, &spans, &logs_of);
    found.extend(trace_warnings::root_missing(&steps, &spans));
    found.extend(trace_warnings::orphan_logs(by_span.values().map(Vec::len).sum()));
    duplicates::mark(&mut steps);
    duplicates::mark_tools(&mut steps, &spans);
    tool_turns::complete(&mut steps);
    document_propagation::hand_on(&mut steps);
    interruptions::mark(&mut steps, &spans);
    AssembledTrace {
        root: root(&steps),
        session_id: first(&steps, |step| step.session_id.as_ref()),
        environment: spans.iter().find_map(|span| environment(&span.attributes, &span.resource.attributes)),
        problems: found,
        steps,
        spans,
    }
}

/// Every span id once; of several copies the one that says most.
fn distinct(spans: Vec<Span>, found: &mut Vec<Problem>) -> Vec<Span> {
    let mut at: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
    let mut kept: Vec<Span> = Vec::with_capacity(spans.len());
    let mut repeated = 0;
    for span in spans {
        match at.entry(span.span_id) {
            Entry::Vacant(free) => {
                free.insert(kept.len());
                kept.push(span);
            }
            Entry::Occupied(taken) => {
                repeated += 1;
                let other = &mut kept[*taken.get()];
                if (span.attributes.len(), span.end) > (other.attributes.len(), other.end) {
                    *other = span;
                }
            }
        }
    }
    found.extend(trace_warnings::repeated_spans(repeated));
    kept
}

fn in_order(mut spans: Vec<Span>) -> Vec<Span> {
    // Among spans of the same start the longest is the outermost.
    spans.sort_by(|one, two| one.start.cmp(&two.start).then(two.end.cmp(&one.end)).then(one.span_id.cmp(&two.span_id)));
    spans
}

fn root(steps: &[Step]) -> Option<usize> {
    if let Some(at) = steps.iter().position(|step| step.parent_span_id.is_none()) {
        return Some(at);
    }
    let here: std::collections::HashSet<SpanId> = steps.iter().map(|step| step.span_id).collect();
    steps
        .iter()
        .position(|step| step.parent_span_id.is_none_or(|parent| !here.contains(&parent)))
        .or(if steps.is_empty() { None } else { Some(0) })
}

fn first(steps: &[Step], field: impl Fn(&Step) -> Option<&String>) -> Option<String> {
    steps.iter().find_map(|step| field(step).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::testing::{SpanBuilder, log, span_id};
    use crate::model::{ContentState, ProblemCode, Value};

    #[test]
    fn content_in_log_records_reaches_its_span() {
        let call = SpanBuilder::new("chat").with("gen_ai.operation.name", "chat").build();
        let body = Value::Map(vec![("message".into(), Value::Map(vec![("content".into(), "Canberra.".into())]))]);
        let trace = assemble(vec![call], vec![log("gen_ai.choice", body, &[])]);
        assert_eq!(trace.steps[0].output_text.as_deref(), Some("Canberra."));
        assert!(trace.problems.is_empty());
    }

    #[test]
    fn a_log_record_of_no_span_is_reported() {
        let call = SpanBuilder::new("chat").id(2).with("gen_ai.operation.name", "chat").build();
        let trace = assemble(vec![call], vec![log("gen_ai.choice", Value::Empty, &[])]);
        assert_eq!(trace.problems[0].code, ProblemCode::LogWithoutSpan);
        assert_eq!(trace.steps[0].content, ContentState::NotCaptured);
    }

    #[test]
    fn steps_are_in_order_of_time_and_the_root_is_found_though_its_parent_is_elsewhere() {
        let late = SpanBuilder::new("b").id(3).parent(2).times(20, 30).build();
        let outer = SpanBuilder::new("a").id(2).parent(9).times(10, 40).build();
        let trace = assemble(vec![late.clone(), outer, late], Vec::new());
        assert_eq!(trace.steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(trace.steps[trace.root.unwrap()].span_id, span_id(2));
        assert_eq!(trace.problems[0].code, ProblemCode::RepeatedSpan);
    }

    #[test]
    fn a_root_is_missed_only_where_spans_tell_of_an_agent_or_workflow_around_them() {
        let is_missed = |span: SpanBuilder| {
            let call = SpanBuilder::new("chat").id(3).parent(2).with("gen_ai.operation.name", "chat").build();
            let trace = assemble(vec![span.id(2).parent(9).times(0, 9_000).build(), call], Vec::new());
            trace.problems.iter().any(|problem| problem.code == ProblemCode::RootMissing)
        };
        let chat = || SpanBuilder::new("chat").with("gen_ai.operation.name", "chat");
        assert!(!is_missed(chat()), "its parent may be an HTTP span, which Collectors drop");
        let agent = SpanBuilder::new("agent").with("gen_ai.operation.name", "invoke_agent");
        assert!(!is_missed(agent.with("gen_ai.agent.name", "travel")), "the agent itself is here");
        assert!(is_missed(chat().with("gen_ai.agent.name", "travel")));
        let inner = SpanBuilder::new("ai.generateText.doGenerate");
        assert!(is_missed(inner.with("ai.operationId", "ai.generateText.doGenerate")));
    }

    #[test]
    fn without_spans_there_is_no_root() {
        assert_eq!(assemble(Vec::new(), Vec::new()).root, None);
    }
}
