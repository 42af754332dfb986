//! Where a kept subject is found in a backend.

use crate::model::{SpanId, TraceId};

/// Where a kept subject is found in a backend: some can only be asked about spans that one names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPlace {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// Its conversation.
    pub session_id: Option<String>,
}
