//! One span after normalisation: what any instrumentation said, in one form.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::named::named_enum;
use super::{CutParts, Message, Problem, SpanId, TraceId, UnixNanos};

named_enum! {
    /// What a span is to an evaluation.
    #[derive(Default)]
    pub enum StepKind {
        /// A call to a model.
        Generation = "generation",
        /// A retrieval or a reranking of documents.
        Retrieval = "retrieval",
        /// The execution of a tool.
        Tool = "tool",
        /// An agent, chain or workflow: it spans other steps and may repeat their content.
        Agent = "agent",
        /// An embedding call.
        Embedding = "embedding",
        /// Anything else.
        #[default]
        Other = "other",
    }
}

named_enum! {
    /// Whether the answer of a generation is there to be judged. Four different absences, never confused.
    #[derive(Default)]
    pub enum ContentState {
        /// The answer is here: text or tool calls.
        Captured = "captured",
        /// The model really answered nothing; that is judged, as an empty answer.
        Empty = "empty",
        /// The producer recorded no answer (the default of the GenAI conventions).
        #[default]
        NotCaptured = "not_captured",
        /// The producer masked the answer.
        Redacted = "redacted",
        /// The producer stored the answer elsewhere and recorded a reference.
        Reference = "reference",
    }
}

/// One retrieved document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Document {
    /// The document's id, when told.
    pub id: Option<String>,
    /// Its text; some conventions carry ids only.
    pub text: Option<String>,
    /// The retriever's score, when told.
    pub score: Option<f64>,
    /// The span that retrieved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SpanId>,
}

/// A tool the model was offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    pub name: String,
    /// What it says it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
}

/// Tokens, with OpenTelemetry's arithmetic: input includes cached tokens, output includes reasoning tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// All tokens sent.
    pub input_tokens: Option<i64>,
    /// All tokens received.
    pub output_tokens: Option<i64>,
    /// The part of the input read from a cache.
    pub cached_input_tokens: Option<i64>,
    /// The part of the output spent on reasoning.
    pub reasoning_tokens: Option<i64>,
}

/// One span, normalised from whatever convention it was recorded in. Absent values are `None`, never invented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// The span it was read from.
    pub span_id: SpanId,
    pub parent_span_id: Option<SpanId>,
    /// The span's name.
    pub name: String,
    /// What it is to an evaluation.
    pub kind: StepKind,
    /// The convention that explained most of it, with its version where that shows; `None` for plain application spans.
    pub convention: Option<String>,
    /// When it started.
    pub start: UnixNanos,
    /// When it ended.
    pub end: UnixNanos,
    /// `chat`, `generate_content`, `execute_tool`, …
    pub operation: Option<String>,
    /// The provider's name, in OpenTelemetry's spelling where it is known.
    pub provider: Option<String>,
    /// The model asked for.
    pub request_model: Option<String>,
    /// The model that answered.
    pub response_model: Option<String>,
    /// The provider's id of the response.
    pub response_id: Option<String>,
    /// The conversation.
    pub session_id: Option<String>,
    /// The end user.
    pub user_id: Option<String>,
    /// The agent, tool or workflow that the step names.
    pub entity_name: Option<String>,
    /// What went in; system instructions lead as messages of role `system`. `None` when nothing was recorded.
    pub input: Option<Vec<Message>>,
    /// What came out. `None` when nothing was recorded.
    pub output: Option<Vec<Message>>,
    /// The answer: the text parts of the output messages of every role but `tool`, unchanged.
    pub output_text: Option<String>,
    /// Why the model stopped, one per choice.
    pub finish_reasons: Vec<String>,
    /// Documents this step retrieved or, on a generation of an assembled trace, was given.
    pub documents: Vec<Document>,
    /// Tools the model was offered.
    pub tools: Vec<ToolDefinition>,
    /// Tokens.
    pub usage: Usage,
    /// What failed, when the step failed.
    pub error: Option<String>,
    /// Whether the answer can be judged; meaningful for generations.
    pub content: ContentState,
    /// The parts of it that were cut off, or may have been.
    #[serde(default)]
    pub cut: CutParts,
    /// The span whose generation this one repeats.
    pub duplicate_of: Option<(TraceId, SpanId)>,
    /// Tags of the trace or span.
    pub tags: Vec<String>,
    /// Free metadata, flattened to text values.
    pub metadata: Vec<(String, String)>,
    /// The prompt template's name.
    pub prompt_name: Option<String>,
    /// The prompt template's version.
    pub prompt_version: Option<String>,
    /// The variables the prompt was rendered with.
    pub prompt_variables: Vec<(String, String)>,
    /// A reference answer recorded with the span.
    pub reference: Option<String>,
    /// What weakens an evaluation of it.
    pub problems: Vec<Problem>,
    /// Names of attributes that look like an LLM convention's but that no convention explains.
    pub unmapped: Vec<String>,
}

impl Step {
    /// A step about which only the span's own fields are known.
    pub fn bare(trace_id: TraceId, span_id: SpanId) -> Self {
        Self {
            trace_id,
            span_id,
            parent_span_id: None,
            name: String::new(),
            kind: StepKind::Other,
            convention: None,
            start: 0,
            end: 0,
            operation: None,
            provider: None,
            request_model: None,
            response_model: None,
            response_id: None,
            session_id: None,
            user_id: None,
            entity_name: None,
            input: None,
            output: None,
            output_text: None,
            finish_reasons: Vec::new(),
            documents: Vec::new(),
            tools: Vec::new(),
            usage: Usage::default(),
            error: None,
            content: ContentState::NotCaptured,
            cut: CutParts::NONE,
            duplicate_of: None,
            tags: Vec::new(),
            metadata: Vec::new(),
            prompt_name: None,
            prompt_version: None,
            prompt_variables: Vec::new(),
            reference: None,
            problems: Vec::new(),
            unmapped: Vec::new(),
        }
    }

    /// Whether this is a model call to be counted and judged: a generation that repeats no other.
    pub fn is_live_generation(&self) -> bool {
        self.kind == StepKind::Generation && self.duplicate_of.is_none()
    }
}
