//! What can be wrong with a trace as a whole, each under a stable code.

use crate::model::{Problem, ProblemCode, Step};

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

/// A trace of which every span names a parent.
pub(super) fn root_missing(steps: &[Step]) -> Option<Problem> {
    let is_missing = !steps.is_empty() && steps.iter().all(|step| step.parent_span_id.is_some());
    is_missing.then(|| {
        Problem::new(
            ProblemCode::RootMissing,
            "every span names a parent, so that the outermost did not arrive; question and answer are those of what did",
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
