//! What can be wrong with a trace as a whole, each under a stable code.

use std::collections::HashSet;

use crate::conventions::runs_inside_another;
use crate::model::{Problem, ProblemCode, Span, SpanId, Step};

/// Log records that name a span which is not here.
pub fn orphan_logs(count: usize) -> Option<Problem> {
    (count > 0).then(|| {
        Problem::new(
            ProblemCode::LogWithoutSpan,
            format!("{count} log records name a span that did not arrive; export traces and logs to the same place"),
        )
    })
}

/// Copies of spans.
pub(super) fn repeated_spans(count: usize) -> Option<Problem> {
    (count > 0).then(|| {
        Problem::new(ProblemCode::RepeatedSpan, format!("{count} spans arrived more than once; each counts once"))
    })
}

/// A trace of which every span names a parent, where an outermost one tells that an agent, a workflow or a call ran around
/// it. Without that, the root may be a plain HTTP span, which Collectors drop and which says nothing that is judged.
pub(super) fn root_missing(steps: &[Step], spans: &[Span]) -> Option<Problem> {
    if steps.iter().any(|step| step.parent_span_id.is_none()) {
        return None;
    }
    let here: HashSet<SpanId> = steps.iter().map(|step| step.span_id).collect();
    let is_outermost = |step: &Step| step.parent_span_id.is_some_and(|parent| !here.contains(&parent));
    let mut outermost = steps.iter().zip(spans).filter(|(step, _)| is_outermost(step));
    outermost.any(|(step, span)| runs_inside_another(span, step.kind)).then(|| {
        Problem::new(
            ProblemCode::RootMissing,
            "the agent, workflow or call around the outermost span did not arrive; question and answer are those of what did",
        )
    })
}

/// Log records without ids, which can join nothing.
pub fn logs_without_ids(count: usize) -> Option<Problem> {
    (count > 0).then(|| {
        Problem::new(
            ProblemCode::LogWithoutIds,
            format!("{count} log records carry no trace and span id; their content cannot be tied to a span"),
        )
    })
}
