//! Reading columns back into model types. A value judged never writes is an error that names its column.

use super::StoreError;
use crate::model::{Outcome, Probability, SpanId, SubjectKind, TraceId};

fn inconsistent(table: &'static str, column: &'static str, found: impl Into<String>) -> StoreError {
    StoreError::Inconsistent { table, column, found: found.into() }
}

pub(super) fn trace_id(table: &'static str, bytes: &[u8]) -> Result<TraceId, StoreError> {
    TraceId::try_from(bytes).map_err(|_| inconsistent(table, "trace_id", format!("{} bytes", bytes.len())))
}

pub(super) fn span_id(table: &'static str, bytes: &[u8]) -> Result<SpanId, StoreError> {
    SpanId::try_from(bytes).map_err(|_| inconsistent(table, "span_id", format!("{} bytes", bytes.len())))
}

pub(super) fn outcome(name: &str) -> Result<Outcome, StoreError> {
    Outcome::parse(name).ok_or_else(|| inconsistent("evaluations", "outcome", name))
}

pub(super) fn subject_kind(name: &str) -> Result<SubjectKind, StoreError> {
    SubjectKind::parse(name).ok_or_else(|| inconsistent("subjects", "kind", name))
}

pub(super) fn probability(table: &'static str, column: &'static str, number: f64) -> Result<Probability, StoreError> {
    Probability::try_from(number).map_err(|error| inconsistent(table, column, error.to_string()))
}

pub(super) fn json<T: serde::de::DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| inconsistent(table, column, format!("JSON judged cannot read ({error})")))
}

/// Serialises a model type for a text column; model types always have a JSON form.
pub(super) fn to_json<T: serde::Serialize>(
    table: &'static str,
    column: &'static str,
    value: &T,
) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| inconsistent(table, column, format!("a value without JSON form ({error})")))
}
