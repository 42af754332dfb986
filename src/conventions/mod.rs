//! Reading what every instrumentation emits: a raw span and its log records in, one [`Step`] out.
//!
//! Each family of instrumentations is a pure function from a span to `partial_step::Parts` of a step (see `families`).
//! Most spans speak several conventions at once; the parts are merged so that the richest reading of the messages wins
//! and no text is ever taken twice. What nobody explains is listed in [`Step::unmapped`], what weakens an evaluation in
//! [`Step::problems`].

mod attribute_namespace;
mod broken_off;
mod call_errors;
mod choices;
mod cut;
mod documents;
mod enclosing_span;
mod families;
mod finish_reasons;
mod flattened_attributes;
mod input_output;
mod json;
mod json_text;
mod json_tree;
#[cfg(test)]
mod kept_by_collectors;
mod known_attributes;
mod length_limits;
pub mod loop_guard;
mod message_parts;
mod messages;
mod older_question;
mod partial_step;
mod placeholders;
#[cfg(test)]
mod properties;
mod provider;
mod provider_payloads;
mod python_repr;
#[cfg(test)]
mod reading_page;
mod session_user;
mod span_view;
mod speakers;
mod stream_chunks;
mod switches;
#[cfg(test)]
pub(crate) mod testing;
mod thinking;
mod tools;
mod usage;

pub use cut::{length_limit, mark_cut_by, passes_limit};
pub(crate) use enclosing_span::runs_inside_another;
pub(crate) use families::is_provider_body;
pub use families::{COMPARED_ON, FAMILIES as TABLE, REGISTRIES};
pub use length_limits::LengthLimit;
pub use loop_guard::{EVALUATION_EVENT, EVALUATION_ID, OWN_NAME};
pub(crate) use messages::answer_text;
pub(crate) use partial_step::weight;
pub use session_user::environment;
pub(crate) use session_user::names_session_or_user;
pub use switches::ContentSwitch;

use crate::model::{
    ContentState, CutPart, CutParts, LogRecord, Message, Part, ProblemCode, Role, Span, Step, StepKind,
};
use cut::Material;
use json_tree::Arena;
use partial_step::{Parts, content_state, is_withheld};
use span_view::Source;

/// Room for the trees of most spans, in bytes.
const ARENA_ROOM: usize = 4096;

/// Reads one span. `logs` are the records that carry its trace and span id.
pub fn normalise(span: &Span, logs: &[LogRecord]) -> Step {
    let arena = Arena::with_capacity(ARENA_ROOM);
    let source = Source::new(span, logs, &arena);
    let mut merged = Parts::default();
    let mut convention = None;
    for family in families::FAMILIES {
        if let Some(parts) = (family.read)(&source) {
            convention.get_or_insert(parts.convention.unwrap_or(family.name));
            merged.absorb(parts);
        }
    }
    step(source, merged, convention)
}

fn step(source: Source<'_>, mut parts: Parts, convention: Option<&'static str>) -> Step {
    let span = source.span;
    let identity = session_user::identity(&source);
    let kind = parts.kind.or(parts.inferred_kind).unwrap_or_default();
    if kind == StepKind::Generation && parts.operation.is_none() {
        parts.operation = Some("chat".to_owned());
    }
    let mut input = parts.input_messages().and_then(|messages| without_placeholders(&source, messages));
    parts.prompt_variables.retain(|(_, value)| placeholders::state_of(value).is_none());
    speakers::tell_apart(&source, input.as_deref_mut().unwrap_or_default());
    let mut output = parts.output.take().map(|said| said.messages);
    if let Some(said) = &mut output {
        thinking::set_apart(said);
        if kind == StepKind::Generation {
            choices::keep_first(&source, said);
        }
    }
    parts.finish_reasons.iter_mut().for_each(|reason| *reason = finish_reasons::normalised(reason));
    let answered = output.as_deref().is_some_and(says_something);
    let error = parts.error.take().or_else(|| call_errors::failure(&source, answered));
    let error = error.or_else(|| ended_in_error(kind, answered, &parts.finish_reasons));
    let material = Material {
        kind,
        input: input.as_deref(),
        output: output.as_deref(),
        documents: &parts.documents,
        error: error.as_deref(),
    };
    let broken_off = broken_off::report(&source, kind, answered, &parts.finish_reasons);
    let cut = cut::report(&source, material) | CutParts::of(CutPart::Output, parts.is_cut || broken_off);
    // An empty shell that a failed call left behind is no empty answer.
    let output = output.filter(|_| answered || error.is_none());
    let content = match (&error, kind) {
        (Some(_), _) if !answered => ContentState::NotCaptured,
        (_, StepKind::Generation)
            if output.as_deref().is_some_and(|output| {
                is_withheld(source.is_asked(), input.as_deref(), output, &parts.finish_reasons)
            }) =>
        {
            ContentState::NotCaptured
        }
        _ => content_state(output.as_deref(), parts.absence),
    };
    let output_text = output_text(output.as_deref(), content, kind).filter(|_| error.is_none());
    Step {
        parent_span_id: span.parent_span_id,
        name: span.name.clone(),
        kind,
        convention: convention.map(str::to_owned),
        start: span.start,
        end: span.end,
        operation: parts.operation,
        provider: parts.provider,
        request_model: parts.request_model,
        response_model: parts.response_model,
        response_id: parts.response_id,
        session_id: identity.session_id,
        user_id: identity.user_id,
        entity_name: parts.entity_name,
        input,
        output,
        output_text,
        finish_reasons: parts.finish_reasons,
        documents: documents::without_placeholders(parts.documents),
        tools: parts.tools,
        usage: parts.tokens.settled(),
        error,
        content,
        cut,
        tags: identity.tags,
        metadata: identity.metadata,
        prompt_name: parts.prompt_name,
        prompt_version: parts.prompt_version,
        prompt_variables: parts.prompt_variables,
        reference: parts.reference,
        unmapped: known_attributes::unmapped(&source),
        problems: source.into_problems(),
        ..Step::bare(span.trace_id, span.span_id)
    }
}

/// The messages that went in, without texts that only say that content was masked or not recorded; `None` where nothing
/// else is left of them.
fn without_placeholders(source: &Source<'_>, mut messages: Vec<Message>) -> Option<Vec<Message>> {
    let mut found = false;
    let newest = messages.iter().rposition(|message| message.role == Role::User);
    let is_newest_empty = |messages: &[Message]| newest.is_some_and(|at| messages[at].parts.is_empty());
    let was_empty = is_newest_empty(&messages);
    for message in &mut messages {
        let parts = message.parts.len();
        message.parts.retain(|part| !matches!(part, Part::Text { text } if placeholders::state_of(text).is_some()));
        found |= message.parts.len() < parts;
    }
    if found && !says_something(&messages) {
        return None;
    }
    if !was_empty && is_newest_empty(&messages) {
        source.report(ProblemCode::Redacted, "the newest question is a mask");
    }
    Some(messages)
}

/// The conventions' own finish reason of a call that failed, where nothing else says so.
fn ended_in_error(kind: StepKind, answered: bool, finish_reasons: &[String]) -> Option<String> {
    let failed = kind == StepKind::Generation && !answered && finish_reasons.iter().any(|reason| reason == "error");
    failed.then(|| "finish reason error".to_owned())
}

/// Whether an output holds any part at all.
fn says_something(messages: &[Message]) -> bool {
    messages.iter().any(|message| !message.parts.is_empty())
}

/// The answer as judges see it: `Some("")` only where the model really answered nothing.
fn output_text(output: Option<&[Message]>, content: ContentState, kind: StepKind) -> Option<String> {
    match content {
        ContentState::Captured => answer_text(output?),
        ContentState::Empty if kind == StepKind::Generation => Some(output.and_then(answer_text).unwrap_or_default()),
        ContentState::Empty | ContentState::NotCaptured | ContentState::Redacted | ContentState::Reference => None,
    }
}
