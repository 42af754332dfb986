//! The stable JSON line of `judged inspect`.

use serde::Serialize;
use serde_json::Value as Json;

use crate::model::{Message, Problem, SpanId, Step, TraceId};

/// One span as a line; absent values are null.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    kind: &'static str,
    convention: Option<&'a str>,
    operation: Option<&'a str>,
    provider: Option<&'a str>,
    request_model: Option<&'a str>,
    response_model: Option<&'a str>,
    response_id: Option<&'a str>,
    session_id: Option<&'a str>,
    user_id: Option<&'a str>,
    input: Option<Vec<Said<'a>>>,
    output: Option<Vec<Said<'a>>>,
    output_text: Option<&'a str>,
    finish_reasons: Option<&'a [String]>,
    documents: Option<Vec<Found<'a>>>,
    tools: Option<Vec<&'a str>>,
    usage: Option<Usage>,
    error: Option<&'a str>,
    content: Option<&'static str>,
    duplicate_of: Option<Span>,
    problems: &'a [Problem],
    unmapped: &'a [String],
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'a str,
    text: Option<String>,
    tool_calls: Option<Vec<Call<'a>>>,
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: Option<&'a str>,
    name: &'a str,
    arguments: &'a Json,
}

#[derive(Serialize)]
struct Found<'a> {
    id: Option<&'a str>,
    text: Option<&'a str>,
    score: Option<f64>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the output format")]
struct Usage {
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cached_input_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
}

#[derive(Serialize)]
struct Span {
    trace_id: TraceId,
    span_id: SpanId,
}

impl<'a> Line<'a> {
    pub(super) fn of(step: &'a Step) -> Self {
        let is_generation = step.kind == crate::model::StepKind::Generation;
        Self {
            trace_id: step.trace_id,
            span_id: step.span_id,
            parent_span_id: step.parent_span_id,
            kind: step.kind.as_str(),
            convention: step.convention.as_deref(),
            operation: step.operation.as_deref(),
            provider: step.provider.as_deref(),
            request_model: step.request_model.as_deref(),
            response_model: step.response_model.as_deref(),
            response_id: step.response_id.as_deref(),
            session_id: step.session_id.as_deref(),
            user_id: step.user_id.as_deref(),
            input: step.input.as_ref().map(|messages| messages.iter().map(said).collect()),
            output: step.output.as_ref().map(|messages| messages.iter().map(said).collect()),
            output_text: step.output_text.as_deref(),
            finish_reasons: some(&step.finish_reasons),
            documents: some(&step.documents).map(|documents| {
                let found = |document: &'a crate::model::Document| Found {
                    id: document.id.as_deref(),
                    text: document.text.as_deref(),
                    score: document.score,
                };
                documents.iter().map(found).collect()
            }),
            tools: some(&step.tools).map(|tools| tools.iter().map(|tool| tool.name.as_str()).collect()),
            usage: usage(step),
            error: step.error.as_deref(),
            content: is_generation.then(|| step.content.as_str()),
            duplicate_of: step.duplicate_of.map(|(trace_id, span_id)| Span { trace_id, span_id }),
            problems: &step.problems,
            unmapped: &step.unmapped,
        }
    }
}

fn some<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

fn said(message: &Message) -> Said<'_> {
    let calls: Vec<Call<'_>> = message
        .tool_calls()
        .map(|call| Call { id: call.id.as_deref(), name: &call.name, arguments: &call.arguments })
        .collect();
    Said {
        role: message.role.as_str(),
        text: message.joined_text(),
        tool_calls: (!calls.is_empty()).then_some(calls),
        tool_call_id: message.tool_call_id(),
    }
}

fn usage(step: &Step) -> Option<Usage> {
    let told = step.usage;
    (told != crate::model::Usage::default()).then_some(Usage {
        input_tokens: told.input_tokens,
        output_tokens: told.output_tokens,
        cached_input_tokens: told.cached_input_tokens,
        reasoning_tokens: told.reasoning_tokens,
    })
}
