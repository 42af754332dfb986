//! What people said in a backend, whichever it is: fetched from it, or exported by it.

pub mod langfuse;
pub mod mlflow;
pub mod phoenix;
pub mod written;

use jiff::Timestamp;
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

use super::file::{Entry, Original, Place};
use super::line::{LabelLine, moment};
use crate::agreement::Label;
use crate::model::{SpanId, SubjectId, TraceId};

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
    /// A span whose trace is not named.
    AnySpan(SpanId),
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

/// Why an annotation is no line of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLine {
    /// A comment or correction.
    NoVerdict,
    /// It is about something that judged does not judge.
    NoSubject(String),
}

impl Annotation {
    /// The annotation as a label of a rubric.
    pub fn line(&self, rubric: Option<&str>) -> Result<LabelLine, NoLine> {
        let mut line = LabelLine::default();
        match &self.target {
            AnnotationTarget::Span(trace, span) => (line.trace_id, line.span_id) = (Some(*trace), Some(*span)),
            AnnotationTarget::AnySpan(span) => line.span_id = Some(*span),
            AnnotationTarget::Trace(trace) => line.trace_id = Some(*trace),
            AnnotationTarget::Session(session) => line.subject_id = Some(SubjectId::of_session(session)),
            AnnotationTarget::Other(what) => return Err(NoLine::NoSubject(what.clone())),
        }
        match &self.value {
            Some(AnnotationValue::Number(number)) => line.score = Some(Label::Number(*number)),
            Some(AnnotationValue::Flag(pass)) => line.pass = Some(Label::Flag(*pass)),
            Some(AnnotationValue::Text(text)) => line.label = Some(Label::Text(text.clone())),
            None => return Err(NoLine::NoVerdict),
        }
        line.rubric = rubric.map(str::to_owned);
        line.annotator = Some(self.annotator.clone());
        line.rationale.clone_from(&self.rationale);
        line.labelled_at = self.at;
        Ok(line)
    }
}

/// A line as an import takes it.
pub fn entry(place: Place, line: LabelLine) -> Entry {
    let original = Original::Line(Box::new(line.clone()));
    Entry { place, line: Ok(line), original }
}

/// A moment as the APIs write it, or as tables do; what is none is not there.
fn moment_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    Ok(value.as_ref().and_then(Value::as_str).and_then(|text| moment("labelled_at", text).ok()))
}

/// Text that says something.
pub fn given(text: Option<String>) -> Option<String> {
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
