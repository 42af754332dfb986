//! A subject as it is read back from its row, for what decides about it again.

use uuid::Uuid;

use super::{StoreError, row, rows};
use crate::model::{Release, Subject, SubjectKind};

row! {
    pub(super) struct SubjectRow {
        id: Uuid,
        trace_id: Vec<u8>,
        span_id: Vec<u8>,
        session_id: Option<String>,
        observed_at_ms: i64,
        response_id: Option<String>,
        model: Option<String>,
        operation: Option<String>,
        unjudgeable: Option<String>,
        cut: Option<String>,
        segments: String,
        content: Option<String>,
    }
}

/// The columns of [`SubjectRow`] but for the content, of subjects that a query calls `s`.
pub(super) const SUBJECT_COLUMNS: &str = "s.id, s.trace_id, s.span_id, s.session_id, s.observed_at_ms, s.response_id, \
    s.model, s.operation, s.unjudgeable, s.cut, s.segments";

impl SubjectRow {
    /// The subject, without what only the commit of a plan asks for: release, problems and judged span stay as stored.
    pub(super) fn into_subject(self, kind: SubjectKind) -> Result<Subject, StoreError> {
        // Only the end is stored; nothing that decides asks for the start.
        let end = u64::try_from(self.observed_at_ms).unwrap_or_default().saturating_mul(1_000_000);
        Ok(Subject {
            id: self.id.into(),
            kind,
            trace_id: rows::trace_id("subjects", &self.trace_id)?,
            span_id: rows::span_id("subjects", &self.span_id)?,
            session_id: self.session_id,
            start: end,
            end,
            response_id: self.response_id,
            model: self.model,
            operation: self.operation,
            unjudgeable: self.unjudgeable,
            segments: rows::json("subjects", "segments", &self.segments)?,
            release: Release::default(),
            content: self.content.map(|text| rows::json("subjects", "content", &text)).transpose()?.unwrap_or_default(),
            cut: self.cut.map(|text| rows::json("subjects", "cut", &text)).transpose()?.unwrap_or_default(),
            judged_span: None,
            problems: Vec::new(),
        })
    }

    /// Its place among others: when it was observed, milliseconds since the Unix epoch, and its id.
    pub(super) fn place(&self) -> (i64, Uuid) {
        (self.observed_at_ms, self.id)
    }
}
