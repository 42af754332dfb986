//! What weakens an evaluation: one list of codes, each with what it means and what to do about it.

use serde::{Deserialize, Serialize};

use super::named::named_enum;
use super::{Named as _, SpanId};

named_enum! {
    /// What is wrong with the material of an evaluation: a stable name for the store, metrics and output.
    pub enum ProblemCode {
        AttributesDropped = "attributes_dropped",
        EventsDropped = "events_dropped",
        EventAttributesDropped = "event_attributes_dropped",
        LinksDropped = "links_dropped",
        MessagesLeftOut = "messages_left_out",
        TruncatedJson = "truncated_json",
        TextCut = "text_cut",
        CutAnswer = "cut_answer",
        Interrupted = "interrupted",
        NewerQuestionMissing = "newer_question_missing",
        MalformedJson = "malformed_json",
        SeveralChoices = "several_choices",
        OtherSpeakers = "other_speakers",
        EmptyEvent = "empty_event",
        MessageOrder = "message_order",
        UnknownMessagePart = "unknown_message_part",
        DocumentsLeftOut = "documents_left_out",
        ToolCallsLeftOut = "tool_calls_left_out",
        LogWithoutSpan = "log_without_span",
        LogWithoutIds = "log_without_ids",
        RepeatedSpan = "repeated_span",
        RootMissing = "root_missing",
        NotCaptured = "not_captured",
        Redacted = "redacted",
        Reference = "reference",
    }
}

impl ProblemCode {
    /// What happened, for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::AttributesDropped => "more attributes than the SDK's limit",
            Self::EventsDropped => "more events than the SDK's limit",
            Self::EventAttributesDropped => "more attributes of an event or a log record than the SDK's limit",
            Self::LinksDropped => "more links than the SDK's limit",
            Self::MessagesLeftOut => "the instrumentation writes the last messages of a long conversation only",
            Self::TruncatedJson => "JSON that ends before it is complete",
            Self::TextCut => "a text that ends where a length limit cut it",
            Self::CutAnswer => "the call was stopped before its answer ended",
            Self::Interrupted => "the reader of the answer left before its end",
            Self::NewerQuestionMissing => "the newest question is older than an answer that went in",
            Self::MalformedJson => "a text that opens like JSON and is none; free text is taken as it is",
            Self::SeveralChoices => "the call returned several answers; the first is judged",
            Self::OtherSpeakers => {
                "messages of role `user` that carry the names of other agents; they are not the question"
            }
            Self::EmptyEvent => "a message event without content",
            Self::MessageOrder => "log records of one time, whose order is not known",
            Self::UnknownMessagePart => "a message part of a kind that is not known",
            Self::DocumentsLeftOut => "more retrieved text than a generation is given",
            Self::ToolCallsLeftOut => "more tools ran beside a turn than it is given calls",
            Self::LogWithoutSpan => "content in log records of a span that did not arrive",
            Self::LogWithoutIds => "log records without trace and span id",
            Self::RootMissing => {
                "the agent, workflow or call around the outermost span did not arrive; question and answer are those of what did"
            }
            Self::RepeatedSpan => "a span that arrived more than once; it counts once",
            Self::NotCaptured => "no answer was recorded",
            Self::Redacted => "a mask stands in the place of the answer or of the newest question",
            Self::Reference => "the answer is kept elsewhere and only referred to",
        }
    }

    /// Whether a limit on the number or the length of attributes or events took something away.
    pub fn is_of_a_limit(self) -> bool {
        matches!(
            self,
            Self::AttributesDropped
                | Self::EventsDropped
                | Self::EventAttributesDropped
                | Self::TruncatedJson
                | Self::TextCut
        )
    }

    /// What to do about it, where something can be done.
    pub fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::AttributesDropped => "raise `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`",
            Self::EventsDropped => "raise `OTEL_SPAN_EVENT_COUNT_LIMIT`",
            Self::EventAttributesDropped => {
                "raise `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT` and `OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT`"
            }
            Self::LinksDropped => "raise `OTEL_SPAN_LINK_COUNT_LIMIT`",
            Self::TruncatedJson | Self::TextCut => {
                "raise `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` in the service, and `truncate_all` in the Collector"
            }
            Self::NewerQuestionMissing => "raise the limits on the number and the length of attributes",
            Self::MalformedJson => "report it to the instrumentation",
            Self::EmptyEvent => "switch the recording of content on",
            Self::MessageOrder => "record messages in attributes of the span, where the instrumentation can",
            Self::UnknownMessagePart => "report the part, so that it can be read",
            Self::LogWithoutSpan | Self::LogWithoutIds => "export traces and logs to the same place, with their ids",
            Self::RootMissing => {
                "keep spans without a parent where spans are filtered on their way, or raise `assembly.max_wait`"
            }
            Self::NotCaptured => "switch the recording of content on, where the instrumentation has its switch",
            Self::Redacted => "switch the masking of inputs and outputs off",
            Self::Reference => "record content on the span as well as in the object store",
            Self::CutAnswer
            | Self::Interrupted
            | Self::SeveralChoices
            | Self::OtherSpeakers
            | Self::DocumentsLeftOut
            | Self::ToolCallsLeftOut
            | Self::MessagesLeftOut
            | Self::RepeatedSpan => return None,
        })
    }
}

/// Something about a span that weakens an evaluation of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Problem {
    pub code: ProblemCode,
    /// Where and what, for a person; never holds span content.
    pub detail: String,
}

/// Characters of a detail: the longest of our own words fit.
const MAX_DETAIL: usize = 400;

/// Characters of a name from outside that a detail repeats.
const MAX_NAME: usize = 100;

impl Problem {
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail: shortened(&detail, MAX_DETAIL).unwrap_or(detail) }
    }

    /// A problem of the attribute `key`, whose name may be of any length.
    pub fn of_attribute(code: ProblemCode, key: &str, what: impl std::fmt::Display) -> Self {
        let short = shortened(key, MAX_NAME);
        Self::new(code, format!("{} {what}", short.as_deref().unwrap_or(key)))
    }
}

/// The text up to `longest` characters, where it has more.
fn shortened(text: &str, longest: usize) -> Option<String> {
    text.char_indices().nth(longest)?;
    Some(text.chars().take(longest - 1).chain(['…']).collect())
}

/// Who emitted a span: the service and the instrumentation in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Emitter {
    /// `service.name`; empty where unstated.
    pub service: String,
    /// The instrumentation's name, one of a short list.
    pub instrumentation: &'static str,
}

/// A problem of a subject, with where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectProblem {
    pub problem: Problem,
    /// The span, unless the trace as a whole has the problem.
    pub span: Option<SpanId>,
    pub emitter: Emitter,
    /// Whether another subject, which this one is made of, has it too and is counted for it.
    pub is_repeated: bool,
}

/// A problem as it is stored with a subject and shown. The code of a newer release is text here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredProblem {
    pub code: String,
    pub detail: String,
    /// The span, unless the trace as a whole has the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
}

impl StoredProblem {
    /// The same without what was told of the place: what is kept when the content is not.
    pub fn without_detail(self) -> Self {
        Self { detail: String::new(), ..self }
    }

    /// What to do about it, where this release knows the code and something can be done.
    pub fn remedy(&self) -> Option<&'static str> {
        ProblemCode::parse(&self.code).and_then(ProblemCode::remedy)
    }
}

impl From<&SubjectProblem> for StoredProblem {
    fn from(found: &SubjectProblem) -> Self {
        Self { code: found.problem.code.as_str().to_owned(), detail: found.problem.detail.clone(), span_id: found.span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_bounded_and_keeps_what_happened_behind_a_long_name() {
        const WHAT: &str = "ends after 200 characters";
        let long = Problem::of_attribute(ProblemCode::TextCut, &"ä".repeat(5_000), WHAT).detail;
        assert_eq!(long.split_once(' ').map(|(name, what)| (name.chars().count(), what)), Some((MAX_NAME, WHAT)));
        assert_eq!(Problem::new(ProblemCode::TextCut, "x".repeat(5_000)).detail.chars().count(), MAX_DETAIL);
        let fits = "x".repeat(MAX_DETAIL);
        assert_eq!(Problem::new(ProblemCode::TextCut, fits.as_str()).detail, fits);
    }
}
