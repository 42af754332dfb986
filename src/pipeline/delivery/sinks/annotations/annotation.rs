//! What people said, whatever backend holds it.

use jiff::Timestamp;

use crate::model::{SpanId, TraceId};

/// What a person said of something.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// What the backend calls it.
    pub name: String,
    /// What it is about.
    pub target: AnnotationTarget,
    /// Who said so.
    pub annotator: String,
    /// The verdict; none for a comment alone.
    pub value: Option<AnnotationValue>,
    pub rationale: Option<String>,
    /// When it was last changed.
    pub at: Option<Timestamp>,
    /// Its identity in the backend.
    pub id: String,
}

/// What an annotation is about, as far as its ids can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnnotationTarget {
    Span(TraceId, SpanId),
    /// A whole trace.
    Trace(TraceId),
    /// A conversation.
    Session(String),
    /// Something that judged does not judge, such as the run of a data set.
    Other(String),
}

/// A verdict as the backend holds it.
#[derive(Debug, Clone, PartialEq)]
pub enum AnnotationValue {
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A category.
    Text(String),
}

/// What there was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Annotations {
    /// What people said, in no order.
    pub human: Vec<Annotation>,
    /// Annotations of machines, judged's own among them, and those that somebody has replaced.
    pub passed_over: u64,
}

/// Where a kept subject is found in a backend: some can only be asked about spans that one names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPlace {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// Its conversation.
    pub session_id: Option<String>,
}

/// Text that says something.
pub(super) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// A trace, or its span where one is named; what is no id of OpenTelemetry is said as it stands.
pub(super) fn target_of(trace: &str, span: Option<&str>) -> AnnotationTarget {
    let hex = trace.strip_prefix("tr-").unwrap_or(trace);
    match (hex.parse::<TraceId>(), span.map(str::parse::<SpanId>)) {
        (Ok(trace), None) => AnnotationTarget::Trace(trace),
        (Ok(trace), Some(Ok(span))) => AnnotationTarget::Span(trace, span),
        (Ok(_), Some(Err(_))) => AnnotationTarget::Other(format!("span {}", span.unwrap_or_default())),
        (Err(_), _) => AnnotationTarget::Other(format!("trace {trace}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_other_systems_are_no_target() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert!(matches!(target_of(&format!("tr-{trace}"), None), AnnotationTarget::Trace(_)));
        assert!(matches!(target_of(trace, Some("b7ad6b7169203331")), AnnotationTarget::Span(..)));
        assert!(matches!(target_of("tr-local", None), AnnotationTarget::Other(_)));
        assert!(matches!(target_of(trace, Some("root")), AnnotationTarget::Other(_)));
    }
}
