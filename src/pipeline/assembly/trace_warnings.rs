//! What can be wrong with a trace as a whole, each under a stable code.

use crate::model::{Problem, ProblemCode};

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

/// Log records without ids, which can join nothing.
pub fn logs_without_ids(count: usize) -> Option<Problem> {
    (count > 0).then(|| {
        Problem::new(
            ProblemCode::LogWithoutIds,
            format!("{count} log records carry no trace and span id; their content cannot be tied to a span"),
        )
    })
}
