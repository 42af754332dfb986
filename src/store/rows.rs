//! Reading columns back into model types. A value that this version does not know is an error that names its column.

use std::borrow::Cow;

use sqlx::{Database, Encode, QueryBuilder, Type};

use super::StoreError;
use crate::model::{Named, Outcome, Probability, Score, ScoreColumns, ScoreError, SpanId, SubjectKind, TraceId};

pub(super) fn inconsistent(table: &'static str, column: &'static str, found: impl Into<String>) -> StoreError {
    StoreError::Inconsistent { table, column, row: None, found: found.into() }
}

/// Text from outside as both databases take it: PostgreSQL refuses NUL in text.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// The same for a text that may be absent.
pub(super) fn optional(absent_or: Option<&str>) -> Option<Cow<'_, str>> {
    absent_or.map(text)
}

/// The same for a name that an index holds, whose entries PostgreSQL bounds.
pub(super) fn indexed(absent_or: Option<&str>) -> Option<Cow<'_, str>> {
    const MAX_BYTES: usize = 1024;
    absent_or.map(|name| text(&name[..name.floor_char_boundary(MAX_BYTES)]))
}

pub(super) fn trace_id(table: &'static str, bytes: &[u8]) -> Result<TraceId, StoreError> {
    TraceId::try_from(bytes).map_err(|_| inconsistent(table, "trace_id", format!("{} bytes", bytes.len())))
}

pub(super) fn span_id(table: &'static str, bytes: &[u8]) -> Result<SpanId, StoreError> {
    SpanId::try_from(bytes).map_err(|_| inconsistent(table, "span_id", format!("{} bytes", bytes.len())))
}

/// A column that holds one name of an enum.
pub(super) fn named<T: Named>(table: &'static str, column: &'static str, name: &str) -> Result<T, StoreError> {
    T::parse(name).ok_or_else(|| inconsistent(table, column, format!("`{name}`")))
}

pub(super) fn outcome(name: &str) -> Result<Outcome, StoreError> {
    named("evaluations", "outcome", name)
}

pub(super) fn subject_kind(name: &str) -> Result<SubjectKind, StoreError> {
    named("subjects", "kind", name)
}

pub(super) fn probability(table: &'static str, column: &'static str, number: f64) -> Result<Probability, StoreError> {
    Probability::try_from(number).map_err(|error| inconsistent(table, column, error.to_string()))
}

/// The score of a row; `None` where it has neither number nor label.
pub(super) fn score(
    table: &'static str,
    score: Option<f64>,
    label: Option<String>,
    value: Option<f64>,
) -> Result<Option<Score>, StoreError> {
    if (score, &label, value) == (None, &None, None) {
        return Ok(None);
    }
    let columns = ScoreColumns { score, label, value };
    columns.try_into().map(Some).map_err(|error: ScoreError| inconsistent(table, "score", error.to_string()))
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

/// Adds `(…)` with a bound value for each item.
pub(super) fn push_list<'t, DB: Database, T: Encode<'t, DB> + Type<DB>>(
    query: &mut QueryBuilder<DB>,
    items: impl Iterator<Item = T>,
) {
    query.push("(");
    let mut list = query.separated(", ");
    for item in items {
        list.push_bind(item);
    }
    query.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_this_version_does_not_know_is_told_with_table_column_and_row() {
        let error = outcome("pondered").unwrap_err().in_row("17").to_string();
        assert!(error.starts_with("column outcome of evaluations, row 17, holds `pondered`"), "{error}");
        assert!(error.ends_with("upgrade this one"), "{error}");
    }

    #[test]
    fn text_from_outside_is_made_fit_for_both_databases() {
        assert_eq!(text("a\0b"), "a\u{fffd}b");
        assert_eq!(optional(None), None);
        let long = "ä".repeat(2000);
        assert_eq!(indexed(Some(&long)).map(|name| name.len()), Some(1024));
    }
}
