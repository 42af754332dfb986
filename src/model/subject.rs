//! What a rubric judges: a generation, a trace or a session, frozen as the judge will see it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::named::named_enum;
use super::{
    CutParts, Document, JudgedSpan, Message, SpanId, Step, SubjectId, SubjectProblem, ToolCall, ToolDefinition,
    TraceId, UnixNanos,
};

named_enum! {
    /// Which kind of thing a rubric judges.
    pub enum SubjectKind {
        /// One completed model call.
        Generation = "generation",
        /// All spans of one trace id.
        Trace = "trace",
        /// The traces that share a conversation id.
        Session = "session",
    }
}

/// What a rubric may show its judge. Every field is data from outside; templates pass it through `fenced`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectContent {
    /// The system instructions, joined.
    pub system: Option<String>,
    /// What was asked: for a generation the last user turn; for a trace the first user message; for a session the first.
    pub input: Option<String>,
    /// The messages that went in, without system instructions.
    pub messages: Vec<Message>,
    /// The answer. `Some("")` is a really empty answer.
    pub output: Option<String>,
    /// The documents the answer could draw on.
    pub documents: Vec<Document>,
    /// The tools offered.
    pub tools: Vec<ToolDefinition>,
    /// The tools called, in order.
    pub tool_calls: Vec<ToolCall>,
    /// A reference answer.
    pub reference: Option<String>,
    /// The steps of a trace, in order of time.
    pub steps: Vec<StepView>,
    /// The turns of a session, in order of time.
    pub turns: Vec<Turn>,
}

/// One step of a trace as a rubric sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// `generation`, `retrieval`, `tool`, `agent`, `embedding` or `other`.
    pub kind: String,
    /// The span's name.
    pub name: String,
    /// What went in, as text.
    pub input: Option<String>,
    /// What came out, as text.
    pub output: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// Tokens in and out, where told.
    pub tokens: Option<i64>,
    /// What failed.
    pub error: Option<String>,
}

/// One turn of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// What the user said.
    pub input: Option<String>,
    /// What the application answered.
    pub output: Option<String>,
}

/// The release of the application that gave an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Release {
    /// `service.version`.
    pub service_version: Option<String>,
    /// The version of the prompt.
    pub prompt_version: Option<String>,
}

/// A subject: its identity, what a rubric may show of it, and what rules and reports may ask of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Its identity.
    pub id: SubjectId,
    pub kind: SubjectKind,
    /// Its trace (of a session: the latest).
    pub trace_id: TraceId,
    /// The span that scores are attached to: the generation's, the root's, or the last root's of a session.
    pub span_id: SpanId,
    /// The conversation, where there is one.
    pub session_id: Option<String>,
    /// When it started.
    pub start: UnixNanos,
    /// When it ended.
    pub end: UnixNanos,
    /// The provider's response id, for backends that match on it.
    pub response_id: Option<String>,
    /// The model that answered, else the one asked for.
    pub model: Option<String>,
    /// The operation, for rubrics that match on it.
    pub operation: Option<String>,
    /// Why it cannot be judged at all (`call_failed`, `not_captured`, `redacted`, `reference`), if so.
    pub unjudgeable: Option<String>,
    /// Segment name → value.
    pub segments: BTreeMap<String, String>,
    /// Which release of the application answered.
    #[serde(default)]
    pub release: Release,
    /// What rubrics may show.
    pub content: SubjectContent,
    /// The parts of it that were cut off, or may have been.
    #[serde(default)]
    pub cut: CutParts,
    /// The span at `span_id`, as far as the record of a score takes after it; `None` of subjects read back from the store.
    #[serde(skip)]
    pub judged_span: Option<JudgedSpan>,
    /// What weakens an evaluation of it.
    #[serde(skip)]
    pub problems: Vec<SubjectProblem>,
}

impl StepView {
    /// The view of `step` that trace rubrics see.
    pub fn of(step: &Step) -> Self {
        let texts = |messages: &Option<Vec<Message>>| {
            let texts: Vec<String> = messages.iter().flatten().filter_map(Message::joined_text).collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        };
        let tokens = match (step.usage.input_tokens, step.usage.output_tokens) {
            (None, None) => None,
            (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
        };
        Self {
            kind: step.kind.as_str().to_owned(),
            name: step.entity_name.clone().unwrap_or_else(|| step.name.clone()),
            input: texts(&step.input),
            output: step.output_text.clone().or_else(|| texts(&step.output)),
            duration_ms: step.end.saturating_sub(step.start) as f64 / 1e6,
            tokens,
            error: step.error.clone(),
        }
    }
}
