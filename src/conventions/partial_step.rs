//! What one family read from a span, and how the readings of several families become one step.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::finish_reasons::is_tool_call;
use super::placeholders;
use super::usage::Tokens;
use crate::model::{ContentState, Document, Message, Part, Role, StepKind, ToolDefinition};

/// How far a reading of messages may be trusted; what is trusted more always wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    /// The whole of a generic field, as text.
    Raw,
    /// Found in the body of a request or response that was recorded as a whole.
    Body,
    /// Read from a structure made for messages.
    Structured,
    /// Chosen from such a structure by the family that knows which of its messages is meant.
    Chosen,
}

/// Messages with the trust they deserve.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) messages: Vec<Message>,
    pub(crate) trust: Trust,
}

impl Said {
    pub(crate) fn structured(messages: Vec<Message>) -> Option<Self> {
        (!messages.is_empty()).then_some(Self { messages, trust: Trust::Structured })
    }

    pub(crate) fn chosen(messages: Vec<Message>) -> Option<Self> {
        (!messages.is_empty()).then_some(Self { messages, trust: Trust::Chosen })
    }

    pub(crate) fn body(messages: Vec<Message>) -> Option<Self> {
        (!messages.is_empty()).then_some(Self { messages, trust: Trust::Body })
    }

    pub(crate) fn text(role: Role, text: impl Into<String>) -> Self {
        Self { messages: vec![Message::text(role, text)], trust: Trust::Raw }
    }

    pub(crate) fn is_structured(&self) -> bool {
        self.trust >= Trust::Structured
    }

    /// How much is said: tool calls and results weigh as much as a long text, so that no encoding that lost them wins.
    pub(crate) fn weight(&self) -> usize {
        weight(&self.messages)
    }
}

/// How much messages say.
pub(crate) fn weight(messages: &[Message]) -> usize {
    let of_part = |part: &Part| match part {
        Part::Text { text } => text.len(),
        Part::Reasoning { text } => text.len() / 4,
        Part::ToolCall(_) => 200,
        Part::ToolResult { text, .. } => 100 + text.len(),
        Part::Media { .. } | Part::Other { .. } => 10,
    };
    messages.iter().map(|message| 1 + message.parts.iter().map(of_part).sum::<usize>()).sum()
}

/// The richer of two readings of the same messages; never both, which would double them.
pub(crate) fn richer(one: Option<Said>, two: Option<Said>) -> Option<Said> {
    match (one, two) {
        (Some(one), Some(two)) => {
            let two_wins = match two.trust.cmp(&one.trust) {
                Ordering::Greater => true,
                Ordering::Less => false,
                // Of two raw texts neither is richer; the family that knows the field better comes first.
                Ordering::Equal => one.trust > Trust::Raw && two.weight() > one.weight(),
            };
            Some(if two_wins { two } else { one })
        }
        (one, two) => one.or(two),
    }
}

/// What a family read. Everything is optional: a family says only what its convention says.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// The convention's own word for what the span is.
    pub(crate) kind: Option<StepKind>,
    /// What the span must be although its convention has no word for it; any `kind` wins.
    pub(crate) inferred_kind: Option<StepKind>,
    /// Overrules the family's name as the convention, where a version shows.
    pub(crate) convention: Option<&'static str>,
    pub(crate) operation: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) request_model: Option<String>,
    pub(crate) response_model: Option<String>,
    pub(crate) response_id: Option<String>,
    pub(crate) entity_name: Option<String>,
    pub(crate) system: Vec<Message>,
    pub(crate) input: Option<Said>,
    pub(crate) output: Option<Said>,
    pub(crate) finish_reasons: Vec<String>,
    pub(crate) documents: Vec<Document>,
    pub(crate) tools: Vec<ToolDefinition>,
    pub(crate) tokens: Tokens,
    pub(crate) error: Option<String>,
    /// The answer is known to be masked or elsewhere.
    pub(crate) absence: Option<ContentState>,
    /// The answer is known to be only the beginning of what the model said.
    pub(crate) is_cut: bool,
    pub(crate) reference: Option<String>,
    pub(crate) prompt_name: Option<String>,
    pub(crate) prompt_version: Option<String>,
    pub(crate) prompt_variables: Vec<(String, String)>,
}

impl Parts {
    /// Adds what another family read. Earlier families win where both say the same thing differently.
    pub(crate) fn absorb(&mut self, other: Self) {
        fn fill<T>(slot: &mut Option<T>, value: Option<T>) {
            if slot.is_none() {
                *slot = value;
            }
        }
        fn fill_list<T>(slot: &mut Vec<T>, value: Vec<T>) {
            if slot.is_empty() {
                *slot = value;
            }
        }
        fill(&mut self.kind, other.kind);
        fill(&mut self.inferred_kind, other.inferred_kind);
        fill(&mut self.operation, other.operation);
        fill(&mut self.provider, other.provider);
        fill(&mut self.request_model, other.request_model);
        fill(&mut self.response_model, other.response_model);
        fill(&mut self.response_id, other.response_id);
        fill(&mut self.entity_name, other.entity_name);
        fill(&mut self.error, other.error);
        fill(&mut self.absence, other.absence);
        fill(&mut self.reference, other.reference);
        fill(&mut self.prompt_name, other.prompt_name);
        fill(&mut self.prompt_version, other.prompt_version);
        fill_list(&mut self.system, other.system);
        fill_list(&mut self.finish_reasons, other.finish_reasons);
        fill_list(&mut self.prompt_variables, other.prompt_variables);
        if text_length(&other.documents) > text_length(&self.documents) {
            self.documents = other.documents;
        }
        if other.tools.len() > self.tools.len() {
            self.tools = other.tools;
        }
        self.is_cut |= other.is_cut;
        self.tokens = self.tokens.or(other.tokens);
        self.input = richer(self.input.take(), other.input);
        self.output = richer(self.output.take(), other.output);
    }

    /// The messages that went in, system instructions first and only once.
    pub(crate) fn input_messages(&mut self) -> Option<Vec<Message>> {
        let system = std::mem::take(&mut self.system);
        let input = self.input.take().map(|said| said.messages);
        match input {
            None if system.is_empty() => None,
            None => Some(system),
            Some(messages) if messages.iter().any(|message| message.role == Role::System) => {
                let told: HashSet<Option<String>> = messages.iter().map(Message::joined_text).collect();
                let missing: Vec<Message> =
                    system.into_iter().filter(|message| !told.contains(&message.joined_text())).collect();
                Some(missing.into_iter().chain(messages).collect())
            }
            Some(messages) => Some(system.into_iter().chain(messages).collect()),
        }
    }
}

fn text_length(documents: &[Document]) -> usize {
    documents.iter().map(|document| 1 + document.text.as_ref().map_or(0, String::len)).sum()
}

/// Whether the producer left out what the model answered: it stopped for a tool that nobody names; or there are names of
/// tools without any arguments, and a question was recorded (`asked`) of which nothing but the form is left.
pub(crate) fn is_withheld(
    asked: bool,
    input: Option<&[Message]>,
    output: &[Message],
    finish_reasons: &[String],
) -> bool {
    let says = |messages: &[Message], is: fn(&Part) -> bool| messages.iter().flat_map(|said| &said.parts).any(is);
    if says(output, |part| matches!(part, Part::ToolCall(_))) {
        return asked && !says(output, is_content) && !input.is_some_and(|input| says(input, is_content));
    }
    let is_answer = |part: &Part| match part {
        Part::Text { text } => !text.is_empty(),
        Part::Reasoning { .. } => false,
        _ => true,
    };
    !says(output, is_answer) && finish_reasons.iter().any(|reason| is_tool_call(reason))
}

/// Whether a part says more than that there was one: text, results, arguments, media.
pub(crate) fn is_content(part: &Part) -> bool {
    match part {
        Part::Text { text } | Part::Reasoning { text } | Part::ToolResult { text, .. } => !text.is_empty(),
        Part::ToolCall(call) => !call.arguments.is_null(),
        // Inline bytes are not kept, so that nothing tells one that was captured from one that was not.
        Part::Media { reference, .. } => reference.is_some(),
        Part::Other { .. } => true,
    }
}

/// Whether an answer is there to be judged.
pub(crate) fn content_state(output: Option<&[Message]>, absence: Option<ContentState>) -> ContentState {
    let Some(messages) = output else { return absence.unwrap_or(ContentState::NotCaptured) };
    let parts = || messages.iter().flat_map(|message| &message.parts);
    let texts = || {
        parts().filter_map(|part| match part {
            Part::Text { text } => Some(text),
            _ => None,
        })
    };
    let masked = || texts().map(|text| placeholders::state_of(text));
    if let Some(state) = masked().next().flatten()
        && masked().all(|other| other.is_some())
    {
        return state;
    }
    let says = messages
        .iter()
        .filter(|message| message.role != Role::Tool)
        .flat_map(|message| &message.parts)
        .any(|part| matches!(part, Part::Text { text } if !text.trim().is_empty()));
    let asks_or_shows = parts().any(|part| matches!(part, Part::ToolCall(_) | Part::Media { .. }));
    if says || asks_or_shows {
        return ContentState::Captured;
    }
    // Something was said, in a form that nobody reads.
    let unread = parts().any(|part| matches!(part, Part::Other { .. }));
    absence.unwrap_or(if unread { ContentState::NotCaptured } else { ContentState::Empty })
}
